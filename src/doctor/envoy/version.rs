//! Which version of Envoy it is, and whether what is written fits it (docs/envoy.md, "Versions of Envoy").

use super::super::finding::Subject;
use super::wanted::Wanted;
use crate::envoy_config::Version;

const CHECK: &str = "version";

/// Reads `HASH/1.40.0/Clean/RELEASE/BoringSSL`.
pub(super) fn read(text: &str) -> Option<Version> {
    let number = text.split('/').nth(1)?;
    // `1.41.0-dev`: between two releases.
    Version::read(number.split('-').next()?)
}

/// Says which version it is, and what that means. `named` is what tollgate.yaml says.
pub(super) fn examine(
    running: Option<Version>,
    named: Option<Version>,
    wanted: &Wanted,
    subject: &mut Subject,
) {
    let tested = Version::default();
    let Some(running) = running else {
        subject.warning(
            CHECK,
            format!("it does not say its version; tollgate is tested with {tested}"),
            format!("use Envoy {tested}, or try yours before callers do"),
        );
        return;
    };
    if running < Version::OLDEST {
        subject.warning(
            CHECK,
            format!(
                "it is {running}: it does not take all that `tollgate envoy` writes, and nothing was tried with it"
            ),
            format!("use Envoy {tested}, or one from {} on", Version::OLDEST),
        );
    } else if running > tested {
        subject.warning(
            CHECK,
            format!("it is {running}, which is newer than what tollgate is tested with: {tested}"),
            format!("use Envoy {tested}, or try yours before callers do"),
        );
    } else if wanted.needs_refresh(running, named) {
        subject.error(
            CHECK,
            format!(
                "it is {running}, and what is written for several backends needs an Envoy that chooses anew for a retry (`refresh_cluster_on_retry`)"
            ),
            format!("set `envoy: {{ version: \"{running}\" }}` and write the file again"),
        );
    } else if running == tested {
        let said = format!("it is {running}, which tollgate is tested with");
        subject.ok(CHECK, said);
    } else {
        subject.ok(
            CHECK,
            format!("it is {running}, which a part of the tests ran with, and all with {tested}"),
        );
    }
    if running.refreshes() && named.is_none() && wanted.is_in_order && wanted.has_several() {
        subject.warning(
            CHECK,
            "its file is for an Envoy before 1.39: after the first, backends are asked in a fixed order",
            "write the file again without `--envoy-version`, or say in tollgate.yaml which version it is for (`envoy: { version }`)",
        );
    }
}
