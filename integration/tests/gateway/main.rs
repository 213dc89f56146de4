//! The gateway as its users meet it: through the real Envoy, with the real tollgate beside it.

mod access;
mod callers;
mod certificates;
mod control;
mod deployments;
mod explain;
mod faults;
mod garbage;
mod health;
mod identity;
mod issued;
mod issuers;
mod lifecycle;
mod metering;
mod options;
mod pki;
mod reload;
mod secrets;
mod support;
mod swap;
mod tokens;
