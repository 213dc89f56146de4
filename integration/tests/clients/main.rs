//! The clients that people run, unchanged and pinned, through the real Envoy.
//!
//! Each is a program of `integration/clients/programs/` that runs the client's lines of
//! `docs/clients.md` and does what callers do. The tests compare what it has seen with what the fake
//! Azure OpenAI billed, and with the gateway's usage records.

mod contract;
mod documented;
mod environment;
mod forms;
mod javascript;
#[cfg(feature = "all-clients")]
mod more;
mod program;
mod python;
