//! A form as .NET writes it: `MultipartFormDataContent`, under Azure's and OpenAI's SDKs for .NET. There is
//! no .NET here, so these are its bytes.

use serde_json::{Value, json};
use tollgate_integration::stack::{Options, Stack};

const BOUNDARY: &str = "c3ba0c5e-6f0e-4f4e-9f3a-5f5c8f2f6a4d";
const AUDIO_BYTES: usize = 1200;

/// The form of `AudioClient.TranscribeAudioAsync`: names without quotes, the type before the name, the
/// file's name twice.
fn form(model: &str) -> Vec<u8> {
    let mut form = format!("--{BOUNDARY}\r\n").into_bytes();
    let file = "Content-Disposition: form-data; name=file; filename=hello.wav; filename*=utf-8''hello.wav\r\n\r\n";
    form.extend(file.bytes());
    form.extend(vec![7; AUDIO_BYTES]);
    for (name, value) in [("model", model), ("response_format", "verbose_json")] {
        let field = format!(
            "\r\n--{BOUNDARY}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Disposition: form-data; name={name}\r\n\r\n{value}"
        );
        form.extend(field.bytes());
    }
    form.extend(format!("\r\n--{BOUNDARY}--\r\n").bytes());
    form
}

fn request(stack: &Stack, path: &str, credential: &str, form: &[u8]) -> Vec<u8> {
    let key = stack.key.text();
    let length = form.len();
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: gateway.example.com\r\n{credential}{key}\r\n\
         Accept: application/json\r\nUser-Agent: azsdk-net-AI.OpenAI/2.1.0 (.NET 8.0.11; Debian)\r\n\
         Connection: close\r\nContent-Type: multipart/form-data; boundary=\"{BOUNDARY}\"\r\n\
         Content-Length: {length}\r\n\r\n"
    );
    [head.as_bytes(), form].concat()
}

#[tokio::test]
async fn a_form_of_dotnet_is_understood_and_charged() {
    let stack = Stack::start(Options::default().edit_config(|yaml| {
        yaml.replace("deployments: [gpt-4o, ", "deployments: [gpt-4o, whisper, ")
            .replace("responses]", "responses, audio.transcriptions]")
    }))
    .await;
    let azure = "/openai/deployments/whisper/audio/transcriptions?api-version=2024-10-21";
    for (path, credential) in [
        (azure, "api-key: "),
        ("/openai/v1/audio/transcriptions", "Authorization: Bearer "),
    ] {
        let request = request(&stack, path, credential, &form("whisper"));
        let answer = stack.callers.send_raw(request).await.expect("an answer");
        assert_eq!(answer.status, 200, "{path}: {}", answer.body);
        let bill = stack.azure.ledger().pop().expect("a bill");
        assert_eq!(bill.deployment.as_deref(), Some("whisper"), "{path}");
        let heard = u64::try_from(AUDIO_BYTES).expect("a count");
        assert_eq!(bill.units.audio_ms, heard, "{path}: the file came whole");
        let is_it = |line: &Value| {
            line["event"] == "usage" && line["request_id"].as_str() == bill.request_id.as_deref()
        };
        let audit = stack.tollgate().audit();
        let record = audit.wait_for_json("the usage record", is_it).await;
        assert_eq!(record["deployment"], json!("whisper"), "{record}");
        assert_eq!(record["operation"], "audio.transcriptions", "{record}");
    }
    assert!(stack.azure.violations().is_empty(), "a key got through");
}

#[tokio::test]
async fn a_form_of_dotnet_may_not_name_what_its_client_may_not_use() {
    let stack = Stack::start(
        Options::default()
            .edit_config(|yaml| yaml.replace("responses]", "responses, audio.transcriptions]")),
    )
    .await;
    let path = "/openai/v1/audio/transcriptions";
    let request = request(&stack, path, "api-key: ", &form("whisper"));
    let answer = stack.callers.send_raw(request).await.expect("an answer");
    assert_eq!(answer.status, 403, "{}", answer.body);
    assert!(stack.azure.requests().is_empty(), "the backend was reached");
}
