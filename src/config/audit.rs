//! `audit`: a file for the audit log besides standard output.

use std::path::{Path, PathBuf};

use super::problem::Problem;
use super::problems::Problems;
use super::spanned::Spanned;
use super::written::Audit;
use crate::telemetry::LogFile;

const DEFAULT_MAX_BYTES: u64 = 100 * 1024 * 1024;
/// Less would put files aside all the time.
const MIN_MAX_BYTES: u64 = 64 * 1024;
const DEFAULT_KEEP: u32 = 5;
const MAX_KEEP: u32 = 1000;

pub(super) fn audit(
    written: Option<&Audit>,
    directory: &Path,
    problems: &mut Problems,
) -> Option<LogFile> {
    let written = written?;
    let (max_bytes, keep) = (written.max_bytes.as_ref(), written.keep.as_ref());
    Some(log_file(
        &written.file,
        max_bytes,
        keep,
        directory,
        problems,
    ))
}

/// A file that is put aside when it is full.
pub(super) fn log_file(
    file: &Spanned<PathBuf>,
    max_bytes: Option<&Spanned<u64>>,
    keep: Option<&Spanned<u32>>,
    directory: &Path,
    problems: &mut Problems,
) -> LogFile {
    let path = directory.join(&file.value);
    if file.value.as_os_str().is_empty() || path.is_dir() {
        let message = "must be the path of a file";
        problems.push(Problem::at(file.referenced, message));
    }
    let max_bytes = max_bytes.map_or(DEFAULT_MAX_BYTES, |it| {
        if it.value < MIN_MAX_BYTES {
            let message = format!("must be at least {MIN_MAX_BYTES} bytes");
            problems.push(Problem::at(it.referenced, message));
        }
        it.value
    });
    let keep = keep.map_or(DEFAULT_KEEP, |it| {
        if it.value > MAX_KEEP {
            let message = format!("must be at most {MAX_KEEP}");
            problems.push(Problem::at(it.referenced, message));
        }
        it.value
    });
    LogFile {
        path,
        max_bytes,
        keep,
        max_age: None,
    }
}
