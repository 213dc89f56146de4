//! `tollgate --version`: the version, and the commit where a build knows it.

#![expect(
    clippy::expect_used,
    reason = "a test that can't run a program says so and fails"
)]

use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

#[path = "../build/commit.rs"]
mod commit;

use commit::{commit, version};

/// Runs git, with nobody's configuration.
fn git(folder: &Path, arguments: &[&str]) -> String {
    let output = Command::new("git")
        .args(["-c", "user.name=a", "-c", "user.email=a@example.com"])
        .args(arguments)
        .current_dir(folder)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_SYSTEM", "/dev/null")
        .output()
        .expect("git runs");
    assert!(output.status.success(), "{arguments:?}: {output:?}");
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    text.trim().to_owned()
}

/// A checkout with one commit, which is returned.
fn checkout() -> (TempDir, String) {
    let folder = tempfile::tempdir().expect("a folder");
    git(folder.path(), &["init", "--quiet"]);
    let head = another_commit(folder.path());
    (folder, head)
}

fn another_commit(folder: &Path) -> String {
    git(folder, &["commit", "--quiet", "--allow-empty", "-m", "a"]);
    git(folder, &["rev-parse", "HEAD"])
}

/// What a build of a folder calls itself.
fn shown(folder: &Path, given: &str, is_release: bool) -> String {
    version("1.2.3", &commit(folder, given, is_release))
}

fn with(head: &str) -> String {
    let short = head.get(..12).expect("a commit");
    format!("1.2.3 ({short})")
}

#[test]
fn a_release_of_a_checkout_says_its_commit_also_after_another_one() {
    let (folder, first) = checkout();
    let folder = folder.path();
    assert_eq!(shown(folder, "", true), with(&first));
    let second = another_commit(folder);
    assert_eq!(shown(folder, "", true), with(&second));
    let follows = commit(folder, "", true).follows.expect("a file");
    let text = std::fs::read_to_string(folder.join(follows)).expect("it is there");
    assert!(text.contains(&second), "it changes with each commit");
    // In a worktree `.git` is a file.
    let other = tempfile::tempdir().expect("a folder");
    let worktree = other.path().join("worktree");
    let path = worktree.to_str().expect("UTF-8");
    git(folder, &["worktree", "add", "--quiet", path, &first]);
    assert_eq!(shown(&worktree, "", true), with(&first));
}

#[test]
fn sources_without_a_repository_build_without_a_commit_also_inside_of_another_one() {
    let (folder, head) = checkout();
    let archive = folder.path().join("tollgate-1.2.3");
    std::fs::create_dir(&archive).expect("a folder");
    for is_release in [true, false] {
        assert_eq!(shown(&archive, "", is_release), "1.2.3");
    }
    // Whoever builds it may know better.
    assert_eq!(shown(&archive, &head, true), with(&head));
}

#[test]
fn a_build_that_is_no_release_asks_nobody() {
    let (folder, _) = checkout();
    assert_eq!(shown(folder.path(), "", false), "1.2.3");
    assert!(commit(folder.path(), "", false).follows.is_none());
}

#[test]
fn what_is_given_comes_before_git_and_must_be_a_commit() {
    let (folder, _) = checkout();
    let given = |given: &str| shown(folder.path(), given, true);
    assert_eq!(given(" 0123456789abcdef\n"), "1.2.3 (0123456789ab)");
    assert_eq!(given("0123456"), "1.2.3 (0123456)");
    for wrong in ["unknown", "012345", "v1.2.3", "$(git rev-parse HEAD)"] {
        assert_eq!(given(wrong), "1.2.3", "{wrong}");
    }
}

#[test]
fn tollgate_says_what_its_build_has_found_out() {
    let built = env!("TOLLGATE_VERSION");
    let output = Command::new(env!("CARGO_BIN_EXE_tollgate"))
        .arg("--version")
        .output()
        .expect("tollgate runs");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(text, format!("tollgate {built}\n"));
    let commit = built.strip_prefix(env!("CARGO_PKG_VERSION"));
    let commit = commit.expect("the package's version");
    assert!(commit.is_empty() || commit.starts_with(" ("), "{built}");
}
