use proptest::prelude::*;

use super::*;

const TYPE: &str = "multipart/form-data; boundary=XX";

fn part(name: &str, content: &str) -> String {
    format!("--XX\r\ncontent-disposition: form-data; name=\"{name}\"\r\n\r\n{content}\r\n")
}

fn body(parts: &[String]) -> String {
    format!("{}--XX--\r\n", parts.concat())
}

fn model(body: &str) -> Result<Option<&str>, BodyError> {
    Form::parse(TYPE, body.as_bytes())?.field("model")
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
    assert!(form.field("file").is_err(), "a file is no text");
    assert!(form.file("model").is_err(), "a text is no file");
}

#[test]
fn a_model_that_stands_twice_or_in_another_spelling_is_refused() {
    for name in ["model", "Model", "MODEL", "model[]", "model[0]"] {
        let twice = body(&[part("model", "a"), part(name, "b")]);
        assert!(model(&twice).is_err(), "{name} beside model");
    }
    let other = body(&[part("models", "a"), part("x", "b")]);
    assert_eq!(model(&other).expect("another field"), None);
}

#[test]
fn what_another_reader_could_read_differently_is_refused() {
    let good = part("model", "a");
    let odd = [
        format!("preamble\r\n{}", body(std::slice::from_ref(&good))),
        format!("{}epilogue", body(std::slice::from_ref(&good))),
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
        body(&[good.replace("name=", "name*=utf-8''x; name=")]),
        body(&[good.replace("name=\"model\"", "name=model")]),
        body(&[good.replace("name=\"model\"", "name=\"x\"; name=\"model\"")]),
        body(&[good.replace("\"model\"", "\"mo\\\"del\"")]),
        body(&[good.replace("\"model\"", "\"mo%64el\"")]),
        body(&[good.replace("\"model\"", "\"\"")]),
        body(&[good.replace("form-data", "attachment")]),
        body(&[good.replace("; name", ";\r\n name")]),
        body(&[good.replace("\r\n\r\n", "\r\ncontent-transfer-encoding: base64\r\n\r\n")]),
        body(&[part("_charset_", "utf-16")]),
        body(&[good.replace("content-disposition", "x-other")]),
    ];
    for text in odd {
        assert!(model(&text).is_err(), "{text:?}");
    }
}

#[test]
fn a_content_type_names_one_boundary_and_nothing_else() {
    for content_type in [
        "",
        "multipart/form-data",
        "multipart/mixed; boundary=XX",
        "multipart/form-data; boundary=",
        "multipart/form-data; boundary=XX; boundary=YY",
        "multipart/form-data; charset=utf-16; boundary=XX",
        "multipart/form-data; boundary=XX,multipart/form-data; boundary=YY",
        "multipart/form-data; boundary=\"XX",
        "multipart/form-data; boundary=X X",
        "application/json",
    ] {
        assert!(
            Form::parse(content_type, b"--XX--").is_err(),
            "{content_type}"
        );
    }
    assert!(Form::parse(TYPE, b"--XX--").is_ok(), "an empty form");
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

proptest! {
    #[test]
    fn hostile_bytes_never_panic(bytes in "(--XX|\r\n|content-disposition: form-data; |name=|\"|;|model|[a-z-]){0,60}") {
        if let Ok(form) = Form::parse(TYPE, bytes.as_bytes()) {
            let _ = form.field("model");
            let _ = form.file("file");
        }
    }

    #[test]
    fn what_is_written_is_read(fields in proptest::collection::vec(("[a-z]{1,8}", "[ -~\r\n]{0,40}"), 0..6)) {
        prop_assume!(fields.iter().all(|(_, text)| !text.contains("--XX")));
        let parts: Vec<_> = fields.iter().map(|(name, text)| part(name, text)).collect();
        let text = body(&parts);
        let form = Form::parse(TYPE, text.as_bytes()).expect("a form");
        for (name, text) in &fields {
            let count = fields.iter().filter(|(other, _)| other == name).count();
            match form.field(name) {
                Ok(found) => prop_assert_eq!((found, count), (Some(text.as_str()), 1)),
                Err(_) => prop_assert!(count > 1),
            }
        }
    }
}
