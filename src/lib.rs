//! tollgate: authentication, authorisation and token accounting for Azure OpenAI, beside Envoy.
//!
//! The rooms, each with one job; data flows from top to bottom:

/// A caller and a request → allowed, or why not.
pub mod access;
/// Health and metrics over HTTP.
pub mod admin;
/// A credential → a caller.
pub mod auth;
/// The command line: serve, check, key.
pub mod cli;
/// YAML → one validated configuration.
pub mod config;
/// The one room that speaks SQL: SQLite, PostgreSQL, migrations.
pub mod database;
/// Envoy's messages in, replies out: ext_authz, ext_proc.
pub mod envoy;
/// Metrics, audit log, log.
pub mod telemetry;
/// The identity towards the backends: tokens of Entra ID.
pub mod upstream;
/// The meter, estimates, the usage record.
pub mod usage;
