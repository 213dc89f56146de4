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
mod matrix;
mod metering;
mod pki;
mod secrets;
mod support;
mod swap;
mod token_issuers;
mod token_keys;
mod token_support;
mod tokens;
