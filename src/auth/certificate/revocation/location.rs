//! Where lists are, and those that are files.

use std::path::{Path, PathBuf};

use super::CrlError;
use super::points::MAX_LIST_BYTES;
use crate::auth::fetch::Url;

/// Where a list is.
pub(super) enum ListLocation {
    File(PathBuf),
    Url(Url),
}

impl std::fmt::Display for ListLocation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::File(path) => path.display().fmt(f),
            Self::Url(url) => url.fmt(f),
        }
    }
}

/// The bytes of a list's file.
pub(super) fn read(path: &Path) -> Result<Vec<u8>, CrlError> {
    let unavailable = |error: std::io::Error| CrlError::Unavailable(error.to_string());
    let size = std::fs::metadata(path).map_err(unavailable)?.len();
    if usize::try_from(size).map_or(true, |size| size > MAX_LIST_BYTES) {
        return Err(CrlError::Unavailable(format!(
            "it is larger than {MAX_LIST_BYTES} bytes"
        )));
    }
    std::fs::read(path).map_err(unavailable)
}
