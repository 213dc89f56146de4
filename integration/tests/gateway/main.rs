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
mod matrix;
mod metering;
mod options;
mod pki;
mod reload;
mod secrets;
mod support;
mod swap;
mod token_issuers;
mod token_keys;
mod token_support;
mod tokens;
