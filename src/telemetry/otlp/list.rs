//! Lists of `key=value`, with commas between them and percent-encoded values: headers and attributes of the resource
//! (<https://opentelemetry.io/docs/specs/otel/protocol/exporter/#specifying-headers-via-environment-variables>).

use crate::percent;

/// What is wrong with a list, without a word of it.
pub(super) type Wrong = &'static str;

/// The members of a list.
pub(super) fn members(list: &str) -> Result<Vec<(String, String)>, Wrong> {
    let members = list.split(',').map(str::trim).filter(|it| !it.is_empty());
    members.map(member).collect()
}

fn member(text: &str) -> Result<(String, String), Wrong> {
    let (key, value) = text
        .split_once('=')
        .ok_or("a member without `=`: write KEY=VALUE,KEY=VALUE, with %2C for a comma")?;
    let key = key.trim();
    if key.is_empty() {
        return Err("a member without a key before `=`");
    }
    Ok((decoded(key)?, decoded(value.trim())?))
}

fn decoded(text: &str) -> Result<String, Wrong> {
    let bytes = percent::decode(text).ok_or("a `%` that begins no escape: write %25")?;
    String::from_utf8(bytes.into_owned()).map_err(|_| "an escape that is not UTF-8")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_trimmed_and_decoded_and_an_unreadable_one_is_an_error() {
        let pair = |key: &str, value: &str| (key.to_owned(), value.to_owned());
        for (list, read) in [
            ("", vec![]),
            ("a=1", vec![pair("a", "1")]),
            (
                " a = 1 , b=x%2Cy%20z,, c=k==,",
                vec![pair("a", "1"), pair("b", "x,y z"), pair("c", "k==")],
            ),
            ("a=", vec![pair("a", "")]),
        ] {
            assert_eq!(members(list).as_ref(), Ok(&read), "{list}");
        }
        for bad in ["a", "a=1,b", "=1", "a=%", "a=%zz", "a=%ff"] {
            assert!(members(bad).is_err(), "{bad}");
        }
    }
}
