//! x

pub mod fakes;
pub mod postgres;
pub mod stack;
