//! What is kept of prompts and answers, where a product asks for it: how much of them, and without what.
//!
//! Nothing here is done while a request is served, but for copying its bytes: they are read, and what must not be
//! seen is taken out, when the request has ended, on the thread that writes the log.

mod answer;
mod capture;
mod cut;
mod redact;
mod room;
mod rules;

pub use capture::{Capture, Content, LeftOut, Part};
pub use room::Room;
pub use rules::{ContentRules, Redaction, RedactionError};
