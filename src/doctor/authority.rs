//! One certificate authority: its own certificates, and its revocation lists.

use std::time::Duration;

use super::finding::{Checks, Outcome, Subject};
use super::patience::{LONGEST, in_words};
use crate::auth::certificate::{Authority, CrlMode, CrlState, HeldList};
use crate::unix_time;

/// Replacing an authority's certificate takes weeks.
const CERTIFICATE_WARNING: Duration = Duration::from_secs(30 * 24 * 3600);
/// A list of a week is replaced earlier than this before its end.
const LIST_WARNING: Duration = Duration::from_secs(24 * 3600);
/// One that is good for a shorter time is due to be replaced in the last part of it.
const LIST_PART: u32 = 5;

/// Fetches what an authority's files and addresses have, and looks at the ends of it.
pub(super) async fn examine(authority: &Authority) -> Checks {
    let mut subject = Subject::new(format!("certificate authority {}", authority.name));
    fetch_anchors(authority, &mut subject).await;
    let now = unix_time::now();
    for (name, end) in authority.certificates() {
        examine_end(&name, end, now, &mut subject);
    }
    let revocation = authority.revocation();
    if revocation.mode() == CrlMode::Off {
        subject.skipped(
            "revocation",
            "revocation lists are not looked at (`crl: off`)",
        );
        return subject.into_checks();
    }
    fetch_lists(authority, &mut subject).await;
    let held = revocation.held();
    for list in &held {
        examine_list(list, revocation.mode(), now, &mut subject);
    }
    if held.is_empty() {
        let (outcome, meaning) = consequence(revocation.mode(), CrlState::Missing);
        subject.add(
            "revocation",
            outcome,
            format!("there is no revocation list yet: {meaning}"),
            Some("with `distribution_hosts` alone, lists are fetched when the first certificate names one; set `files` or `urls` to have them from the start".to_owned()),
        );
    }
    subject.into_checks()
}

async fn fetch_anchors(authority: &Authority, subject: &mut Subject) {
    let Ok(asked) = tokio::time::timeout(LONGEST, authority.trust().fetch_once()).await else {
        subject.error(
            "trust",
            format!("no answer within {} s", LONGEST.as_secs()),
            "see that the vault can be reached from here",
        );
        return;
    };
    for (source, result) in asked {
        match result {
            Ok(()) => subject.ok("trust", format!("{source} has trust anchors")),
            Err(error) => subject.error(
                "trust",
                format!("{source}: {error}"),
                "see that the vault can be reached from here, and that the gateway's identity may read it",
            ),
        }
    }
}

fn examine_end(name: &str, end: Duration, now: Duration, subject: &mut Subject) {
    let left = end.saturating_sub(now);
    if left.is_zero() {
        let ago = in_words(now.saturating_sub(end));
        subject.error(
            "expiry",
            format!("{name} expired {ago} ago: certificates that it has issued are refused"),
            "add its successor to `trust` or `intermediates`, and take it out when nobody needs it any more",
        );
    } else if left < CERTIFICATE_WARNING {
        subject.warning(
            "expiry",
            format!("{name} expires in {}", in_words(left)),
            "add its successor to `trust` or `intermediates` now: certificates of both are accepted",
        );
    } else {
        let left = in_words(left);
        subject.ok("expiry", format!("{name} is valid for {left}"));
    }
}

async fn fetch_lists(authority: &Authority, subject: &mut Subject) {
    let advice = "see that the list is where the configuration says, that it can be reached from here, and that its authority has signed it";
    let asked = tokio::time::timeout(LONGEST, authority.revocation().fetch_once()).await;
    let results = match asked {
        Ok(Ok(results)) => results,
        Ok(Err(error)) => {
            subject.error(
                "revocation",
                format!("lists can't be fetched: {error}"),
                advice,
            );
            return;
        }
        Err(_) => {
            let said = format!("no answer within {} s", LONGEST.as_secs());
            subject.error("revocation", said, advice);
            return;
        }
    };
    for (source, result) in results {
        if let Err(error) = result {
            subject.error("revocation", format!("{source}: {error}"), advice);
        }
    }
}

fn examine_list(list: &HeldList, mode: CrlMode, now: Duration, subject: &mut Subject) {
    let HeldList {
        source,
        this_update,
        next_update,
    } = list;
    let left = next_update.saturating_sub(now);
    let soon = LIST_WARNING.min(next_update.saturating_sub(*this_update) / LIST_PART);
    if left.is_zero() {
        let (outcome, meaning) = consequence(mode, CrlState::Stale);
        let ago = in_words(now.saturating_sub(*next_update));
        subject.add(
            "revocation",
            outcome,
            format!("the list of {source} expired {ago} ago: {meaning}"),
            Some("let the authority publish a new list, and put it there".to_owned()),
        );
    } else if left < soon {
        subject.warning(
            "revocation",
            format!("the list of {source} expires in {}", in_words(left)),
            "see that the authority publishes its next list in time",
        );
    } else {
        let left = in_words(left);
        subject.ok(
            "revocation",
            format!("the list of {source} is good for {left}"),
        );
    }
}

/// What becomes of requests while there is no current list.
const fn consequence(mode: CrlMode, state: CrlState) -> (Outcome, &'static str) {
    match (mode, state) {
        (CrlMode::Required, CrlState::Missing) => (
            Outcome::Warning,
            "certificates are refused until there is one (`crl: required`)",
        ),
        (CrlMode::Required, _) => (
            Outcome::Error,
            "certificates of its issuer are refused (`crl: required`)",
        ),
        (CrlMode::Soft | CrlMode::Off, _) => (
            Outcome::Warning,
            "revoked certificates may be accepted (`crl: soft`)",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Duration = Duration::from_secs(24 * 3600);

    #[test]
    fn a_certificate_is_good_soon_over_or_over() {
        let now = DAY * 1000;
        for (end, result) in [
            (now + DAY * 31, Outcome::Ok),
            (now + DAY * 29, Outcome::Warning),
            (now, Outcome::Error),
            (now - DAY, Outcome::Error),
        ] {
            let mut subject = Subject::new("a");
            examine_end("CN=root", end, now, &mut subject);
            assert_eq!(subject.into_checks()[0].result, result, "{end:?}");
        }
    }

    #[test]
    fn a_list_is_due_near_its_end() {
        let now = DAY * 1000;
        for (from, to, mode, result) in [
            (now - DAY, now + DAY * 6, CrlMode::Required, Outcome::Ok),
            (
                now - DAY * 6,
                now + DAY / 2,
                CrlMode::Required,
                Outcome::Warning,
            ),
            // A list of a day, at its beginning and at its end.
            (now, now + DAY, CrlMode::Required, Outcome::Ok),
            (
                now - DAY / 2,
                now + DAY / 24,
                CrlMode::Required,
                Outcome::Warning,
            ),
            (now - DAY * 2, now - DAY, CrlMode::Required, Outcome::Error),
            (now - DAY * 2, now - DAY, CrlMode::Soft, Outcome::Warning),
        ] {
            let list = HeldList {
                source: "lists.pem".to_owned(),
                this_update: from,
                next_update: to,
            };
            let mut subject = Subject::new("a");
            examine_list(&list, mode, now, &mut subject);
            assert_eq!(subject.into_checks()[0].result, result, "{list:?} {mode:?}");
        }
    }
}
