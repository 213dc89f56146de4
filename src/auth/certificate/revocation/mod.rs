//! Whether a certificate has been revoked: certificate revocation lists (RFC 5280, section 5).
//!
//! Lists are read from files and fetched from URLs behind the requests, parsed off their way, and
//! held until better ones come. What they say together of a certificate is in [`judge`]. Online status
//! (OCSP) is not asked for.

mod error;
mod judge;
mod list;
mod location;
mod parse;
mod points;
mod refresh;
mod scope;
mod store;

use std::path::PathBuf;
use std::time::Duration;

use crate::auth::fetch::Url;
pub use error::CrlError;
pub(super) use judge::{Standing, Subject, judge};
pub(super) use scope::{Point, uris};
pub(super) use store::IssuerKey;
pub use store::{HeldList, Revocation};

/// What a certificate's unknown status means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CrlMode {
    /// Unknown or stale is denied.
    Required,
    /// Unknown or stale is good; revoked is denied.
    Soft,
    /// Lists are not looked at.
    Off,
}

/// The state of an authority's lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CrlState {
    /// They are not looked at.
    Off,
    /// There is none.
    Missing,
    /// One has expired, and no newer one has arrived.
    Stale,
    /// All of them are current.
    Fresh,
}

/// Where an authority's lists are.
#[derive(Clone, Debug)]
pub struct CrlSource {
    /// What their absence means.
    pub mode: CrlMode,
    /// PEM or DER files.
    pub files: Vec<PathBuf>,
    /// Addresses to fetch from.
    pub urls: Vec<Url>,
    /// Hosts, as `name` or `name:port`, whose addresses are fetched when a certificate names them as
    /// its distribution point.
    pub distribution_hosts: Vec<String>,
    /// How often they are read again.
    pub refresh: Duration,
}
