//! x

pub mod fakes;
pub mod postgres;
pub mod redis;
pub mod stack;
