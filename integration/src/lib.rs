//! x

pub mod fakes;
pub mod stack;
