//! Where state is kept: what is written, and what it means.

use std::path::{Path, PathBuf};

use super::spanned::Spanned;

use super::problem::Problem;
use super::problems::Problems;
use super::secret::read_secret;
use super::written::Database;
use crate::database::PostgresUrl;

/// The directory; the service makes it when it starts.
pub(super) fn data_directory(
    written: Option<&Spanned<PathBuf>>,
    directory: &Path,
    problems: &mut Problems,
) -> Option<PathBuf> {
    let written = written?;
    let path = directory.join(&written.value);
    if written.value.as_os_str().is_empty() || path.is_file() {
        let message = format!("`{}` is not a directory", written.value.display());
        problems.push(Problem::at(written.referenced, message));
    }
    Some(path)
}

pub(super) fn database(
    written: Option<&Spanned<Database>>,
    directory: &Path,
    problems: &mut Problems,
) -> Option<PostgresUrl> {
    let written = written?;
    let mut failed = |message: String| problems.push(Problem::at(written.referenced, message));
    let password = match &written.value.password {
        None => None,
        Some(place) => Some(read_secret(place, directory).map_err(&mut failed).ok()?),
    };
    PostgresUrl::new(&written.value.url, password)
        .map_err(|error| failed(error.to_string()))
        .ok()
}
