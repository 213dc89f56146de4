//! tollgate: authentication, authorisation and token accounting for Azure OpenAI, alongside Envoy.
//!
//! The rooms, each with one job; data flows from top to bottom:

/// A caller and a request → allowed, or why not.
pub mod access;
/// Health and metrics over HTTP.
pub mod admin;
/// A credential → a caller.
pub mod auth;
mod backoff;
/// The command line: serve, check, key.
pub mod cli;
/// YAML → one validated configuration.
pub mod config;
/// What is kept of prompts and answers, where a product asks for it.
pub mod content;
/// Keys that are issued while the service runs: commands, and what keeps replicas up to date.
pub mod control;
/// The one room that speaks SQL: SQLite, PostgreSQL, migrations.
pub mod database;
mod digits;
/// Tries for real what a configuration says: `tollgate doctor`.
pub mod doctor;
/// Envoy's messages in, replies out: ext_authz, ext_proc, the endpoint that it connects to.
pub mod envoy;
/// The Envoy configuration that fits a tollgate.yaml: `tollgate envoy`.
pub mod envoy_config;
/// What other programs are told: CloudEvents.
pub mod events;
/// The pipeline of a request: decide, forward, account for, refuse.
pub mod gateway;
/// How much each client, user, product and deployment may use, and has used.
pub mod limits;
mod loopback;
mod nearest;
mod percent;
/// What requests are decided by, replaced as a whole.
pub mod policy;
mod printable;
/// Metrics, audit log, log.
pub mod telemetry;
mod unix_time;
/// The identity towards the backends: tokens of Entra ID.
pub mod upstream;
/// The meter, estimates, the usage record.
pub mod usage;
