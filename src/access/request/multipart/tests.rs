use proptest::prelude::*;

use super::*;

const TYPE: &str = "multipart/form-data; boundary=XX";

fn part(name: &str, content: &str) -> String {
    format!("--XX\r\ncontent-disposition: form-data; name=\"{name}\"\r\n\r\n{content}\r\n")
}

fn file(disposition: &str, headers: &str) -> String {
    format!("--XX\r\nContent-Disposition: form-data; {disposition}\r\n{headers}\r\nRIFF\r\n")
}

fn body(parts: &[String]) -> String {
    format!("{}--XX--\r\n", parts.concat())
}

fn model(body: &str) -> Result<Option<String>, BodyError> {
    let form = Form::parse(TYPE, body.as_bytes())?;
    Ok(form.field("model")?.map(str::to_owned))
}

/// The form as it is passed on, with `XX` for its boundary.
fn written(form: &Form<'_>) -> String {
    let (content_type, body) = form.write();
    let boundary = content_type.split_once("boundary=").expect("a boundary").1;
    String::from_utf8_lossy(&body).replace(boundary, "XX")
}

fn rewritten(body: &str) -> Result<String, BodyError> {
    Form::parse(TYPE, body.as_bytes()).map(|form| written(&form))
}

/// Another reader, which believes every line: name, file's name and content of each part.
fn read_by_another(content_type: &str, body: &[u8]) -> Vec<(String, Option<String>, Vec<u8>)> {
    let boundary = content_type.split_once("boundary=").expect("a boundary").1;
    let body: String = body.iter().copied().map(char::from).collect();
    let delimiter = format!("--{boundary}");
    let parts = body
        .split(&delimiter)
        .filter_map(|part| part.strip_prefix("\r\n")?.split_once("\r\n\r\n"));
    let byte = |letter: char| u8::try_from(letter).expect("a byte");
    let value = |head: &str, key: &str| {
        let (_, after) = head.split_once(&format!("; {key}=\""))?;
        let bytes: Vec<u8> = after
            .chars()
            .take_while(|it| *it != '"')
            .map(byte)
            .collect();
        Some(String::from_utf8(bytes).expect("UTF-8"))
    };
    parts
        .map(|(head, content)| {
            let content = content.strip_suffix("\r\n").expect("a line's end");
            (
                value(head, "name").expect("a name"),
                value(head, "filename"),
                content.chars().map(byte).collect(),
            )
        })
        .collect()
}

#[test]
fn fields_and_files_are_found() {
    let file = "--XX\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a \u{fc}.wav\"\r\nContent-Type: audio/wav\r\n\r\n\0\r\n--X\r\n";
    let body = body(&[part("model", "whisper"), file.to_owned(), part("n", "")]);
    let form = Form::parse("Multipart/Form-Data;boundary=\"XX\"", body.as_bytes()).expect("a form");
    assert_eq!(form.field("model").expect("a text"), Some("whisper"));
    assert_eq!(form.file("file").expect("a file"), b"\0\r\n--X");
    assert_eq!(form.field("n").expect("a text"), Some(""));
    assert_eq!(form.field("prompt").expect("none"), None);
    assert!(form.field("file").is_err(), "a file is not a text");
    assert!(form.file("model").is_err(), "a text is not a file");
}

#[test]
fn a_form_goes_on_in_one_spelling() {
    let headers = "content-LENGTH: 4\r\nContent-Transfer-Encoding: Binary\r\nContent-Type:  audio/wav; rate=16000\r\nContent-ID: <1>\r\n";
    let file = file(
        "NAME=file; Filename=\"C:\\\\audio\\a \\\"b\\\" \u{fc}.wav\"",
        headers,
    );
    let text = part("model", "whisper").replace(
        "\r\n\r\n",
        "\r\nContent-Type: text/plain;charset=\"UTF-8\"\r\n\r\n",
    );
    let expected = "--XX\r\ncontent-disposition: form-data; name=\"model\"\r\n\r\nwhisper\r\n--XX\r\ncontent-disposition: form-data; name=\"file\"; filename=\"a %22b%22 \u{fc}.wav\"\r\ncontent-type: audio/wav; rate=16000\r\n\r\nRIFF\r\n--XX--\r\n";
    let body = format!("\r\n{}\r\n\r\n", body(&[text, file]));
    assert_eq!(rewritten(&body).expect("a form"), expected);
    assert_eq!(
        rewritten(expected).expect("a form"),
        expected,
        "once and for all"
    );
    assert_eq!(rewritten("--XX--").expect("an empty form"), "--XX--\r\n");
}

#[test]
fn what_honest_clients_write_is_understood() {
    let named = |disposition: &str, filename: &str| {
        let form = body(&[file(disposition, "")]);
        let found = rewritten(&form).unwrap_or_else(|error| panic!("{disposition}: {error}"));
        let expected = format!("name=\"file\"; filename=\"{filename}\"\r\n\r\nRIFF");
        assert!(found.contains(&expected), "{disposition}: {found}");
    };
    named("name=file; filename=a.wav; filename*=utf-8''a.wav", "a.wav");
    named(
        "name=file; filename=\"=?utf-8?B?w7wud2F2?=\"; filename*=utf-8''%C3%BC.wav",
        "\u{fc}.wav",
    );
    named(
        "name=\"file\"; filename*=UTF-8'en'a%20%22b%22.wav;",
        "a %22b%22.wav",
    );
    named(
        "name=\"file\"; filename=\"a \\\"b\\\\\\\"\\\".wav\"",
        "%22%22.wav",
    );
    named("name=\"file\"; filename=my audio.wav", "my audio.wav");
    named("name=\"file\" ; filename=\"/tmp/a;b=\\c.wav\"", "c.wav");
    for header in [
        "content-type: text/plain; charset=ISO-8859-1\r\ncontent-transfer-encoding: 8bit",
        "content-type: text/plain;charset=us-ascii\r\ncontent-length: 7",
        "content-type: application/json\r\nx-other: 1",
    ] {
        let text = part("model", "whisper").replace("\r\n\r\n", &format!("\r\n{header}\r\n\r\n"));
        assert_eq!(
            model(&body(&[text])),
            Ok(Some("whisper".into())),
            "{header}"
        );
    }
    let unquoted = part("model", "whisper").replace("\"model\"", "model");
    assert_eq!(model(&body(&[unquoted])), Ok(Some("whisper".into())));
    let no_name = file(
        "name=\"file\"",
        "content-type: application/octet-stream\r\n",
    );
    let found = rewritten(&body(&[no_name])).expect("a form");
    assert!(found.contains("name=\"file\"\r\ncontent-type: application/octet-stream\r\n"));
}

#[test]
fn a_model_that_is_given_twice_or_in_another_spelling_is_refused() {
    for name in ["model", "Model", "MODEL", "model[]", "model[0]"] {
        let twice = body(&[part("model", "a"), part(name, "b")]);
        assert!(model(&twice).is_err(), "{name} beside model");
    }
    for disposition in ["name=model; filename=a", "name=model; filename*=utf-8''a"] {
        let twice = body(&[part("model", "a"), file(disposition, "")]);
        assert!(model(&twice).is_err(), "{disposition} beside model");
        assert!(
            model(&body(&[file(disposition, "")])).is_err(),
            "{disposition}"
        );
    }
    let other = body(&[part("models", "a"), part("x", "b")]);
    assert_eq!(model(&other).expect("another field"), None);
}

#[test]
fn parts_that_another_reader_could_find_elsewhere_are_refused() {
    let good = part("model", "a");
    for text in [
        format!("preamble\r\n{}", body(std::slice::from_ref(&good))),
        format!("\n{}", body(std::slice::from_ref(&good))),
        format!("{}epilogue", body(std::slice::from_ref(&good))),
        format!("{}\n", body(std::slice::from_ref(&good))),
        format!("{good}--XX --\r\n"),
        format!("{good}--XX \r\n--XX--"),
        format!("{good}--XXY\r\n\r\n--XX--"),
        good.clone(),
        "--XX--XX--\r\n".to_owned(),
        good.replace("\r\n", "\n") + "--XX--",
        body(&[part(
            "x",
            "a\n--XX\r\ncontent-disposition: form-data; name=\"model\"\r\n\r\nb",
        )]),
        body(&[part("x", "a --XX b")]),
        body(&[part("x", "a\r--XX--\r\n")]),
    ] {
        assert!(model(&text).is_err(), "{text:?}");
    }
}

#[test]
fn headers_that_another_reader_could_read_differently_are_refused() {
    let good = part("model", "a");
    let with = |header: &str| body(&[good.replace("\r\n\r\n", &format!("\r\n{header}\r\n\r\n"))]);
    let replaced = |from: &str, to: &str| body(&[good.replace(from, to)]);
    for text in [
        replaced("name=", "name*=utf-8''x; name="),
        replaced("name=", "size=1; name="),
        replaced("name=", "name = "),
        replaced("name=\"model\"", "name=\"x\"; name=\"model\""),
        replaced("\"model\"", "\"mo\\\"del\""),
        replaced("\"model\"", "\"mo%64el\""),
        replaced("\"model\"", "\"mo\\del\""),
        replaced("\"model\"", "\"model"),
        replaced("\"model\"", "\"model\" x"),
        replaced("\"model\"", "mo\"del\""),
        replaced("\"model\"", "\"\""),
        replaced("\"model\"", ""),
        replaced("form-data", "attachment"),
        replaced("form-data", "form-data x"),
        replaced("; name", ";\r\n name"),
        replaced("; name", ";\tname"),
        replaced("content-disposition", "content-disposition "),
        replaced("content-disposition", "x-other"),
        with("content-disposition: form-data; name=\"other\""),
        with("content-transfer-encoding: base64"),
        with("content-transfer-encoding: quoted-printable"),
        with("content-encoding: gzip"),
        with("content-length: 2"),
        with("content-length: +1"),
        with("content-length: 1\r\ncontent-length: 1"),
        with("content-type: multipart/mixed; boundary=YY"),
        with("content-type: message/rfc822"),
        with("content-type: text/plain; charset=utf-16"),
        with("content-type: text/plain; charset=utf-8; charset=utf-8"),
        with("content-type: text"),
        with("x: a\rcontent-disposition: form-data; name=\"other\""),
        with("x: a\0"),
        body(&[part("_charset_", "utf-16")]),
        body(&[file("name=f; filename=\"\"", "")]),
        body(&[file("name=f; filename=\"a/\"", "")]),
        body(&[file("name=f; filename=a; filename=a", "")]),
        body(&[file("name=f; filename=\"a \"b\".wav\"", "")]),
        body(&[file("name=f; filename=\"a\\\"", "")]),
        body(&[file("name=f; filename*=iso-8859-1''a", "")]),
        body(&[file("name=f; filename*=utf-8''%0d%0a", "")]),
        body(&[file("name=f; filename*=utf-8''%FF", "")]),
        body(&[file("name=f; filename*=utf-8''%+1", "")]),
        body(&[file("name=f; filename=\"a\u{2028}b\"", "")]),
    ] {
        assert!(model(&text).is_err(), "{text:?}");
    }
}

#[test]
fn text_is_in_utf8_or_refused() {
    let latin = |charset: &str| format!("content-type: text/plain; charset={charset}");
    let with = |header: &str| {
        part("prompt", "\u{fc}").replace("\r\n\r\n", &format!("\r\n{header}\r\n\r\n"))
    };
    assert!(model(&body(&[with(&latin("utf-8"))])).is_ok());
    assert!(model(&body(&[with(&latin("iso-8859-1"))])).is_err());
    let form = "multipart/form-data; charset=iso-8859-1; boundary=XX";
    let text = body(&[part("prompt", "\u{fc}")]);
    assert!(
        Form::parse(form, text.as_bytes()).is_err(),
        "which letter is it?"
    );
    let text = body(&[with(&latin("utf-8"))]);
    assert!(
        Form::parse(form, text.as_bytes()).is_ok(),
        "the part says it"
    );
    let bytes = b"--XX\r\ncontent-disposition: form-data; name=\"x\"\r\n\r\n\xff\r\n--XX--";
    assert!(Form::parse(TYPE, bytes).is_err(), "not UTF-8");
    let bytes =
        b"--XX\r\ncontent-disposition: form-data; name=\"x\"; filename=\"\xff\"\r\n\r\n\r\n--XX--";
    assert!(Form::parse(TYPE, bytes).is_err(), "not UTF-8");
}

#[test]
fn a_content_type_names_one_boundary_and_no_other_encoding() {
    for content_type in [
        "",
        "multipart/form-data",
        "multipart/mixed; boundary=XX",
        "multipart/form-data; boundary=",
        "multipart/form-data; boundary=XX; boundary=YY",
        "multipart/form-data; boundary=XX; Boundary=XX",
        "multipart/form-data; charset=utf-16; boundary=XX",
        "multipart/form-data; boundary=XX; charset=utf-8; charset=utf-8",
        "multipart/form-data; boundary=XX; x=y",
        "multipart/form-data; boundary=XX,multipart/form-data; boundary=YY",
        "multipart/form-data; boundary=\"XX",
        "multipart/form-data; boundary=\"X\\\"X\"",
        "multipart/form-data; boundary=X X",
        "multipart/form-data, boundary=XX",
        "application/json",
    ] {
        assert!(
            Form::parse(content_type, b"--XX--").is_err(),
            "{content_type}"
        );
    }
    for content_type in [
        TYPE,
        "multipart/form-data;boundary=XX",
        "multipart/form-data; boundary=\"XX\"",
        "multipart/form-data; boundary=XX;",
        "multipart/form-data; charset=UTF-8; boundary=XX",
        "multipart/form-data; boundary=XX; charset=UTF-8",
        "multipart/form-data; charset=ISO-8859-1; boundary=XX",
        "MULTIPART/FORM-DATA; Boundary=XX",
    ] {
        assert!(
            Form::parse(content_type, b"--XX--").is_ok(),
            "{content_type}"
        );
    }
}

#[test]
fn parts_and_their_headers_are_bounded() {
    let many: Vec<_> = (0..=MAX_PARTS)
        .map(|at| part(&format!("f{at}"), ""))
        .collect();
    assert!(model(&body(&many)).is_err(), "too many parts");
    assert!(model(&body(&many[1..])).is_ok(), "as many as there may be");
    let long = part("x", "").replace(
        "\r\n\r\n",
        &format!("\r\ncontent-type: {}\r\n\r\n", "a".repeat(5000)),
    );
    assert!(model(&body(&[long])).is_err(), "long headers");
}

#[test]
fn a_form_grows_by_no_more_than_envoy_has_room_for() {
    // As short as parts can be written, with names of files that become half as long again.
    let name = "\\\"".repeat(2000);
    let part =
        format!("--X\r\ncontent-disposition:form-data;name=a;filename=\"{name}\"\r\n\r\n\r\n");
    let text = format!("{}--X--", part.repeat(MAX_PARTS));
    let content_type = "multipart/form-data; boundary=X";
    let mut form = Form::parse(content_type, text.as_bytes()).expect("a form");
    form.set("model", "m".repeat(64));
    let growth = form.write().1.len() - text.len();
    assert!(growth > MAX_PARTS * 2000, "{growth}: not the worst");
    assert!(growth < crate::access::MAX_GROWTH_BYTES, "{growth}");
}

#[test]
fn a_field_is_set_in_its_place_added_or_taken_out() {
    let text = body(&[part("a", "1"), part("model", "x"), part("b", "2")]);
    let mut form = Form::parse(TYPE, text.as_bytes()).expect("a form");
    form.set("model", "y");
    let expected = body(&[part("a", "1"), part("model", "y"), part("b", "2")]);
    assert_eq!(written(&form), expected);
    form.remove("model");
    assert_eq!(written(&form), body(&[part("a", "1"), part("b", "2")]));
    form.set("model", "z".to_owned());
    let expected = body(&[part("a", "1"), part("b", "2"), part("model", "z")]);
    assert_eq!(written(&form), expected);
}

#[test]
fn each_form_has_a_boundary_of_its_own() {
    let form = Form::parse(TYPE, b"--XX--").expect("a form");
    assert_ne!(form.write(), form.write(), "nobody can guess the next one");
}

/// A part as one of many writers spells it.
fn spelled() -> impl Strategy<Value = (String, Option<String>, String, String)> {
    let name = "[a-z_]{1,6}(\\[[a-z]{0,3}\\])?";
    let filename = proptest::option::of("[a-zA-Z \u{fc}%.;=\"_-]{0,8}[a-z]");
    (name, filename, "[ -~\r\n\u{fc}]{0,40}", 0..6_u8).prop_map(|(name, filename, text, how)| {
        let quoted = |text: &str| format!("\"{}\"", text.replace('"', "\\\""));
        let mut disposition = match how {
            0 => format!("name={name}"),
            _ => format!("name={}", quoted(&name)),
        };
        if let Some(filename) = &filename {
            disposition.push_str(&format!("; filename={}", quoted(filename)));
        }
        let headers = match how {
            1 => format!("Content-Length: {}\r\n", text.len()),
            2 => "Content-Type: text/plain; charset=UTF-8\r\nContent-Transfer-Encoding: 8bit\r\n"
                .to_owned(),
            3 => "X: y\r\n".to_owned(),
            _ => String::new(),
        };
        let spelled =
            format!("Content-Disposition: form-data; {disposition}\r\n{headers}\r\n{text}\r\n");
        (name, filename, text, spelled)
    })
}

proptest! {
    #[test]
    fn hostile_bytes_never_panic(bytes in "(--XX|\r\n|content-disposition: form-data; |name=|file|\"|;|model|\\\\|[a-z-]){0,60}") {
        if let Ok(form) = Form::parse(TYPE, bytes.as_bytes()) {
            let _ = form.field("model");
            let _ = form.file("file");
            let (content_type, body) = form.write();
            prop_assert_eq!(&Form::parse(&content_type, &body).expect("a form"), &form);
        }
    }

    #[test]
    fn another_reader_sees_what_was_read(parts in proptest::collection::vec(spelled(), 0..6)) {
        let spelled: String = parts.iter().map(|it| format!("--b0undary\r\n{}", it.3)).collect();
        let body = format!("{spelled}--b0undary--\r\n");
        let form = Form::parse("multipart/form-data; boundary=b0undary", body.as_bytes()).expect("a form");
        let (content_type, body) = form.write();
        prop_assert_eq!(&Form::parse(&content_type, &body).expect("a form"), &form);
        let expected: Vec<_> = parts
            .into_iter()
            .map(|(name, filename, text, _)| {
                (name, filename.map(|it| it.replace('"', "%22")), text.into_bytes())
            })
            .collect();
        prop_assert_eq!(&read_by_another(&content_type, &body), &expected);
        for (name, filename, content) in expected.iter().filter(|it| !it.0.contains('[')) {
            let count = expected.iter().filter(|(other, ..)| other == name).count();
            match form.field(name) {
                Ok(text) => prop_assert_eq!(text.map(str::as_bytes), Some(content.as_slice())),
                Err(_) => {
                    let is_list = expected.iter().any(|it| it.0.split('[').next() == Some(name) && it.0 != *name);
                    prop_assert!(filename.is_some() || count > 1 || is_list);
                }
            }
        }
    }
}
