//! Forms as client libraries write them, and what the backend gets of them.

use std::path::Path;
use std::process::Stdio;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reqwest::RequestBuilder;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tollgate::access::Form;
use tollgate_integration::stack::{Stack, paths};

use crate::support::{
    assert_backend_untouched, assert_no_violations, call, everything, form, refused, send, settled,
    stack_with, with_form, with_product_line,
};

/// A form: its content type and its body.
type Written = (String, Vec<u8>);

/// The seeds of the fuzzer: forms of every writer, byte for byte, and hostile ones.
fn seeds() -> Vec<(String, Written)> {
    let folder = paths::repository("fuzz/corpus/form");
    let files = std::fs::read_dir(&folder).expect("the corpus of forms");
    let read = |path: &Path| {
        let bytes = std::fs::read(path).expect("a seed");
        let end = bytes.iter().position(|byte| *byte == b'\n');
        let (head, body) = bytes.split_at(end.unwrap_or(bytes.len()));
        let content_type = String::from_utf8(head.to_vec()).expect("a content type");
        (content_type, body.get(1..).unwrap_or_default().to_vec())
    };
    files
        .map(|entry| entry.expect("an entry").path())
        .map(|path| {
            let name = path.file_name().and_then(|it| it.to_str());
            (name.expect("a name").to_owned(), read(&path))
        })
        .collect()
}

/// What Python's own parser sees in each of the forms.
async fn read_by_python(forms: &[Written]) -> Vec<Value> {
    let forms: Vec<_> = forms
        .iter()
        .map(|(content_type, body)| json!([content_type, STANDARD.encode(body)]))
        .collect();
    let python = paths::python().unwrap_or_else(|failure| panic!("{failure}"));
    let mut reader = tokio::process::Command::new(python)
        .args(["-B", "-s"])
        .arg(paths::repository("integration/tests/gateway/read_forms.py"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("Python runs");
    let mut input = reader.stdin.take().expect("a pipe");
    let text = json!(forms).to_string();
    input.write_all(text.as_bytes()).await.expect("written");
    drop(input);
    let ran = reader.wait_with_output().await.expect("Python ends");
    assert!(ran.status.success(), "Python fails");
    serde_json::from_slice(&ran.stdout).expect("JSON")
}

async fn assert_read_alike(names: &[String], came: &[Written], goes: &[Written]) {
    let (came, goes) = (read_by_python(came).await, read_by_python(goes).await);
    assert_eq!(came.len(), names.len());
    for (name, (came, goes)) in names.iter().zip(came.iter().zip(&goes)) {
        assert_eq!(came, goes, "{name}: another form has gone on");
    }
}

fn transcribe(stack: &Stack, (content_type, body): Written) -> RequestBuilder {
    let request = call(
        stack,
        stack.key.text(),
        "POST",
        "/openai/v1/audio/transcriptions",
    );
    request.header("content-type", content_type).body(body)
}

/// What the backend has got last.
fn last(stack: &Stack) -> Written {
    let request = stack.azure.requests().pop().expect("a request");
    let content_type = request.header("content-type").expect("a content type");
    (content_type.to_owned(), request.body.to_vec())
}

#[tokio::test]
async fn a_form_of_every_client_library_is_served_and_arrives_in_one_spelling() {
    let stack = stack_with(|yaml| everything(&yaml)).await;
    let of_writers = seeds()
        .into_iter()
        .filter(|(name, _)| name.starts_with("good-by-"));
    let (mut names, mut came, mut goes) = (Vec::new(), Vec::new(), Vec::new());
    for (writer, form) in of_writers {
        let response = send(transcribe(&stack, form.clone())).await;
        let status = response.status();
        let said = response.text().await.expect("a body");
        assert_eq!(status, 200, "{writer}: {said}");
        names.push(writer.clone());
        settled(&stack, u64::try_from(names.len()).expect("few")).await;
        let bill = stack.azure.ledger().pop().expect("a bill");
        assert_eq!(bill.deployment.as_deref(), Some("whisper"), "{writer}");
        assert_eq!(bill.units.audio_ms, 4, "{writer}: the file");

        let (content_type, body) = last(&stack);
        let boundary = content_type.strip_prefix("multipart/form-data; boundary=");
        let boundary = boundary.unwrap_or_else(|| panic!("{writer}: {content_type}"));
        let text = String::from_utf8(body.clone()).expect("UTF-8");
        let begin = format!(
            "--{boundary}\r\ncontent-disposition: form-data; name=\"model\"\r\n\r\nwhisper\r\n--{boundary}\r\ncontent-disposition: form-data; name=\"file\"; filename=\""
        );
        let end = format!("\r\n\r\nRIFF\r\n--{boundary}--\r\n");
        assert!(
            text.starts_with(&begin) && text.ends_with(&end),
            "{writer}: {text}"
        );
        came.push(form);
        goes.push((content_type, body));
    }
    assert!(names.len() >= 20, "writers: {names:?}");
    assert_read_alike(&names, &came, &goes).await;
    assert_no_violations(&stack);
}

#[tokio::test]
async fn a_parser_that_nobody_here_wrote_reads_what_the_gateway_reads() {
    let good = seeds()
        .into_iter()
        .filter(|(name, _)| name.starts_with("good-"));
    let (names, came): (Vec<_>, Vec<_>) = good.unzip();
    let write = |(content_type, body): &Written| {
        let form = Form::parse(content_type, body).expect("a form");
        form.write()
    };
    let goes: Vec<_> = came.iter().map(write).collect();
    assert_read_alike(&names, &came, &goes).await;
}

#[tokio::test]
async fn a_form_that_could_be_read_in_two_ways_is_refused() {
    let stack = stack_with(|yaml| everything(&yaml)).await;
    for (name, form) in seeds() {
        let is_of_another_type = !form.0.starts_with("multipart/form-data");
        if name.starts_with("good-") || is_of_another_type {
            continue;
        }
        let (status, code) = refused(transcribe(&stack, form)).await;
        assert_eq!((status, code.as_str()), (400, "invalid_body"), "{name}");
    }
    assert_backend_untouched(&stack);
}

#[tokio::test]
async fn the_deployment_of_the_path_is_written_over_the_model_of_a_form() {
    let stack = stack_with(|yaml| everything(&yaml)).await;
    let path = "/openai/deployments/gpt-4o-transcribe/audio/transcriptions?api-version=2024-10-21";
    let file = Some(("file", b"RIFF".as_slice()));
    let cases: [(&[(&str, &str)], _); 4] = [
        (&[("prompt", "Names")], None),
        (&[("model", "")], Some("gpt-4o-transcribe")),
        (&[("model", "whisper-1")], Some("gpt-4o-transcribe")),
        (&[("model", "gpt-4o-transcribe")], Some("gpt-4o-transcribe")),
    ];
    for (nth, (fields, expected)) in (1..).zip(cases) {
        let request = call(&stack, stack.key.text(), "POST", path);
        let response = send(with_form(request, form(fields, file))).await;
        assert_eq!(response.status(), 200, "{fields:?}");
        settled(&stack, nth).await;
        let bill = stack.azure.ledger().pop().expect("a bill");
        let deployment = bill.deployment.as_deref();
        assert_eq!(deployment, Some("gpt-4o-transcribe"), "{fields:?}");
        let (content_type, body) = last(&stack);
        let seen = Form::parse(&content_type, &body).expect("a form");
        assert_eq!(seen.field("model"), Ok(expected), "{fields:?}");
        assert_eq!(seen.file("file"), Ok(b"RIFF".as_slice()), "{fields:?}");
    }
    let twice = form(
        &[("model", "whisper"), ("model", "gpt-4o-transcribe")],
        file,
    );
    let request = call(&stack, stack.key.text(), "POST", path);
    assert_eq!(refused(with_form(request, twice)).await.0, 400);
    let request = call(
        &stack,
        stack.key.text(),
        "POST",
        "/openai/v1/audio/transcriptions",
    );
    let (status, code) = refused(with_form(request, form(&[("model", "")], file))).await;
    assert_eq!((status, code.as_str()), (400, "model_missing"));
    assert_no_violations(&stack);
}

#[tokio::test]
async fn a_strict_product_refuses_a_form_with_another_model() {
    let stack =
        stack_with(|yaml| with_product_line(&everything(&yaml), "strict_model: true")).await;
    let path = "/openai/deployments/gpt-4o-transcribe/audio/transcriptions?api-version=2024-10-21";
    let request = |model| {
        let body = form(&[("model", model)], Some(("file", b"RIFF")));
        with_form(call(&stack, stack.key.text(), "POST", path), body)
    };
    let (status, code) = refused(request("whisper-1")).await;
    assert_eq!((status, code.as_str()), (400, "model_mismatch"));
    assert_backend_untouched(&stack);
    for model in ["", "gpt-4o-transcribe"] {
        assert_eq!(send(request(model)).await.status(), 200, "{model:?}");
    }
}
