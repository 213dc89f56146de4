//! The gateway as its users meet it: through the real Envoy, with the real tollgate beside it.

mod books;
mod callers;
mod certificates;
mod chargeback;
mod crash;
mod deployments;
mod faults;
mod garbage;
mod health;
mod identity;
mod issuers;
mod ledger;
mod lifecycle;
mod load;
mod metering;
mod objects;
mod operations;
mod pki;
mod realtime;
mod secrets;
mod support;
mod swap;
mod tokens;
