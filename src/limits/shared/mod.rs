//! Counting together with other replicas, in Redis or Valkey.
//!
//! A replica takes slices of a limit and serves requests from them, so that most decisions need no round
//! trip. What it does not use soon goes back; near the end of a limit slices are as small as what a
//! request needs. Only `link` speaks to the servers.

mod call;
mod keys;
mod link;
mod options;
mod share;
mod stock;
mod view;
mod window_share;

pub(super) use call::{Answer, Ask, CounterCall};
pub(super) use keys::of_counter;
pub use link::{Away, SharedState, try_servers};
pub(super) use link::{Link, Said, Turn};
pub use options::{
    BadServerUrl, RenewedPassword, ServerUrl, Servers, SharedOptions, WhenUnavailable,
};
pub(super) use share::{About, Room, Share};
pub(super) use view::View;
