//! Whether Envoy has taken what it was given while it ran.
//!
//! Of a listener its dump has the change that it has refused last. Of clusters and routes there is only a number:
//! `update_rejected` counts since the start, and does not say what came after.

use serde::Deserialize;

use super::super::finding::Subject;
use super::dump::Dump;

const CHECK: &str = "updates";
const SEE_LOG: &str = "see Envoy's log for the reason, and that `tollgate envoy --watch` and Envoy are of the versions that belong together";

/// What was refused: of what, and how often.
pub(super) type Refused = Vec<(&'static str, u64)>;

/// `/stats?filter=update_rejected&format=json`
#[derive(Deserialize)]
struct Statistics {
    stats: Vec<Statistic>,
}

#[derive(Deserialize)]
struct Statistic {
    name: String,
    #[serde(default)]
    value: u64,
}

/// Reads the statistics; `None` where they are none.
pub(super) fn read(bytes: &[u8]) -> Option<Refused> {
    let Statistics { stats } = serde_json::from_slice(bytes).ok()?;
    let mut refused: Refused = vec![("listeners", 0), ("routes", 0), ("clusters", 0)];
    for Statistic { name, value } in stats {
        let of = match name.strip_suffix(".update_rejected") {
            Some("listener_manager.lds") => "listeners",
            Some("cluster_manager.cds") => "clusters",
            Some(routes) if routes.starts_with("http.") && routes.contains(".rds.") => "routes",
            _ => continue,
        };
        for (_, count) in refused.iter_mut().filter(|it| it.0 == of) {
            *count = count.saturating_add(value);
        }
    }
    Some(refused)
}

/// Says what was refused.
pub(super) fn examine(dump: &Dump, refused: Option<&Refused>, subject: &mut Subject) {
    if dump.has_refused_update {
        subject.error(
            CHECK,
            "Envoy has refused the last change of a listener",
            SEE_LOG,
        );
    }
    let Some(refused) = refused else {
        let said =
            "it does not say how many changes of its clusters and routes it has refused (/stats)";
        return subject.skipped(CHECK, said);
    };
    let is_said = |of: &str| of == "listeners" && dump.has_refused_update;
    for (of, count) in refused
        .iter()
        .filter(|(of, count)| *count > 0 && !is_said(of))
    {
        subject.warning(
            CHECK,
            format!("Envoy has refused {count} of the changes of its {of} since it started; whether it has taken a later one it does not say"),
            format!("{SEE_LOG}; what it lacks by now shows in the other checks"),
        );
    }
    if !dump.has_refused_update && refused.iter().all(|(_, count)| *count == 0) {
        subject.ok(CHECK, "it has refused no change since it started");
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::doctor::finding::Outcome;

    fn found(stats: &[(&str, u64)]) -> Vec<(Outcome, String)> {
        let stats: Vec<_> = stats
            .iter()
            .map(|(name, value)| json!({ "name": format!("{name}.update_rejected"), "value": value }))
            .collect();
        let refused = read(json!({ "stats": stats }).to_string().as_bytes());
        let mut subject = Subject::new("envoy");
        examine(&Dump::default(), refused.as_ref(), &mut subject);
        let checks = subject.into_checks().into_iter();
        checks.map(|it| (it.result, it.message)).collect()
    }

    #[test]
    fn what_was_refused_is_said_by_kind() {
        let found = found(&[
            ("cluster_manager.cds", 2),
            ("http.callers.rds.openai", 1),
            ("http.others.rds.x", 3),
            ("listener_manager.lds", 0),
            ("cluster.a", 9),
        ]);
        let of = |kind: &str, count: u64| format!("refused {count} of the changes of its {kind}");
        assert_eq!(found.len(), 2, "{found:?}");
        for ((result, message), words) in found.iter().zip([of("routes", 4), of("clusters", 2)]) {
            assert_eq!(*result, Outcome::Warning);
            assert!(message.contains(&words), "{message}");
        }
    }

    #[test]
    fn none_is_good_and_no_statistics_are_said() {
        let none = found(&[("cluster_manager.cds", 0)]);
        assert_eq!(none.len(), 1);
        assert_eq!(none[0].0, Outcome::Ok, "{none:?}");
        for not in ["", "[]", r#"{"stats":[{"name":"a","value":-1}]}"#] {
            assert!(read(not.as_bytes()).is_none(), "{not}");
        }
        let mut subject = Subject::new("envoy");
        examine(&Dump::default(), None, &mut subject);
        assert_eq!(subject.into_checks()[0].result, Outcome::Skipped);
    }
}
