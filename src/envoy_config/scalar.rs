//! A value as one YAML scalar, whatever is in it.

use std::net::IpAddr;

/// Words that YAML 1.1 or 1.2 reads as something other than text, in lower case.
const NOT_TEXT: [&str; 10] = [
    "true", "false", "yes", "no", "on", "off", "null", "y", "n", "nan",
];

/// What must be escaped besides control characters.
const UNPRINTABLE: [char; 5] = ['\u{2028}', '\u{2029}', '\u{feff}', '\u{fffe}', '\u{ffff}'];

/// Plain where every reader takes it for text, and else in double quotes, escaped as JSON, which YAML is a
/// superset of (YAML 1.2, section 1.3).
pub(super) fn scalar(text: &str) -> String {
    match is_plain(text) {
        true => text.to_owned(),
        false => quoted(text),
    }
}

fn is_plain(text: &str) -> bool {
    let begins = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/');
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./".contains(c);
    let is_address = text.parse::<IpAddr>().is_ok_and(|it| it.is_ipv4());
    is_address
        || (begins
            && text.chars().all(is_plain)
            && !NOT_TEXT.contains(&text.to_ascii_lowercase().as_str()))
}

/// Envoy's reader takes no escape of a surrogate pair, so only what must be escaped is: what is not printable (YAML 1.2,
/// section 5.1), and what some readers end a line at or drop.
fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            c if c.is_control() || UNPRINTABLE.contains(&c) => {
                out.push_str(&format!("\\u{:04x}", u32::from(c)));
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_plainly_text_has_no_quotes() {
        for plain in ["/etc/envoy/tls.crt", "x-end-user", "0.0.0.0", "a.b"] {
            assert_eq!(scalar(plain), plain);
        }
        for (text, written) in [
            ("", r#""""#),
            ("::", r#""::""#),
            ("no", r#""no""#),
            ("1e3", r#""1e3""#),
            ("a: b", r#""a: b""#),
            ("a\n- b", r#""a\u000a- b""#),
            ("%2F", r#""%2F""#),
            ("a\"}", r#""a\"}""#),
            ("a\u{fffe}\u{ffff}", r#""a\ufffe\uffff""#),
        ] {
            assert_eq!(scalar(text), written);
        }
    }

    proptest! {
        #[test]
        fn a_reader_of_yaml_gets_back_the_text(text in any::<String>()) {
            let written = format!("{{ a: {}, b: 1 }}", scalar(&text));
            let read: serde_json::Value = serde_saphyr::from_str(&written).expect("YAML");
            prop_assert_eq!(&read["a"], &serde_json::json!(text));
            prop_assert_eq!(&read["b"], 1);
        }
    }
}
