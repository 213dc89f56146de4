//! The harness: tollgate between a real Envoy and the fakes, on loopback and on free ports.
//!
//! ```text
//! Callers ──TLS──▶ Envoy (envoy/standalone.yaml) ──TLS──▶ FakeAzure
//!                    │ unix socket
//!                    ▼
//!                 tollgate serve ──▶ FakeIdentity
//! ```
//!
//! - [`Stack`], [`Options`]: all of it in one value, gone when the value is.
//! - [`Callers`]: HTTP clients that trust the test's authority, and raw bytes.
//! - [`Envoy`], [`EnvoyConfig`]: the child process and its configuration.
//! - [`Tollgate`]: the child process, its audit log, metrics and signals.
//! - [`decisions`]: a service in tollgate's place that decides what a test says.
//! - [`wait_for`], [`Lines`]: waiting for what another process does, with a deadline.

pub mod child;
pub mod client;
pub mod config;
pub mod decisions;
pub mod echo;
pub mod envoy;
pub mod failure;
mod files;
pub mod key;
pub mod lines;
pub mod mesh;
pub mod options;
pub mod paths;
mod running;
pub mod tollgate;
pub mod wait;

pub use self::child::{Child, Output};
pub use self::client::{Callers, RawResponse};
pub use self::config::{BACKEND_CLUSTER, Backend, EnvoyConfig};
pub use self::echo::Echo;
pub use self::envoy::{Envoy, Launch};
pub use self::failure::Failure;
pub use self::key::TestKey;
pub use self::lines::Lines;
pub use self::options::{ClientFiles, Options};
pub use self::running::{BACKEND_HOST, CHAT_PATH, Stack};
pub use self::tollgate::{Tollgate, TollgateLaunch, tollgate_yaml};
pub use self::wait::{poll_for, wait_for};
