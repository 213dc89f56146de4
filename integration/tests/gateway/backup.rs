//! `tollgate ledger backup` beside a running service, and a service that starts on what it has copied.

use std::os::unix::fs::PermissionsExt;

use serde_json::Value;
use tollgate_integration::stack::{CHAT_PATH, Stack};

use crate::books::PRICES;
use crate::control::{Control, with_sqlite};
use crate::support::{hello, refused, send};

async fn usage(control: &Control, data: &str) -> Value {
    let said = control
        .tollgate(&["usage", "--data-directory", data, "--format", "json"])
        .await;
    assert!(said.status.success(), "{said:?}");
    serde_json::from_slice(&said.stdout).expect("JSON")
}

#[tokio::test]
async fn what_was_copied_while_it_ran_is_there_after_a_restore() {
    let mut stack = Stack::start(with_sqlite().edit_config(|yaml| yaml + PRICES)).await;
    let control = Control::of(&stack);
    let data = stack.directory().join("data");
    let kept = stack.directory().join("kept/today");
    let (shown, to) = (data.display().to_string(), kept.display().to_string());
    let config = stack.config_path().display().to_string();
    let (key, _) = control.issue(&[]).await;
    for _ in 0..3 {
        send(stack.chat(&hello()))
            .await
            .text()
            .await
            .expect("whole");
    }
    // The ledger's file is filled a moment later; the copy catches up.
    let said = control
        .tollgate(&["ledger", "backup", "--config", &config, "--to", &to])
        .await;
    assert!(said.status.success(), "{said:?}");
    let before = usage(&control, &shown).await;
    for name in ["usage.db", "keys.db"] {
        let metadata = std::fs::metadata(kept.join(name)).expect("a copy");
        assert_eq!(metadata.permissions().mode() & 0o777, 0o600, "{name}");
    }
    // Never over another one.
    let again = control
        .tollgate(&["ledger", "backup", "--data-directory", &shown, "--to", &to])
        .await;
    assert_eq!(again.status.code(), Some(1));
    let said = String::from_utf8_lossy(&again.stderr).into_owned();
    assert!(said.contains("usage.db is there already"), "{said}");

    // What comes later is not in it.
    send(stack.chat(&hello()))
        .await
        .text()
        .await
        .expect("whole");
    stack.tollgate_mut().child().kill().await.expect("killed");
    std::fs::remove_dir_all(&data).expect("lost");
    std::fs::create_dir(&data).expect("made");
    for name in ["usage.db", "keys.db"] {
        std::fs::copy(kept.join(name), data.join(name)).expect("restored");
    }
    stack.restart_tollgate().await.expect("it starts");
    assert_eq!(usage(&control, &shown).await, before);
    let ask = |key: &str| {
        let request = stack.callers.http1().post(stack.callers.url(CHAT_PATH));
        request.header("api-key", key).json(&hello())
    };
    assert_eq!(send(ask(&key)).await.status(), 200);
    assert_eq!(refused(ask("tgk_none")).await.0, 401);
}
