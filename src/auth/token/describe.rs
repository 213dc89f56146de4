//! What a token says of itself, for a person; nothing of it is believed.

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::claims::NumericDate;
use super::compact::Compact;

/// Longest value of a claim that is shown, in characters.
const MAX_SHOWN_CHARS: usize = 200;

/// The header's and the claims' names and values that decide, without the signature.
pub fn describe_token(token: &str) -> String {
    let token = match Compact::parse(token) {
        Ok(token) => token,
        Err(error) => return format!("a token that is refused unread: {error}"),
    };
    let mut text = format!("a token, kid {:?}", token.key_id);
    for name in ["iss", "aud", "azp", "appid", "client_id", "cid"] {
        if let Some(value) = token.claims.get(name) {
            let shown: String = value.to_string().chars().take(MAX_SHOWN_CHARS).collect();
            text.push_str(&format!(", {name} {shown}"));
        }
    }
    let expiry = token.claims.get("exp").and_then(NumericDate::read);
    if let Some(at) = expiry.and_then(moment) {
        text.push_str(&format!(", until {at}"));
    }
    text
}

fn moment(date: NumericDate) -> Option<String> {
    let seconds = i64::try_from(date.floor_s).ok()?;
    let at = OffsetDateTime::from_unix_timestamp(seconds).ok()?;
    at.format(&Rfc3339).ok()
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;

    use super::*;

    #[test]
    fn what_decides_is_said_and_the_signature_is_not() {
        let part = |json: &str| URL_SAFE_NO_PAD.encode(json);
        let token = format!(
            "{}.{}.c2VjcmV0LXNpZ25hdHVyZQ",
            part(r#"{"alg":"ES256","kid":"k\n1"}"#),
            part(r#"{"iss":"https://a","aud":["x","y"],"exp":1798761600.5,"sub":"ada"}"#),
        );
        let text = describe_token(&token);
        assert_eq!(
            text,
            r#"a token, kid "k\n1", iss "https://a", aud ["x","y"], until 2027-01-01T00:00:00Z"#
        );
        assert!(describe_token("a.b.c").contains("refused unread"));
        let far = format!(
            "{}.{}.",
            part(r#"{"alg":"ES256","kid":"1"}"#),
            part(r#"{"exp":18446744073709551615}"#)
        );
        assert!(!describe_token(&far).contains("until"), "no such moment");
    }
}
