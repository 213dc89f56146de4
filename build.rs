//! Generates our own messages from proto/, without a protoc, and notes which commit this is.

use std::env;
use std::error::Error;
use std::process::Command;

const PROTOS: [&str; 5] = [
    "tollgate/control/v1/audit.proto",
    "tollgate/control/v1/keys.proto",
    "tollgate/control/v1/limits.proto",
    "tollgate/control/v1/log.proto",
    "tollgate/decision/v1/decision.proto",
];
/// Messages with a credential in them: nothing may print them.
const SECRET: [&str; 4] = [
    "tollgate.control.v1.IssueResponse",
    "tollgate.control.v1.RotateResponse",
    "tollgate.decision.v1.Decision",
    "tollgate.decision.v1.Decision.proof",
];
/// As much of a commit as people write.
const COMMIT_CHARS: usize = 12;

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=proto");
    println!("cargo:rerun-if-changed=build.rs");
    let files = protox::compile(PROTOS, ["proto"])?;
    tonic_prost_build::configure()
        .skip_debug(SECRET)
        .compile_fds(files)?;
    let version = env::var("CARGO_PKG_VERSION")?;
    let version = match commit() {
        Some(commit) => format!("{version} ({commit})"),
        None => version,
    };
    println!("cargo:rustc-env=TOLLGATE_VERSION={version}");
    Ok(())
}

/// The commit: `TOLLGATE_COMMIT`, for builds that have no repository, or else what git says. Neither is in an
/// archive of the sources, which builds all the same. Only releases ask git: anything else would be built
/// anew after each commit.
fn commit() -> Option<String> {
    println!("cargo:rerun-if-env-changed=TOLLGATE_COMMIT");
    let given = env::var("TOLLGATE_COMMIT").unwrap_or_default();
    let commit = match given.trim() {
        "" if env::var("PROFILE").is_ok_and(|it| it == "release") => {
            // Also where HEAD names a branch: then this file has the commits that it has named.
            let log = git(&["rev-parse", "--git-path", "logs/HEAD"])?;
            println!("cargo:rerun-if-changed={log}");
            git(&["rev-parse", "HEAD"])?
        }
        given => given.to_owned(),
    };
    let is_commit = commit.len() >= 7 && commit.bytes().all(|it| it.is_ascii_hexdigit());
    is_commit.then(|| commit.chars().take(COMMIT_CHARS).collect())
}

/// What git says of the repository that this is, and not of one around it.
fn git(arguments: &[&str]) -> Option<String> {
    let folder = env::var("CARGO_MANIFEST_DIR").ok()?;
    std::path::Path::new(&folder)
        .join(".git")
        .exists()
        .then_some(())?;
    let output = Command::new("git")
        .args(arguments)
        .current_dir(folder)
        .output()
        .ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim().to_owned())
}
