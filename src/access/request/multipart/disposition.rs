//! `content-disposition` of a part: what it is called.

use super::header::Header;

/// The names in a disposition.
pub(super) struct Disposition {
    /// Of the field.
    pub(super) name: String,
    /// Of the file, if it is one: never empty, without folders, quotes and backslashes.
    pub(super) filename: Option<String>,
}

/// Why a disposition is refused.
pub(super) enum Odd {
    Form,
    Name,
    Filename,
}

impl Disposition {
    pub(super) fn parse(value: &str) -> Result<Self, Odd> {
        let header = Header::parse(value).ok_or(Odd::Form)?;
        if !header.value.eq_ignore_ascii_case("form-data")
            || !header.has_only(&["name", "filename", "filename*"])
        {
            return Err(Odd::Form);
        }
        let get = |name| header.get(name).map_err(|_| Odd::Form);
        let name = get("name")?.ok_or(Odd::Form)?;
        if !is_plain(name) {
            return Err(Odd::Name);
        }
        // .NET writes both; the second one can say more (RFC 6266, section 4.3).
        let filename = match (get("filename*")?, get("filename")?) {
            (Some(extended), _) => Some(decoded(extended).ok_or(Odd::Filename)?),
            (None, given) => given.map(str::to_owned),
        };
        let filename = filename.map(|it| canonical(&it).ok_or(Odd::Filename));
        Ok(Self {
            name: name.to_owned(),
            filename: filename.transpose()?,
        })
    }
}

/// A name without anything that could be an escape.
fn is_plain(name: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.[]".contains(&byte);
    !name.is_empty() && name.bytes().all(allowed) && name != "_charset_"
}

/// `UTF-8''…` (RFC 8187, section 3.2).
fn decoded(value: &str) -> Option<String> {
    let mut fields = value.splitn(3, '\'');
    let (charset, _language, mut rest) = (fields.next()?, fields.next()?, fields.next()?);
    if !charset.eq_ignore_ascii_case("utf-8") {
        return None;
    }
    let mut bytes = Vec::new();
    while let Some((before, escape)) = rest.split_once('%') {
        bytes.extend_from_slice(before.as_bytes());
        let digits = escape.get(..2)?;
        let mut byte = [0];
        hex::decode_to_slice(digits, &mut byte).ok()?;
        bytes.extend_from_slice(&byte);
        rest = escape.get(2..)?;
    }
    bytes.extend_from_slice(rest.as_bytes());
    String::from_utf8(bytes).ok()
}

/// A file's name as it is passed on: folders are dropped (RFC 7578, section 4.2), and a quote is
/// written as browsers do (<https://html.spec.whatwg.org/multipage/form-control-infrastructure.html#multipart-form-data>).
fn canonical(filename: &str) -> Option<String> {
    let name = filename.rsplit(['/', '\\']).next()?;
    let ends_a_line = |letter: char| letter.is_control() || "\u{2028}\u{2029}".contains(letter);
    let is_name = !name.is_empty() && !name.chars().any(ends_a_line);
    is_name.then(|| name.replace('"', "%22"))
}
