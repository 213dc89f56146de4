//! Text of a configuration that people will see, without what may be a secret.
//!
//! A secret does not belong into the file. Where one is written there all the same, what says so must not
//! repeat it: in terminals, logs and CI, where others read it. What is masked keeps its width, so columns hold.

use std::borrow::Cow;

/// Members whose value is a secret, or may be one by mistake.
const SECRET_MEMBERS: [&str; 14] = [
    "access_key",
    "account_key",
    "api-key",
    "api_key",
    "bearer",
    "client_secret",
    "connection_string",
    "pass",
    "password",
    "passwd",
    "private_key",
    "secret",
    "sha256",
    "token",
];
/// What begins like a key of tollgate's is one.
const KEY_PREFIX: &str = "tgk_";
/// Shorter texts are mostly names.
const MIN_CHARS: usize = 24;
/// Hexadecimal digits of a SHA-256 and of a SHA-1, which are no secrets.
const DIGESTS: [usize; 2] = [64, 40];

/// Lines of a file.
pub(super) fn lines(text: &str) -> String {
    let mut masked = String::with_capacity(text.len());
    // How far in the member is whose value goes on in the lines below.
    let mut block: Option<usize> = None;
    for line in text.split_inclusive('\n') {
        let indent = line.len() - line.trim_start().len();
        if block.is_some_and(|of| indent > of || line.trim().is_empty()) {
            masked.push_str(&starred(line));
            continue;
        }
        block = None;
        let (line, goes_on) = members(line);
        if goes_on {
            block = Some(indent);
        }
        masked.push_str(&words(&line));
    }
    masked
}

/// A message: words that look like secrets, and passwords in addresses.
pub(super) fn message(text: &str) -> String {
    words(text)
}

/// Masks the values of secret members; and whether the last of them is in the lines below.
fn members(line: &str) -> (Cow<'_, str>, bool) {
    let mut result = Cow::Borrowed(line);
    let mut goes_on = false;
    for name in SECRET_MEMBERS {
        for (at, _) in line.match_indices(name) {
            let Some((begin, end)) = value_of(line, at, name) else {
                continue;
            };
            let value = line.get(begin..end).unwrap_or_default();
            goes_on |= value.starts_with(['|', '>']);
            let is_harmless = value.starts_with(['{', '[', '|', '>', '*', '&'])
                || value.is_empty()
                || (name == "sha256" && is_digest(value.trim_matches(['"', '\''])));
            if !is_harmless {
                result.to_mut().replace_range(begin..end, &starred(value));
            }
        }
    }
    (result, goes_on)
}

/// Where the value of a member begins and ends, if its name ends in this line at this place.
fn value_of(line: &str, at: usize, name: &str) -> Option<(usize, usize)> {
    let is_of_name = |it: char| it.is_ascii_alphanumeric() || it == '_' || it == '-';
    let before = line.get(..at)?.chars().next_back();
    if before.is_some_and(|it| it.is_ascii_alphanumeric()) {
        return None;
    }
    let mut begin = at + name.len();
    let rest = line.get(begin..)?;
    if rest.starts_with(is_of_name) {
        return None;
    }
    let colon = rest.trim_start_matches(['"', '\'']).trim_start();
    begin += rest.len() - colon.len();
    let value = colon.strip_prefix(':')?;
    if !value.starts_with([' ', '\t', '"', '\'', '\n', '\r']) {
        return None;
    }
    begin += 1 + value.len() - value.trim_start_matches([' ', '\t']).len();
    let value = line.get(begin..)?.trim_end();
    let quote = value.chars().next().filter(|it| matches!(it, '"' | '\''));
    let length = match quote {
        Some(quote) => value
            .get(1..)
            .and_then(|it| it.find(quote))
            .map_or(value.len(), |end| end + 2),
        None => value
            .find([',', '}', ']'])
            .into_iter()
            .chain(value.find(" #"))
            .min()
            .unwrap_or(value.len()),
    };
    Some((begin, begin + length))
}

/// Masks what looks like a secret, whatever it is called.
fn words(text: &str) -> String {
    let mut masked = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(is_of_word) {
        let (before, from) = rest.split_at(at);
        masked.push_str(before);
        let end = from.find(|it| !is_of_word(it)).unwrap_or(from.len());
        let (word, after) = from.split_at(end);
        let is_password = after.starts_with('@') && masked.ends_with(':') && is_in_address(&masked);
        match is_password || is_secret(word) {
            true => masked.push_str(&starred(word)),
            false => masked.push_str(word),
        }
        rest = after;
    }
    masked.push_str(rest);
    masked
}

/// Whether what comes after a text is the password of an address: `scheme://user:`.
fn is_in_address(before: &str) -> bool {
    let user = before.rfind("://").and_then(|at| before.get(at + 3..));
    user.is_some_and(|user| !user.contains(['/', ' ', '@', '\n']))
}

fn is_of_word(it: char) -> bool {
    it.is_ascii_alphanumeric() || matches!(it, '_' | '-' | '+' | '=' | '~' | '$' | '!' | '%')
}

fn is_secret(word: &str) -> bool {
    if word.starts_with(KEY_PREFIX) {
        return true;
    }
    let is_long = word.len() >= MIN_CHARS && !is_digest(word) && !is_guid(word);
    let has = |what: fn(&u8) -> bool| word.as_bytes().iter().any(what);
    let is_mixed = has(u8::is_ascii_uppercase) && has(u8::is_ascii_lowercase);
    let is_hex = word.len() >= 32 && word.bytes().all(|it| it.is_ascii_hexdigit());
    is_long && has(u8::is_ascii_digit) && (is_mixed || is_hex)
}

fn is_digest(word: &str) -> bool {
    DIGESTS.contains(&word.len()) && word.bytes().all(|it| it.is_ascii_hexdigit())
}

fn is_guid(word: &str) -> bool {
    word.len() == 36 && word.bytes().all(|it| it.is_ascii_hexdigit() || it == b'-')
}

/// A star for each character; what is between words stays.
fn starred(text: &str) -> String {
    let star = |it: char| if it.is_whitespace() { it } else { '*' };
    text.chars().map(star).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_be_a_secret_is_masked_and_the_rest_is_not() {
        let digest = "0e5751c026e543b2e8ab2eb06099daa1d1e5df47778f7787faab45cdf12fe3a8";
        for secret in [
            "sha256: canary",
            "{ key: { sha256: \"canary\", slot: primary } }",
            "\"sha256\": 'canary'",
            "secret: canary # it is",
            "password: canary",
            "api_key: canary",
            "x: tgk_canary",
            "url: postgres://gate:canary@db/tollgate",
            "other: Canary0123456789abcdefGHIJ",
            "other: eyJcanary0123456789ABCDEF.canary",
            "other: ca9a4000112233445566778899aabbcc",
        ] {
            let masked = lines(secret);
            assert!(
                !masked.contains("anary") || secret.starts_with("other: eyJ"),
                "{masked}"
            );
            assert!(!masked.contains("eyJ") && masked.contains('*'), "{masked}");
            assert_eq!(masked.chars().count(), secret.chars().count(), "{masked}");
        }
        for harmless in [
            format!("{{ key: {{ sha256: \"{digest}\", slot: primary }} }}"),
            "secret: { file: /etc/secret }".to_owned(),
            "- { token: { issuer: entra, client: 6f0c7a1e-3f7b-4b6e-9c55-0d7f5a2b8c11 } }"
                .to_owned(),
            "endpoint: https://acme-sweden.openai.azure.com".to_owned(),
            "deployments: [gpt-4o-mini-2024-07-18, text-embedding-3-large]".to_owned(),
            "resource_id: /subscriptions/6f0c7a1e-3f7b-4b6e-9c55-0d7f5a2b8c11/resourceGroups/r"
                .to_owned(),
            "url: postgres://gate@db:5432/tollgate".to_owned(),
            "max_output_tokens: 4096".to_owned(),
            "tokens_per_minute: 100000".to_owned(),
        ] {
            assert_eq!(lines(&harmless), harmless);
        }
    }

    #[test]
    fn a_secret_over_several_lines_is_masked() {
        let masked =
            lines("client_secret:\n  secret: |\n    canary\n\n    canary\n  client_id: c\n");
        assert_eq!(
            masked,
            "client_secret:\n  secret: |\n    ******\n\n    ******\n  client_id: c\n"
        );
    }
}
