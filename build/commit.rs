//! Which commit a build is of, for `tollgate --version`.

use std::path::Path;
use std::process::Command;

/// As much of a commit as people write.
const COMMIT_CHARS: usize = 12;

/// What is known of a build's commit.
pub(crate) struct Commit {
    /// As it is shown; none where nobody knows it.
    pub(crate) shown: Option<String>,
    /// The file of git that changes with each commit, where git was asked.
    pub(crate) follows: Option<String>,
}

/// The commit of a build of `folder`: the given one, for builds that have no repository, or else what git says. Neither
/// is in an archive of the sources, which builds all the same. Only releases ask git: anything else would be built anew
/// after each commit.
pub(crate) fn commit(folder: &Path, given: &str, is_release: bool) -> Commit {
    let (commit, follows) = match given.trim() {
        "" if is_release => (
            git(folder, &["rev-parse", "HEAD"]),
            // Also where HEAD names a branch: then this file has the commits that it has named.
            git(folder, &["rev-parse", "--git-path", "logs/HEAD"]),
        ),
        given => (Some(given.to_owned()), None),
    };
    let is_commit = |it: &String| it.len() >= 7 && it.bytes().all(|it| it.is_ascii_hexdigit());
    let commit = commit.filter(is_commit);
    Commit {
        shown: commit.map(|it| it.chars().take(COMMIT_CHARS).collect()),
        follows,
    }
}

/// The version, with the commit where it is known.
pub(crate) fn version(number: &str, commit: &Commit) -> String {
    match &commit.shown {
        Some(commit) => format!("{number} ({commit})"),
        None => number.to_owned(),
    }
}

/// What git says of the repository that a folder is, and not of one around it.
fn git(folder: &Path, arguments: &[&str]) -> Option<String> {
    folder.join(".git").exists().then_some(())?;
    let output = Command::new("git")
        .args(arguments)
        .current_dir(folder)
        .output()
        .ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim().to_owned())
}
