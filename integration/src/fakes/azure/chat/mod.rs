//! Chat completions, in the bytes that Azure sends: the members of an object in alphabetical order, a
//! first event with the prompt's filter results and no choice, `usage` on each event if it was asked
//! for, and null on all but the last.

mod chunk;
mod stream;
mod whole;

pub use stream::plan;
pub use whole::json;
