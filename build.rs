//! Generates the control API's messages from proto/, without a protoc.

use std::error::Error;

const PROTOS: [&str; 3] = [
    "tollgate/control/v1/audit.proto",
    "tollgate/control/v1/keys.proto",
    "tollgate/control/v1/limits.proto",
];
/// Messages with a key in the clear: nothing may print them.
const SECRET: [&str; 2] = [
    "tollgate.control.v1.IssueResponse",
    "tollgate.control.v1.RotateResponse",
];

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=proto");
    let files = protox::compile(PROTOS, ["proto"])?;
    tonic_prost_build::configure()
        .skip_debug(SECRET)
        .compile_fds(files)?;
    Ok(())
}
