//! The gateway as its users meet it: through the real Envoy, with the real tollgate beside it.

mod callers;
mod certificates;
mod deployments;
mod faults;
mod garbage;
mod health;
mod identity;
mod issuers;
mod lifecycle;
mod metering;
mod objects;
mod operations;
mod pki;
mod realtime;
mod secrets;
mod support;
mod swap;
mod tokens;
