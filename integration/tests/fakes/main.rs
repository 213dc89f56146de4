//! The fakes over the wire: what tests of the gateway rest on must itself be tested.

mod canned;
mod chat;
mod faults;
mod identity;
mod limits;
mod process;
mod refusals;
mod responses;
mod rig;
mod tools;
mod wire;
