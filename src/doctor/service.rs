//! The running service, as its admin endpoint shows it.

use http::{HeaderMap, StatusCode};

use super::finding::{Checks, Subject};
use super::patience::within;
use crate::auth::{Answer, FetchRules, Fetcher, Reach, Url};

/// As much of an answer as a person reads.
const MAX_BYTES: usize = 16 * 1024;
const OWN_VERSION: &str = env!("CARGO_PKG_VERSION");

/// Asks whether it is ready, and which version it is.
pub(super) async fn examine(admin: Option<Url>) -> Checks {
    let mut subject = Subject::new("service");
    let Some(admin) = admin else {
        let said = "`listen.admin` has no fixed port: nobody knows where it listens";
        subject.skipped("readiness", said);
        return subject.into_checks();
    };
    let fetcher = match fetcher() {
        Ok(fetcher) => fetcher,
        Err(error) => {
            subject.error("readiness", error, "see that this machine can set up TLS");
            return subject.into_checks();
        }
    };
    match ask(&fetcher, &admin, "readyz").await {
        Err(error) => {
            let said = format!("it does not run here, or not now: {error}");
            subject.skipped("readiness", said);
            return subject.into_checks();
        }
        Ok(answer) => examine_readiness(&answer, &admin, &mut subject),
    }
    if let Ok(answer) = ask(&fetcher, &admin, "version").await {
        examine_version(&answer, &mut subject);
    }
    subject.into_checks()
}

/// What the operator has named may be asked, wherever it is.
pub(super) fn fetcher() -> Result<Fetcher, String> {
    let rules = FetchRules {
        allow_http: true,
        reach: Reach::Anywhere,
        ..FetchRules::default()
    };
    Fetcher::new(rules, None).map_err(|error| error.to_string())
}

async fn ask(fetcher: &Fetcher, admin: &Url, page: &str) -> Result<Answer, String> {
    let mut url = admin.clone();
    url.set_path(page);
    within(fetcher.ask(&url, HeaderMap::new(), MAX_BYTES)).await
}

fn examine_readiness(answer: &Answer, admin: &Url, subject: &mut Subject) {
    let text = String::from_utf8_lossy(&answer.body);
    let mut lines = text.lines();
    match (answer.status, lines.next().unwrap_or_default()) {
        (StatusCode::OK, "ready") => {
            subject.ok("readiness", format!("it is ready at {admin}"));
            for concern in lines {
                subject.warning(
                    "readiness",
                    format!("it says: {concern}"),
                    "see the check of the same thing here, and the service's log",
                );
            }
        }
        (StatusCode::SERVICE_UNAVAILABLE, said) if said.starts_with("not ready: ") => {
            subject.error(
                "readiness",
                format!("it is {said}"),
                "see the check of the same thing here, and the service's log",
            );
        }
        (status, _) => subject.error(
            "readiness",
            format!(
                "{admin} answers {}, which tollgate does not",
                status.as_u16()
            ),
            "see that `listen.admin` is the running service's, and that nothing else listens there",
        ),
    }
}

fn examine_version(answer: &Answer, subject: &mut Subject) {
    let text = String::from_utf8_lossy(&answer.body);
    let is_plain = |it: &char| it.is_ascii_alphanumeric() || ".-+".contains(*it);
    let version: String = text.trim().chars().take_while(is_plain).take(40).collect();
    match answer.status {
        StatusCode::OK if version == OWN_VERSION => {
            subject.ok("version", format!("it is {version}, as this program"));
        }
        StatusCode::OK => subject.warning(
            "version",
            format!("it is {version}, and this program is {OWN_VERSION}"),
            "restart the service, or use the program that it was started from",
        ),
        _ => subject.warning(
            "version",
            format!("it does not say its version, and this program is {OWN_VERSION}"),
            "restart the service: it was started from an older program",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::finding::Outcome;

    fn answer(status: StatusCode, body: &str) -> Answer {
        Answer {
            status,
            date: None,
            body: body.as_bytes().to_vec(),
            is_cut: false,
        }
    }

    #[test]
    fn each_concern_of_the_service_is_a_warning() {
        let admin = Url::parse("http://127.0.0.1:9090").expect("a URL");
        for (status, body, results) in [
            (StatusCode::OK, "ready\n", &[Outcome::Ok][..]),
            (
                StatusCode::OK,
                "ready\nidentity: no\nissuer a: no keys\n",
                &[Outcome::Ok, Outcome::Warning, Outcome::Warning],
            ),
            (
                StatusCode::SERVICE_UNAVAILABLE,
                "not ready: draining\n",
                &[Outcome::Error],
            ),
            (StatusCode::OK, "<html>", &[Outcome::Error]),
            (StatusCode::NOT_FOUND, "", &[Outcome::Error]),
        ] {
            let mut subject = Subject::new("service");
            examine_readiness(&answer(status, body), &admin, &mut subject);
            let found = subject.into_checks();
            let found: Vec<_> = found.iter().map(|it| it.result).collect();
            assert_eq!(found, results, "{body}");
        }
    }

    #[test]
    fn another_version_is_said() {
        for (status, body, result) in [
            (StatusCode::OK, OWN_VERSION, Outcome::Ok),
            (StatusCode::OK, "0.0.1\n", Outcome::Warning),
            (StatusCode::NOT_FOUND, "", Outcome::Warning),
        ] {
            let mut subject = Subject::new("service");
            examine_version(&answer(status, body), &mut subject);
            assert_eq!(subject.into_checks()[0].result, result, "{body}");
        }
    }
}
