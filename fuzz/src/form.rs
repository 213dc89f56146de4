//! A form, read and written anew.
//!
//! ```text
//! input = content-type LF body
//! ```

use tollgate::access::Form;

/// What a rewritten form may have more than the one that came: for its end, and for each part.
const MAX_GROWTH_BYTES: usize = 160;

/// A reader that believes every line sees in the form that is passed on what it sees in the form that came,
/// and so do we.
pub(crate) fn run(data: &[u8]) -> bool {
    let Some(end) = data.iter().position(|byte| *byte == b'\n') else {
        return false;
    };
    let (Ok(content_type), body) = (std::str::from_utf8(&data[..end]), &data[end + 1..]) else {
        return false;
    };
    let Ok(form) = Form::parse(content_type, body) else {
        return false;
    };
    let (new_type, new_body) = form.write();
    let again = Form::parse(&new_type, &new_body).expect("still a form");
    assert_eq!(again, form, "the form has changed");
    let (came, goes) = (read(content_type, body), read(&new_type, &new_body));
    assert_eq!(came, goes, "another reader sees another form");
    // A quote in a file's name is written in three bytes.
    let quotes = body.iter().filter(|byte| **byte == b'\\').count();
    let growth = MAX_GROWTH_BYTES * (came.len() + 1) + quotes;
    assert!(new_body.len() <= body.len() + growth, "it has grown");
    for part in &came {
        let is_once = came
            .iter()
            .filter(|it| bare(it).eq_ignore_ascii_case(bare(part)))
            .count()
            == 1;
        let is_text = is_once && !part.has_filename && !part.name.contains('[');
        if let (true, Ok(text)) = (is_text, form.field(&part.name)) {
            let text = text.map(str::as_bytes);
            assert_eq!(text, Some(part.content), "a field has another text");
        }
    }
    true
}

fn bare<'a>(part: &'a Part<'_>) -> &'a str {
    part.name.split('[').next().expect("a name")
}

#[derive(Debug, PartialEq)]
struct Part<'a> {
    name: String,
    has_filename: bool,
    content: &'a [u8],
}

/// Goes from line to line, whatever ends them, as simple servers do.
fn read<'a>(content_type: &str, body: &'a [u8]) -> Vec<Part<'a>> {
    let lower = content_type.to_ascii_lowercase();
    let at = lower.find("boundary=").expect("a boundary") + "boundary=".len();
    let boundary = content_type[at..].split(';').next().expect("a text");
    let delimiter = format!("--{}", boundary.trim().trim_matches('"'));
    let closing = format!("{delimiter}--");
    let mut parts = Vec::new();
    let (mut at, mut begin) = (0, None);
    for line in body.split_inclusive(|byte| *byte == b'\n') {
        let text = line.trim_ascii_end();
        if text == delimiter.as_bytes() || text == closing.as_bytes() {
            parts.extend(begin.map(|begin| part(&body[begin..at])));
            begin = (text == delimiter.as_bytes()).then_some(at + line.len());
        }
        at += line.len();
    }
    parts
}

fn part(bytes: &[u8]) -> Part<'_> {
    let mut at = 0;
    let mut head = String::new();
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        at += line.len();
        if line.trim_ascii().is_empty() {
            break;
        }
        head.push_str(&String::from_utf8_lossy(line));
    }
    let content = &bytes[at..];
    let content = content.strip_suffix(b"\n").unwrap_or(content);
    let content = content.strip_suffix(b"\r").unwrap_or(content);
    let is_it = |line: &&str| {
        let name = line.split(':').next().unwrap_or_default();
        name.eq_ignore_ascii_case("content-disposition")
    };
    let disposition = head.lines().find(is_it).unwrap_or_default();
    let parameters = parameters(disposition);
    let find = |key: &str| parameters.iter().find(|it| it.0.eq_ignore_ascii_case(key));
    Part {
        name: find("name").map(|it| it.1.clone()).unwrap_or_default(),
        has_filename: find("filename").or_else(|| find("filename*")).is_some(),
        content,
    }
}

/// The parameters of a header, letter by letter.
fn parameters(header: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let (mut key, mut value) = (String::new(), String::new());
    let (mut in_value, mut in_quotes, mut is_escaped) = (false, false, false);
    for letter in header.chars().chain([';']) {
        match letter {
            _ if is_escaped => {
                value.push(letter);
                is_escaped = false;
            }
            '\\' if in_quotes => is_escaped = true,
            '"' if in_value => in_quotes = !in_quotes,
            ';' if !in_quotes => {
                found.push((key.trim().to_owned(), value.trim().to_owned()));
                (key, value) = (String::new(), String::new());
                in_value = false;
            }
            '=' if !in_value => in_value = true,
            _ if in_value => value.push(letter),
            _ => key.push(letter),
        }
    }
    found
}
