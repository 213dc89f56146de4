//! Generates our own messages from proto/, without a protoc, and notes which commit this is.

#[path = "build/commit.rs"]
mod commit;

use std::env;
use std::error::Error;
use std::path::Path;

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

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=proto");
    println!("cargo:rerun-if-changed=build.rs");
    let files = protox::compile(PROTOS, ["proto"])?;
    tonic_prost_build::configure()
        .skip_debug(SECRET)
        .compile_fds(files)?;
    println!("cargo:rerun-if-changed=build");
    println!("cargo:rerun-if-env-changed=TOLLGATE_COMMIT");
    let given = env::var("TOLLGATE_COMMIT").unwrap_or_default();
    let is_release = env::var("PROFILE").is_ok_and(|it| it == "release");
    let commit = commit::commit(
        Path::new(&env::var("CARGO_MANIFEST_DIR")?),
        &given,
        is_release,
    );
    if let Some(file) = &commit.follows {
        println!("cargo:rerun-if-changed={file}");
    }
    let version = commit::version(&env::var("CARGO_PKG_VERSION")?, &commit);
    println!("cargo:rustc-env=TOLLGATE_VERSION={version}");
    Ok(())
}
