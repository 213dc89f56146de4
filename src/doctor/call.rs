//! What Azure's answers say: to the gateway's identity, and to a key that is nobody's.

use http::StatusCode;
use serde::Deserialize;

use super::finding::Subject;
use super::identity::Claims;
use crate::auth::Answer;

/// Longest code of an error that is shown; Azure's are words.
const MAX_CODE_CHARS: usize = 40;
/// <https://learn.microsoft.com/azure/ai-services/openai/how-to/role-based-access-control>
const ROLE: &str = "Cognitive Services OpenAI User";

/// The error of an answer, as far as it can be read.
#[derive(Default, Deserialize)]
struct ErrorBody {
    #[serde(default)]
    error: AzureError,
}

#[derive(Default, Deserialize)]
struct AzureError {
    #[serde(default)]
    code: String,
    #[serde(default)]
    message: String,
}

impl AzureError {
    fn of(answer: &Answer) -> Self {
        let body: Option<ErrorBody> = serde_json::from_slice(&answer.body).ok();
        body.unwrap_or_default().error
    }

    /// The code in words. A text of the other side's is not repeated: it could be the token.
    fn in_words(&self) -> String {
        let is_word = |code: &str| {
            (1..=MAX_CODE_CHARS).contains(&code.len())
                && code.bytes().all(|it| it.is_ascii_alphanumeric())
        };
        match is_word(&self.code) {
            true => format!(" ({})", self.code),
            false => String::new(),
        }
    }

    /// Whether the resource's network rules are the reason.
    fn is_of_network(&self) -> bool {
        let message = self.message.to_ascii_lowercase();
        ["firewall", "public access", "private endpoint"]
            .iter()
            .any(|part| message.contains(part))
    }
}

/// Whether the resource takes the gateway's identity.
pub(super) fn examine_identity(
    answer: &Answer,
    claims: &Claims,
    host: &str,
    subject: &mut Subject,
) {
    let error = AzureError::of(answer);
    let status = answer.status;
    let said = format!("it answers {}{}", status.as_u16(), error.in_words());
    if status == StatusCode::OK {
        return subject.ok("access", "it accepts the gateway's identity");
    }
    if status == StatusCode::TOO_MANY_REQUESTS {
        let message = format!("{said}: it accepts no more requests for now");
        return subject.warning("access", message, "try again in a minute");
    }
    let (meaning, advice) = match status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
            refused(status, &error, claims, host)
        }
        StatusCode::NOT_FOUND => (
            "it does not have the API of Azure OpenAI".to_owned(),
            "see that `endpoint` is the resource's own address, https://NAME.openai.azure.com, without a path".to_owned(),
        ),
        _ if status.is_server_error() => (
            "it fails".to_owned(),
            "look at the resource in the Azure portal, and at https://azure.status.microsoft".to_owned(),
        ),
        _ => (
            "Azure OpenAI does not answer so".to_owned(),
            "see that `endpoint` is the resource's own address, and that no proxy answers in its place".to_owned(),
        ),
    };
    subject.error("access", format!("{said}: {meaning}"), advice);
}

/// Why an identity is refused, and what to do about it.
fn refused(
    status: StatusCode,
    error: &AzureError,
    claims: &Claims,
    host: &str,
) -> (String, String) {
    let principal = claims.principal();
    let role = format!(
        "assign the role {ROLE} to {principal} at {host}; it takes effect within some minutes"
    );
    if error.code == "PermissionDenied" {
        let meaning = "the identity has no role that may read from it";
        (meaning.to_owned(), role)
    } else if status == StatusCode::UNAUTHORIZED {
        let token = claims.in_words();
        let advice = "set `scope` of the identity to what this resource's cloud expects (https://cognitiveservices.azure.com/.default in the public one), and see that the tenant is the resource's";
        (
            format!("it does not accept the token ({token})"),
            advice.to_owned(),
        )
    } else if error.is_of_network() {
        let meaning = "its network rules do not let this machine in";
        let advice = format!(
            "add this network to the firewall rules of {host}, or reach it over its private endpoint"
        );
        (meaning.to_owned(), advice)
    } else {
        let meaning =
            "the identity has no role there, or its network rules do not let this machine in";
        let advice = format!("{role}; or let this network in by its firewall rules");
        (meaning.to_owned(), advice)
    }
}

/// Whether the resource takes keys: only if it says itself that it does not, it does not.
pub(super) fn examine_keys(answer: &Answer, subject: &mut Subject) {
    const ADVICE: &str = "set disableLocalAuth: true on the resource, so that nobody who has one of its keys gets round the gateway";
    let error = AzureError::of(answer);
    let status = answer.status.as_u16();
    match (answer.status, error.code.as_str()) {
        (StatusCode::FORBIDDEN, "AuthenticationTypeDisabled") => {
            subject.ok("keys", "it accepts no keys");
        }
        (StatusCode::UNAUTHORIZED, _) => {
            subject.warning("keys", "keys still work here", ADVICE);
        }
        _ => {
            let code = error.in_words();
            subject.warning(
                "keys",
                format!(
                    "it answers {status}{code} to a key, which does not say whether keys work here"
                ),
                ADVICE,
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::finding::{Check, Outcome};

    const FIREWALL: &str = r#"{"error":{"code":"403","message":"Access denied due to Virtual Network/Firewall rules."}}"#;
    const PRIVATE: &str = r#"{"error":{"code":"403","message":"Public access is disabled. Please configure private endpoint."}}"#;
    const DENIED: &str = r#"{"error":{"code":"PermissionDenied","message":"The principal lacks the required data action."}}"#;
    const DISABLED: &str = r#"{"error":{"code":"AuthenticationTypeDisabled","message":"Key based authentication is disabled for this resource."}}"#;

    fn answer(status: u16, body: &str) -> Answer {
        Answer {
            status: StatusCode::from_u16(status).expect("a status"),
            date: None,
            body: body.as_bytes().to_vec(),
            is_cut: false,
        }
    }

    fn only(subject: Subject) -> Check {
        let checks = subject.into_checks();
        assert_eq!(checks.len(), 1, "{checks:?}");
        checks[0].clone()
    }

    #[test]
    fn each_answer_to_the_identity_has_its_own_advice() {
        for (status, body, result, part) in [
            (200, "{}", Outcome::Ok, ""),
            (401, "", Outcome::Error, "`scope`"),
            (
                401,
                DENIED,
                Outcome::Error,
                "Cognitive Services OpenAI User",
            ),
            (
                403,
                DENIED,
                Outcome::Error,
                "Cognitive Services OpenAI User",
            ),
            (403, FIREWALL, Outcome::Error, "add this network"),
            (403, PRIVATE, Outcome::Error, "private endpoint"),
            (403, "<html>", Outcome::Error, "or let this network in"),
            (404, "", Outcome::Error, "`endpoint`"),
            (429, "", Outcome::Warning, "again in a minute"),
            (500, "", Outcome::Error, "Azure portal"),
            (503, "", Outcome::Error, "Azure portal"),
            (302, "", Outcome::Error, "proxy"),
        ] {
            let mut subject = Subject::new("backend a");
            examine_identity(
                &answer(status, body),
                &Claims::default(),
                "a.example",
                &mut subject,
            );
            let found = only(subject);
            assert_eq!(found.result, result, "{status} {body}");
            let advice = found.advice.unwrap_or_default();
            assert!(advice.contains(part), "{status} {body}: {advice}");
        }
    }

    #[test]
    fn keys_are_off_only_where_the_resource_says_so() {
        for (status, body, result) in [
            (403, DISABLED, Outcome::Ok),
            (401, DISABLED, Outcome::Warning),
            (401, "", Outcome::Warning),
            (403, FIREWALL, Outcome::Warning),
            (200, "", Outcome::Warning),
            (503, "", Outcome::Warning),
        ] {
            let mut subject = Subject::new("backend a");
            examine_keys(&answer(status, body), &mut subject);
            let found = only(subject);
            assert_eq!(found.result, result, "{status} {body}");
            if result == Outcome::Warning {
                assert!(
                    found
                        .advice
                        .unwrap_or_default()
                        .contains("disableLocalAuth")
                );
            }
        }
    }

    #[test]
    fn what_the_other_side_writes_is_not_repeated() {
        let token = "eyJhbGciOiJub25lIn0.eyJhdWQiOiJ4In0.c2VjcmV0";
        for body in [
            format!(r#"{{"error":{{"code":"{token}","message":"{token}"}}}}"#),
            format!(r#"{{"error":{{"code":"a b\u001b[2J","message":"{token}"}}}}"#),
            token.to_owned(),
        ] {
            let mut subject = Subject::new("backend a");
            let answer = answer(401, &body);
            examine_identity(&answer, &Claims::default(), "a.example", &mut subject);
            examine_keys(&answer, &mut subject);
            let shown = format!("{:?}", subject.into_checks());
            assert!(!shown.contains("eyJ") && !shown.contains("2J"), "{shown}");
        }
    }
}
