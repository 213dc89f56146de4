//! The official `openai` SDK for Python, unchanged, through the real Envoy: what callers will run.
//!
//! `cases.py` does what callers do and prints what the SDK made of the answers; the tests compare
//! that with the gateway's audit log and with what the fake Azure OpenAI billed.

mod answers;
mod errors;
mod media;
mod responses;
mod sdk;
