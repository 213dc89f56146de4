//! Which key was used, when last, and by whom nobody is any more: from the request through Envoy to what the
//! operator's commands say.

use std::time::Duration;

use serde_json::Value;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection};
use tollgate_integration::postgres::Postgres;
use tollgate_integration::stack::{CHAT_PATH, Stack, wait_for};

use crate::books::{DATA, PRICES, directory, ledger, records};
use crate::chargeback::{succeeds, text};
use crate::control::{Control, Second, with_postgres, with_sqlite};
use crate::support::{hello, refused_for, send};

/// Asks with a key; gives the status.
async fn ask(stack: &Stack, key: &str) -> u16 {
    let request = stack.callers.http1().post(stack.callers.url(CHAT_PATH));
    let response = send(request.header("api-key", key).json(&hello())).await;
    let status = response.status().as_u16();
    response.bytes().await.expect("a whole body");
    status
}

/// Asks until the answer has a status.
async fn becomes(stack: &Stack, key: &str, wanted: u16) {
    wait_for(&format!("{wanted}"), async || {
        (ask(stack, key).await == wanted).then_some(())
    })
    .await;
}

/// The keys that `tollgate key list` knows, by id.
async fn listed(control: &Control) -> Vec<Value> {
    let text = control.ok(&["list", "--configured", "--json"]).await;
    let keys: Value = serde_json::from_str(&text).expect("JSON");
    keys.as_array().expect("a list").clone()
}

fn of<'a>(keys: &'a [Value], id: &str) -> &'a Value {
    let found = keys.iter().find(|key| key["id"] == id);
    found.unwrap_or_else(|| panic!("no {id}: {keys:?}"))
}

#[tokio::test]
async fn the_old_and_the_new_key_of_a_rotation_differ_wherever_usage_is_told() {
    let stack = Stack::start(with_sqlite().edit_config(|yaml| yaml + PRICES)).await;
    let control = Control::of(&stack);
    let (old, old_id) = control.issue(&[]).await;
    becomes(&stack, &old, 200).await;
    let (new, new_id) = control.rotate(&old_id, "24h").await;
    becomes(&stack, &new, 200).await;
    assert_eq!(ask(&stack, &new).await, 200);
    let file_id = stack.key.text().get(4..14).expect("an id").to_owned();
    assert_eq!(ask(&stack, stack.key.text()).await, 200);
    let counts = [(&old_id, 1), (&new_id, 2), (&file_id, 1)];

    let store = ledger(&stack).await;
    records(&store, 4).await;
    let data = directory(&stack);
    let data = ["--data-directory", text(&data)];
    let report = succeeds(&[&data[..], &["--by", "key", "--format", "json"]].concat()).await;
    let report: Value = serde_json::from_str(&report).expect("JSON");
    let rows = report["rows"].as_array().expect("rows");
    let export = succeeds(&[&["export"], &data[..], &["--format", "json"]].concat()).await;
    let export: Vec<Value> = export
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    let audit = wait_for("the audit lines", async || {
        let lines = stack.tollgate().audit().all();
        let json = |line: &String| serde_json::from_str(line).ok();
        let lines: Vec<Value> = lines.iter().filter_map(json).collect();
        let is_whole = lines.iter().filter(|line| line["event"] == "usage").count() == 4;
        is_whole.then_some(lines)
    })
    .await;
    let focus = succeeds(&[&["export"], &data[..]].concat()).await;
    for (id, count) in counts {
        let row = rows.iter().find(|row| row["key"] == id.as_str());
        assert_eq!(row.map(|row| &row["requests"]), Some(&count.into()), "{id}");
        let of_key = |line: &&Value| line["key_id"] == id.as_str() && line["event"] != "key";
        assert_eq!(export.iter().filter(of_key).count(), count, "{id}");
        assert_eq!(audit.iter().filter(of_key).count(), count, "{id}");
        let tag = format!("\"\"tollgate/key\"\":\"\"{id}\"\"");
        assert_eq!(focus.matches(&tag).count(), 1, "{focus}");
    }
}

#[tokio::test]
async fn keys_that_nobody_uses_are_told_from_those_in_use_also_after_a_restart() {
    let mut stack = Stack::start(with_sqlite()).await;
    let control = Control::of(&stack);
    let (key, id) = control.issue(&[]).await;
    becomes(&stack, &key, 200).await;
    let (_, successor) = control.rotate(&id, "24h").await;
    let store = ledger(&stack).await;
    records(&store, 1).await;

    // Of the file's key nobody knows when it was made: unused for as long as anybody looks.
    let unused = control.run(&["unused", "--since", "1h", "--json"]).await;
    assert_eq!(unused.status.code(), Some(3), "{unused:?}");
    let found: Value = serde_json::from_slice(&unused.stdout).expect("JSON");
    let of_file = &found["keys"][0];
    assert_eq!(found["keys"].as_array().map(Vec::len), Some(1), "{found}");
    assert_eq!(of_file["from"], "configuration");
    assert_eq!(
        (&of_file["id"], &of_file["last_used"]),
        (&Value::Null, &Value::Null)
    );
    assert!(of_file["uses_known_since"].is_string(), "{found}");
    let digits = of_file["sha256"].as_str().expect("digits");
    let yaml = std::fs::read_to_string(stack.config_path()).expect("the file");
    assert!(
        digits.len() == 16 && yaml.contains(digits),
        "{digits}: {yaml}"
    );
    let table = control.run(&["unused", "--since", "1h"]).await;
    let table = String::from_utf8_lossy(&table.stdout).into_owned();
    assert!(
        table.contains("never since") && table.contains(digits),
        "{table}"
    );

    // The successor was issued long ago, and nobody has used it.
    let options = SqliteConnectOptions::new().filename(directory(&stack).join("keys.db"));
    let mut keys = options.connect().await.expect("the keys");
    let age = sqlx::query("UPDATE issued_keys SET issued_at = 1").execute(&mut keys);
    age.await.expect("aged");
    keys.close().await.expect("closed");
    assert_eq!(ask(&stack, stack.key.text()).await, 200);
    records(&store, 2).await;
    stack.restart_tollgate().await.expect("it starts again");
    let unused = control.run(&["unused", "--since", "1h", "--json"]).await;
    assert_eq!(unused.status.code(), Some(3), "{unused:?}");
    let found: Value = serde_json::from_slice(&unused.stdout).expect("JSON");
    let ids: Vec<_> = found["keys"].as_array().into_iter().flatten().collect();
    assert_eq!(ids.len(), 1, "{found}");
    assert_eq!(
        of(&listed(&control).await, &successor)["last_used"],
        Value::Null
    );
    assert!(of(&listed(&control).await, &id)["last_used"].is_string());
    let file_id = stack.key.text().get(4..14).expect("an id");
    let now_named = of(&listed(&control).await, file_id).clone();
    assert!(now_named["last_used"].is_string(), "{now_named}");

    control.ok(&["revoke", &successor]).await;
    let said = control.ok(&["unused", "--since", "1h"]).await;
    assert!(said.contains("every key that is good was used"), "{said}");
    let wrong = control.refused(&["unused", "--since", "soon"]).await;
    assert!(wrong.contains("`soon` is not a duration"), "{wrong}");
}

#[tokio::test]
async fn a_replica_knows_of_the_last_use_at_another_one() {
    let postgres = Postgres::start().expect("a PostgreSQL");
    let options = with_postgres(&postgres.url()).edit_config(|yaml| yaml + DATA);
    let stack = Stack::start(options).await;
    let second = Second::of(&stack).await;
    let other = &second.control;

    let (key, id) = other.issue(&[]).await;
    assert_eq!(of(&listed(other).await, &id)["last_used"], Value::Null);
    becomes(&stack, &key, 200).await;
    wait_for("the last use at the other replica", async || {
        let keys = listed(other).await;
        of(&keys, &id)["last_used"].is_string().then_some(())
    })
    .await;
}

#[tokio::test]
async fn where_no_ledger_is_kept_last_uses_are_unknown_and_not_never() {
    let postgres = Postgres::start().expect("a PostgreSQL");
    let stack = Stack::start(with_postgres(&postgres.url())).await;
    let control = Control::of(&stack);
    control.issue(&[]).await;
    let list = control.run(&["list"]).await;
    assert!(list.status.success(), "{list:?}");
    let said = String::from_utf8_lossy(&list.stderr).into_owned();
    assert!(said.contains("last uses are not known"), "{said}");
    let table = String::from_utf8_lossy(&list.stdout).into_owned();
    assert!(
        table.contains("unknown") && !table.contains("never"),
        "{table}"
    );
    let keys = listed(&control).await;
    let unknown = keys.iter().all(|key| key["uses_known_since"].is_null());
    assert!(unknown, "{keys:?}");
    let said = control.refused(&["unused"]).await;
    assert!(said.contains("keeps no ledger"), "{said}");
}

#[tokio::test]
async fn the_keys_of_a_renamed_client_follow_it_when_they_are_moved() {
    let mut stack = Stack::start(with_sqlite()).await;
    let control = Control::of(&stack);
    let (key, id) = control.issue(&[]).await;
    becomes(&stack, &key, 200).await;
    let yaml = std::fs::read_to_string(stack.config_path()).expect("the file");
    let renamed = yaml.replace("id: mobile-app", "id: web-shop");
    std::fs::write(stack.config_path(), renamed).expect("written");
    stack.restart_tollgate().await.expect("it starts again");
    assert_eq!(ask(&stack, &key).await, 401);
    refused_for(&stack, "key_client_unknown").await;
    let keys = listed(&control).await;
    assert_eq!(of(&keys, &id)["client_is_known"], false);
    let table = control.ok(&["list"]).await;
    assert!(
        table.contains("mobile-app (not in the configuration)"),
        "{table}"
    );

    for (words, reason) in [
        (
            &["move", "--from", "mobile-app", "--to", "webshop"][..],
            "there is no client `webshop`",
        ),
        (
            &["move", "--from", "nobody", "--to", "web-shop"],
            "`nobody` has no issued keys",
        ),
        (
            &["move", "--from", "web-shop", "--to", "web-shop"],
            "its own already",
        ),
        (
            &["move", "AAAAAAAAAA", "--to", "web-shop"],
            "no key `AAAAAAAAAA`",
        ),
    ] {
        let said = control.refused(words).await;
        assert!(said.contains(reason), "{words:?}: {said}");
    }
    let said = control
        .ok(&["move", "--from", "mobile-app", "--to", "web-shop"])
        .await;
    assert!(
        said.contains(&id) && said.contains("`web-shop` now"),
        "{said}"
    );
    becomes(&stack, &key, 200).await;
    let audit = stack.tollgate().audit();
    let line = audit
        .wait_for_json("the move", |line| line["action"] == "move")
        .await;
    assert_eq!(
        (&line["from"], &line["client"]),
        (&"mobile-app".into(), &"web-shop".into())
    );
    assert!(
        line["by"].as_str().is_some_and(|by| by.starts_with("uid:")),
        "{line}"
    );
    let used = audit
        .wait_for_json("a request", |line| {
            line["event"] == "usage" && line["client"] == "web-shop"
        })
        .await;
    assert_eq!(used["key_id"], id.as_str());
}

#[tokio::test]
async fn a_rotation_says_what_becomes_of_the_end() {
    let stack = Stack::start(with_sqlite()).await;
    let control = Control::of(&stack);
    let (_, id) = control.issue(&["--not-after", "2090-01-01"]).await;
    let said = control.ok(&["rotate", &id]).await;
    assert!(said.contains("until 2090-01-01T00:00:00Z"), "{said}");
    assert!(
        said.contains("ends when the old key would have ended"),
        "{said}"
    );
    let next = said.get(4..14).expect("an id").to_owned();
    let said = control.ok(&["rotate", &next, "--without-end"]).await;
    assert!(said.contains("this one has no end"), "{said}");
    let last = said.get(4..14).expect("an id").to_owned();
    let keys = listed(&control).await;
    assert_eq!(of(&keys, &last)["not_after"], Value::Null);
    let said = control.ok(&["rotate", &last]).await;
    assert!(
        !said.contains("would have ended"),
        "there was no end: {said}"
    );
    let both = [
        "rotate",
        &last,
        "--without-end",
        "--not-after",
        "2091-01-01",
    ];
    let refused = control.run(&both).await;
    assert_eq!(refused.status.code(), Some(2), "{refused:?}");
}

/// Long enough for nothing: a key that was refused was not used.
#[tokio::test]
async fn a_refused_request_is_no_use_of_its_key_and_says_which_key_it_was() {
    let stack = Stack::start(with_sqlite()).await;
    let control = Control::of(&stack);
    let (key, id) = control.issue(&[]).await;
    becomes(&stack, &key, 200).await;
    let store = ledger(&stack).await;
    records(&store, 1).await;
    let before = of(&listed(&control).await, &id)["last_used"].clone();
    let url = stack
        .callers
        .url(&CHAT_PATH.replace("gpt-4o", "gpt-5-nobody"));
    let request = stack
        .callers
        .http1()
        .post(url)
        .timeout(Duration::from_secs(20));
    let refused = send(request.header("api-key", &key).json(&hello())).await;
    assert_eq!(refused.status(), 403);
    let line = refused_for(&stack, "deployment_not_allowed").await;
    assert_eq!(line["key_id"], id.as_str(), "{line}");
    // What came before a record that is there by now would be there, too.
    send(stack.chat(&hello()))
        .await
        .text()
        .await
        .expect("whole");
    records(&store, 2).await;
    let after = of(&listed(&control).await, &id)["last_used"].clone();
    assert!(before.is_string(), "{before}");
    assert_eq!(before, after);
}
