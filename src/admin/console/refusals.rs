//! The last refusals: why, and what is known of who and what. Nothing of prompts, no secret: of a request that
//! is what the audit log has, too.

use super::figures::moment;
use super::reasons::Reasons;
use super::table::{Cell, Column, Section, Table};
use crate::telemetry::RecentRefusal;

/// The columns.
const COLUMNS: [&str; 6] = ["reason", "last", "times", "who", "what", "the caller read"];

pub(super) fn section(refusals: &[RecentRefusal], reasons: &Reasons) -> Section {
    let column = |title| match title {
        "times" => Column::number(title),
        _ => Column::text(title),
    };
    Section {
        id: "refusals",
        title: "Last refusals",
        notes: vec![
            "Since the service started, at most 100; refusals that are alike are one row. All of them are in the audit log."
                .to_owned(),
        ],
        tables: vec![Table {
            caption: "Refusals, the last first".to_owned(),
            columns: COLUMNS.map(column).into(),
            rows: refusals.iter().map(|it| cells(it, reasons)).collect(),
            empty: "Nothing was refused.".to_owned(),
            ..Table::default()
        }],
    }
}

fn cells(refusal: &RecentRefusal, reasons: &Reasons) -> Vec<Cell> {
    let refused = &refusal.refused;
    let reason = format!("{} {}", refused.status, refused.reason);
    let request = format!("request {}", refused.context.request_id);
    vec![
        Cell::text(reason).with_detail(reasons.words(refused.reason)),
        Cell::text(moment(refused.context.started)).with_detail(request),
        Cell::count(refusal.count),
        Cell::text(who(refusal)),
        Cell::text(what(refusal)),
        Cell::text(&*refusal.message),
    ]
}

fn who(refusal: &RecentRefusal) -> String {
    let context = &refusal.refused.context;
    let described = context.described.as_deref();
    let address = context.address.map(|it| it.to_string());
    joined([
        ("client", context.client.as_deref()),
        ("credential", context.credential),
        ("key", context.key_id()),
        ("issuer", described.and_then(|it| it.issuer.as_deref())),
        (
            "azp",
            described.and_then(|it| it.authorized_party.as_deref()),
        ),
        ("subject", described.and_then(|it| it.subject.as_deref())),
        ("serial", described.and_then(|it| it.serial.as_deref())),
        ("address", address.as_deref()),
    ])
}

fn what(refusal: &RecentRefusal) -> String {
    let context = &refusal.refused.context;
    joined([
        ("operation", context.operation.map(|it| it.as_str())),
        ("deployment", context.deployment.as_deref()),
        ("product", context.product.as_deref()),
        ("path", context.path.as_deref()),
        ("detail", context.detail.as_deref()),
    ])
}

fn joined<const N: usize>(parts: [(&str, Option<&str>); N]) -> String {
    let known = parts
        .iter()
        .filter_map(|(name, value)| value.map(|value| format!("{name} {value}")));
    known.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;
    use crate::auth::{Key, PresentedKey};
    use crate::telemetry::{RecentRefusals, Refused, RequestContext};

    #[test]
    fn what_is_refused_after_its_key_was_accepted_says_which_key_it_was() {
        let key = Key::generate().expect("a key");
        let context = RequestContext {
            client: Some("app".into()),
            key: PresentedKey::parse(key.expose()).ok(),
            ..RequestContext::at(SystemTime::UNIX_EPOCH)
        };
        let refused = Refused {
            context,
            reason: "deployment_not_allowed",
            status: 403,
        };
        let recent = RecentRefusals::default();
        recent.push(refused, "The deployment is not allowed.");
        let [refusal] = &recent.all()[..] else {
            panic!("one")
        };
        assert_eq!(who(refusal), format!("client app, key {}", key.id()));
    }

    #[test]
    fn a_refusal_says_why_who_and_what() {
        let recent = RecentRefusals::default();
        let context = RequestContext {
            request_id: "id-1".into(),
            client: Some("app".into()),
            credential: Some("key.primary"),
            address: Some([192, 0, 2, 7].into()),
            path: Some("/openai/v1/responses".into()),
            ..RequestContext::at(SystemTime::UNIX_EPOCH)
        };
        let refused = Refused {
            context,
            reason: "key_expired",
            status: 401,
        };
        recent.push(refused, "The key is not valid.");
        let section = section(&recent.all(), &Reasons::new());
        let row = &section.tables[0].rows[0];
        let shown: Vec<_> = row.iter().map(Cell::shown).collect();
        assert_eq!(
            shown,
            [
                "401 key_expired",
                "1970-01-01 00:00:00 UTC",
                "1",
                "client app, credential key.primary, address 192.0.2.7",
                "path /openai/v1/responses",
                "The key is not valid.",
            ]
        );
        let detailed = Cell::text("401 key_expired").with_detail("The key's not_after has passed.");
        assert_eq!(row[0], detailed);
    }
}
