//! x

pub mod fakes;
pub mod ports;
pub mod postgres;
pub mod prometheus;
pub mod redis;
pub mod stack;
