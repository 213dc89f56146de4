//! Whether an Envoy traces, if it is to, and what its spans show.

use super::super::finding::Outcome::Warning;
use super::super::finding::Subject;
use super::dump::Manager;
use super::value::{amount, at};
use super::wanted::Wanted;

const CHECK: &str = "tracing";

/// Looks at the tracing of a connection manager.
pub(super) fn examine(manager: &Manager<'_>, wanted: &Wanted, subject: &mut Subject) {
    let listener = &manager.listener;
    let is_wanted = wanted.settings.tracing.is_some();
    let Some(tracing) = manager.config.get("tracing") else {
        if is_wanted {
            let message = format!(
                "the listener {listener} has no `tracing`: spans of tollgate have no part of Envoy's above them"
            );
            let advice = "start Envoy with what `tollgate envoy` writes, or add its `tracing` to your own (docs/observability.md)";
            subject.add(CHECK, Warning, message, Some(advice.to_owned()));
        }
        return;
    };
    if at(tracing, "max_path_tag_length").and_then(amount) != Some(0) {
        let message = format!(
            "spans of the listener {listener} show paths with their queries, where a caller may have put a key"
        );
        let advice = "set `max_path_tag_length: 0` in `tracing`";
        return subject.add(CHECK, Warning, message, Some(advice.to_owned()));
    }
    subject.ok(
        CHECK,
        format!("the listener {listener} traces, and its spans show no queries"),
    );
}
