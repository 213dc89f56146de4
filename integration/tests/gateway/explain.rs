//! `tollgate explain` says what the service decides, and gives away no secret.

use std::path::Path;

use tokio::process::Command;
use tollgate_integration::stack::{CHAT_PATH, Options, Stack, TestKey, paths};

use crate::support::{hello, send, stack};

/// The key of pseudonyms, for configurations that name it.
pub(crate) const END_USERS_KEY: &str = "0123456789abcdef0123456789abcdef";

/// What explain prints, and whether it ended in 0.
pub(crate) async fn explain(stack: &Stack, arguments: &[&str]) -> (String, bool) {
    let program = paths::binary("tollgate").expect("built");
    let mut command = Command::new(program);
    command
        .args(["explain", "--config"])
        .arg(stack.config_path());
    command.env("TEST_END_USERS_KEY", END_USERS_KEY);
    let output = command.args(arguments).output().await.expect("it runs");
    let text = |bytes| String::from_utf8(bytes).expect("text");
    let printed = format!("{}{}", text(output.stdout), text(output.stderr));
    (printed, output.status.success())
}

fn write(stack: &Stack, name: &str, text: &str) -> String {
    let path = stack.directory().join(name);
    std::fs::write(&path, text).expect("written");
    Path::to_string_lossy(&path).into_owned()
}

#[tokio::test]
async fn it_decides_as_the_service_does() {
    let stack = stack().await;
    let (good, unknown) = (stack.key.text(), TestKey::numbered(2));
    let mini = CHAT_PATH.replace("gpt-4o", "gpt-4o-mini");
    let cases = [
        (good, CHAT_PATH, "POST"),
        (good, mini.as_str(), "POST"),
        (unknown.text(), CHAT_PATH, "POST"),
        ("no-key", CHAT_PATH, "POST"),
        ("a.b.c", CHAT_PATH, "POST"),
        ("", CHAT_PATH, "POST"),
        (good, "/openai/nothing", "POST"),
        (good, CHAT_PATH, "GET"),
        (good, "/openai/deployments/gpt-4o/chat/completions", "POST"),
        (good, "/openai/v1/chat/completions", "POST"),
    ];
    for (at, (credential, path, method)) in cases.into_iter().enumerate() {
        let file = write(&stack, "credential", credential);
        let arguments = ["--path", path, "--method", method, "--credential", &file];
        let (text, is_allowed) = explain(&stack, &arguments).await;
        let method = method.parse().expect("a method");
        let url = stack.callers.url(path);
        let request = stack.callers.http1().request(method, url).json(&hello());
        let request = match credential.contains('.') {
            true => request.bearer_auth(credential),
            false => request.header("api-key", credential),
        };
        let status = send(request).await.status().as_u16();
        assert_eq!(is_allowed, status == 200, "{path}: {status}: {text}");
        let audit = stack.tollgate().audit();
        let lines = audit
            .wait_for_count("a line for each request", at + 1)
            .await;
        if status != 200 {
            let reason = lines[at]["reason"].as_str().expect("a refusal");
            let said = format!("refused: {status} {reason}");
            assert!(text.contains(&said), "{path}: not `{said}`: {text}");
        }
        let secret = credential.rsplit('_').next().unwrap_or_default();
        let is_secret = credential == good || credential == unknown.text();
        assert!(
            !is_secret || !text.contains(secret),
            "the key is shown: {text}"
        );
    }
}

#[tokio::test]
async fn a_saved_request_is_explained_step_by_step() {
    let edit = |yaml: String| {
        yaml.replace(
            "products: [standard]",
            "products: [inside, standard]",
        )
        .replace(
            "  - id: standard",
            "  - { id: inside, deployments: [\"gpt-*\"], operations: [chat.completions], networks: [10.0.0.0/8] }\n  - id: standard",
        )
    };
    let stack = Stack::start(Options::default().edit_config(edit)).await;
    let key = stack.key.text();
    let request = format!(
        "POST {CHAT_PATH} HTTP/1.1\r\nhost: a\r\napi-key: {key}\r\ncontent-type: application/json\r\n\r\n{{\"messages\":[]}}"
    );
    let file = write(&stack, "request.http", &request);
    let (text, is_allowed) = explain(&stack, &["--request", &file]).await;
    assert!(is_allowed, "{text}");
    for line in [
        "caller            client mobile-app by its key.primary",
        "path              operation chat.completions, API version 2024-10-21",
        "deployment        gpt-4o, from the path",
        "product inside    does not: the caller's address is in none of the product's networks",
        "product standard  allows it",
        "granted by        product standard",
        "decision          allowed",
    ] {
        assert!(text.lines().any(|it| it == line), "no `{line}`: {text}");
    }
    let (text, _) = explain(&stack, &["--request", &file, "--source", "10.1.2.3"]).await;
    assert!(text.contains("granted by        product inside"), "{text}");
}

#[tokio::test]
async fn wrong_inputs_are_told_to_a_person() {
    let stack = stack().await;
    let cut = write(&stack, "cut.http", "POST\n");
    for (arguments, said) in [
        (
            vec!["--path", "/x", "--credential", "/nowhere/key"],
            "can't be read",
        ),
        (
            vec!["--request", cut.as_str()],
            "line 1 of the request is not a request line",
        ),
        (
            vec!["--path", "/x", "--at", "soon"],
            "`soon` is not a date and time",
        ),
        (vec![], "--path"),
        (
            vec!["--path", "/x", "--request", "r"],
            "cannot be used with",
        ),
        (
            vec!["--path", "/x", "--certificate", cut.as_str()],
            "has no certificate",
        ),
    ] {
        let (text, is_allowed) = explain(&stack, &arguments).await;
        assert!(!is_allowed && text.contains(said), "no `{said}`: {text}");
    }
}
