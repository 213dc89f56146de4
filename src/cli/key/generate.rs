//! `tollgate key generate`

use std::process::ExitCode;

use super::super::output;
use super::super::say;
use crate::auth::{Key, KeyDigest, KeySlot};

/// The key goes to standard output's first line; all else is a YAML comment or the YAML line, so
/// that the output can be cut either way.
pub(super) fn run(slot: KeySlot) -> Result<ExitCode, String> {
    let key = Key::generate()
        .map_err(|error| format!("the system's random number generator failed: {error}"))?;
    let digest = KeyDigest::of_presented(key.expose()).map_err(|error| error.to_string())?;
    let text = zeroize::Zeroizing::new(format!(
        "{}\n\
         # Above is the key of the client. It is shown only now: hand it over, and keep no copy.\n\
         # Below is the line for the client's `credentials` in tollgate.yaml. Key id: {}\n\
         - {{ key: {{ sha256: \"{}\", slot: {} }} }}\n",
        key.expose(),
        key.id(),
        digest.to_hex(),
        slot.as_str(),
    ));
    say(&mut output::stdout(), &text);
    Ok(ExitCode::SUCCESS)
}
