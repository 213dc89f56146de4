//! What a request asks for.

use super::amounts::Amounts;
use super::settings::{Priority, Queueing};
use super::subject::Line;

/// What a request asks for.
#[derive(Clone, Debug)]
pub struct Demand {
    /// The limits that it must pass.
    pub lines: Vec<Line>,
    /// What it may use.
    pub amounts: Amounts,
    /// Its client's priority.
    pub priority: Priority,
    /// Whether it may wait for room.
    pub queueing: Option<Queueing>,
}
