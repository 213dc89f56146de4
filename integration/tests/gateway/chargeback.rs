//! The chargeback, as an operator types it.

use std::path::Path;
use std::process::Output;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use axum::{Json, Router};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::process::Command;
use tollgate_integration::stack::{Stack, paths, wait_for};

use crate::books::{PRICES, bills, directory, ledger, records, rows, with_everything, with_ledger};
use crate::control::with_sqlite;
use crate::support::{hello, hello_stream, send, send_json};

pub(crate) async fn usage(arguments: &[&str]) -> Output {
    let tollgate = paths::binary("tollgate").expect("it is built");
    let command = Command::new(tollgate).arg("usage").args(arguments).output();
    command.await.expect("it runs")
}

pub(crate) async fn succeeds(arguments: &[&str]) -> String {
    let output = usage(arguments).await;
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {errors}");
    String::from_utf8(output.stdout).expect("text")
}

pub(crate) fn text(path: &Path) -> &str {
    path.to_str().expect("a path of text")
}

/// A stack with four requests in its ledger.
pub(crate) async fn used() -> Stack {
    let stack = Stack::start(with_ledger(PRICES)).await;
    for user in ["ann", "bob"] {
        for body in [hello(), hello_stream()] {
            let answer = send(stack.chat(&body).header("x-end-user", user)).await;
            answer.text().await.expect("a whole answer");
        }
    }
    stack
}

#[tokio::test]
async fn a_report_says_who_used_what_and_for_how_much() {
    let stack = used().await;
    let written = rows(&ledger(&stack).await).await;
    let tokens: i64 = written.iter().map(|row| row.total_tokens).sum();
    let cost: i64 = written.iter().filter_map(|row| row.cost_nanos).sum();
    let directory = directory(&stack);
    for (by, keys) in [
        ("client", vec!["mobile-app"]),
        ("user", vec!["ann", "bob"]),
        ("label:team", vec!["search"]),
        ("label:cost_center", vec!["4711"]),
        ("product", vec!["standard"]),
        ("deployment", vec!["gpt-4o"]),
        ("model", vec!["gpt-4o-2024-08-06"]),
        ("backend", vec!["sweden"]),
        ("operation", vec!["chat.completions"]),
        ("service_tier", vec![""]),
    ] {
        let arguments = [
            "--data-directory",
            text(&directory),
            "--by",
            by,
            "--format",
            "json",
        ];
        let report: Value = serde_json::from_str(&succeeds(&arguments).await).expect("JSON");
        let lines = report["rows"].as_array().expect("rows");
        let key = |row: &Value| row[by].as_str().unwrap_or_default().to_owned();
        let mut found: Vec<_> = lines.iter().map(key).collect();
        found.sort_unstable();
        assert_eq!(found, keys, "{by}");
        assert_eq!(report["totals"][0]["total_tokens"], tokens, "{by}");
        assert_eq!(report["totals"][0]["requests"], 4);
        let exact = format!("{}.{:09}", cost / 1_000_000_000, cost % 1_000_000_000);
        let exact: f64 = exact.parse().expect("a number");
        assert_eq!(report["totals"][0]["cost"], exact, "{by}");
    }
    let config = ["--config", text(stack.config_path()), "--by", "day"];
    let table = succeeds(&config).await;
    assert!(
        table.contains("█") && table.contains("total") && table.contains("USD"),
        "{table}"
    );
    let csv = succeeds(&["--data-directory", text(&directory), "--format", "csv"]).await;
    assert!(csv.starts_with("client,requests,input_tokens,"), "{csv}");
    assert_eq!(csv.lines().count(), 2);
    let before = ["--data-directory", text(&directory), "--to", "2020-01-01"];
    assert_eq!(succeeds(&before).await, "no usage in this period\n");
}

#[tokio::test]
async fn records_are_exported_as_lines_and_as_focus() {
    let stack = used().await;
    let directory = directory(&stack);
    let arguments = [
        "export",
        "--data-directory",
        text(&directory),
        "--format",
        "json",
    ];
    let lines = succeeds(&arguments).await;
    let bills = bills(&stack);
    assert_eq!(lines.lines().count(), 4);
    for line in lines.lines() {
        let record: Value = serde_json::from_str(line).expect("JSON");
        let bill = &bills[record["request_id"].as_str().expect("an id")];
        assert_eq!(record["input_tokens"], bill.tokens.prompt);
        assert_eq!(record["output_tokens"], bill.tokens.completion);
        assert_eq!(record["labels"]["team"], "search");
        assert!(record["cost"].is_number(), "{record}");
        assert!(record["stream"].is_boolean() && record["filtered"].is_boolean());
        let key = stack.key.text().get(4..14).expect("an id");
        assert_eq!(record["key_id"], key, "{record}");
        assert_eq!(record["id"].as_str().map(str::len), Some(36));
    }
    let focus = succeeds(&["export", "--data-directory", text(&directory)]).await;
    let mut lines = focus.lines();
    assert!(
        lines
            .next()
            .is_some_and(|header| header.starts_with("BilledCost,BillingAccountId,"))
    );
    let lines: Vec<_> = lines.collect();
    assert_eq!(lines.len(), 2, "a line for each user of the day: {focus}");
    assert!(
        lines
            .iter()
            .all(|line| line.contains("Azure OpenAI") && line.contains(",Tokens,")),
        "{focus}"
    );
}

/// Batches of events that a collector was sent, with their content type and credential; it is
/// unavailable at first.
type Batches = Arc<Mutex<Vec<(String, Value)>>>;

async fn collector() -> (String, Batches) {
    let batches = Batches::default();
    let (kept, is_first) = (Arc::clone(&batches), Arc::new(AtomicBool::new(true)));
    let take = move |headers: HeaderMap, Json(events): Json<Value>| async move {
        if is_first.swap(false, Ordering::Relaxed) {
            return StatusCode::SERVICE_UNAVAILABLE;
        }
        let header = |name| {
            headers
                .get(name)
                .and_then(|it| it.to_str().ok())
                .unwrap_or_default()
        };
        let said = format!("{} {}", header("content-type"), header("authorization"));
        kept.lock().expect("no poison").push((said, events));
        StatusCode::ACCEPTED
    };
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
    let url = format!(
        "http://{}/events",
        listener.local_addr().expect("an address")
    );
    let router = Router::new().route("/events", post(take));
    tokio::spawn(async move { axum::serve(listener, router).await });
    (url, batches)
}

#[tokio::test]
async fn new_records_go_to_a_collector_as_they_are_written() {
    let stack = Stack::start(with_ledger(PRICES)).await;
    send_json(stack.chat(&hello())).await;
    let (url, batches) = collector().await;
    let token = stack.directory().join("token");
    std::fs::write(&token, "canary-token\n").expect("written");
    let tollgate = paths::binary("tollgate").expect("it is built");
    let data = directory(&stack);
    for (url, file, why) in [
        (
            "http://collector.example/",
            &token,
            "only https, or http to a loopback address",
        ),
        (
            "https://u:p@collector.example/",
            &token,
            "no user and no password",
        ),
        (
            url.as_str(),
            &stack.directory().join("empty"),
            "the secret is empty",
        ),
    ] {
        std::fs::write(stack.directory().join("empty"), "\n").expect("written");
        let refused = Command::new(&tollgate)
            .args(["usage", "export", "--data-directory", text(&data)])
            .args(["--to-url", url, "--bearer-file", text(file)])
            .output()
            .await;
        let refused = refused.expect("it runs");
        let said = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(
            !refused.status.success() && said.contains(why),
            "{url}: {said}"
        );
    }
    // What goes to this machine in the clear goes past no proxy.
    let follower = Command::new(tollgate)
        .env("HTTP_PROXY", "http://127.0.0.1:1")
        .env("http_proxy", "http://127.0.0.1:1")
        .args([
            "usage",
            "export",
            "--follow",
            "--from",
            "2020-01-01",
            "--to-url",
            &url,
        ])
        .args([
            "--data-directory",
            text(&data),
            "--bearer-file",
            text(&token),
        ])
        .kill_on_drop(true)
        .spawn()
        .expect("it runs");
    let events = || {
        let batches = batches.lock().expect("no poison");
        let all = batches.iter().filter_map(|(_, events)| events.as_array());
        all.flatten().cloned().collect::<Vec<_>>()
    };
    for count in 1..=3 {
        wait_for(&format!("{count} events"), async || {
            (events().len() >= count).then_some(())
        })
        .await;
        send_json(stack.chat(&hello())).await;
    }
    wait_for("the last event", async || {
        (events().len() >= 4).then_some(())
    })
    .await;
    drop(follower);
    let written = rows(&ledger(&stack).await).await;
    let mut ids: Vec<_> = events()
        .iter()
        .map(|event| event["id"].as_str().expect("an id").to_owned())
        .collect();
    ids.sort_unstable();
    ids.dedup();
    let expected: Vec<_> = written
        .iter()
        .map(|row| row.record_id().expect("an id").to_string())
        .collect();
    assert_eq!(ids, expected, "each at least once");
    for event in events() {
        assert_eq!(event["specversion"], "1.0");
        assert_eq!(event["type"], "dev.tollgate.usage.v1");
        assert_eq!(event["subject"], "mobile-app");
        assert_eq!(event["data"]["id"], event["id"]);
        assert_eq!(event["data"]["time"], event["time"]);
        let key = stack.key.text().get(4..14).expect("an id");
        assert_eq!(event["data"]["key_id"], key);
    }
    for (said, _) in batches.lock().expect("no poison").iter() {
        let expected = "application/cloudevents-batch+json; charset=utf-8 Bearer canary-token";
        assert_eq!(said, expected);
    }
}

#[tokio::test]
async fn other_prices_are_computed_anew_and_the_report_follows() {
    let stack = used().await;
    let old: i64 = rows(&ledger(&stack).await)
        .await
        .iter()
        .filter_map(|row| row.cost_nanos)
        .sum();
    let config = std::fs::read_to_string(stack.config_path()).expect("the configuration");
    let dearer = config.replace(
        "input: 2.50, cached_input: 1.25, output: 10.00",
        "input: 5.00, cached_input: 2.50, output: 20.00",
    );
    std::fs::write(stack.config_path(), dearer).expect("written");
    let exact = |nanos: i64| {
        let digits = format!("{}.{:09}", nanos / 1_000_000_000, nanos % 1_000_000_000);
        digits.trim_end_matches('0').to_owned()
    };
    let recompute = ["recompute", "--config", text(stack.config_path())];
    let before = rows(&ledger(&stack).await).await;
    let said = succeeds(&[&recompute[..], &["--dry-run"]].concat()).await;
    let line = said.lines().find(|line| line.contains("gpt-4o-2024-08-06"));
    let words: Vec<_> = line.unwrap_or_default().split_whitespace().collect();
    let expected = ["4", &exact(old), &exact(2 * old), &exact(old), "USD"];
    assert_eq!(words.get(2..), Some(&expected[..]), "{said}");
    let end = "4 records looked at, 4 would have another price or cost; nothing was changed\n";
    assert!(said.ends_with(end), "{said}");
    assert_eq!(
        rows(&ledger(&stack).await).await,
        before,
        "nothing was changed"
    );
    let said = succeeds(&recompute).await;
    let mut said = said.lines().rev();
    // No service takes the line here: it is written where the command runs.
    let audit: Value = serde_json::from_str(said.next().unwrap_or_default()).expect("JSON");
    assert_eq!(audit["event"], "recompute");
    let cost = &audit["cost"][0];
    let number = |nanos: i64| json!(exact(nanos).parse::<f64>().expect("a number"));
    assert_eq!(
        (&cost["before"], &cost["after"]),
        (&number(old), &number(2 * old))
    );
    let end = "4 records looked at, 4 have another price or cost now";
    assert_eq!(said.next(), Some(end));
    let new: i64 = rows(&ledger(&stack).await)
        .await
        .iter()
        .filter_map(|row| row.cost_nanos)
        .sum();
    assert_eq!(new, 2 * old);
    let report = succeeds(&["--config", text(stack.config_path()), "--format", "json"]).await;
    let report: Value = serde_json::from_str(&report).expect("JSON");
    let exact = format!("{}.{:09}", new / 1_000_000_000, new % 1_000_000_000);
    let exact: f64 = exact.parse().expect("a number");
    assert_eq!(report["totals"][0]["cost"], exact);
    let again = succeeds(&recompute).await;
    let end = "4 records looked at, 0 have another price or cost now\n";
    assert!(again.starts_with(end), "{again}");
}

#[tokio::test]
async fn the_running_services_audit_log_says_who_has_computed_costs_anew() {
    let stack = Stack::start(with_sqlite()).await;
    send_json(stack.chat(&hello())).await;
    records(&ledger(&stack).await, 1).await;
    let yaml = std::fs::read_to_string(stack.config_path()).expect("the file");
    std::fs::write(stack.config_path(), yaml + PRICES).expect("written");
    let days = ["--from", "2020-01-01"];
    let recompute = ["recompute", "--config", text(stack.config_path())];
    let said = succeeds(&[&recompute[..], &days].concat()).await;
    let end = "1 records looked at, 1 have another price or cost now\n";
    assert!(said.ends_with(end), "{said}");
    let audit = stack.tollgate().audit();
    let line = audit
        .wait_for_json("the line", |line| line["event"] == "recompute")
        .await;
    let by = line["by"].as_str().unwrap_or_default();
    assert!(by.starts_with("uid:"), "{line}");
    assert_eq!((&line["records"], &line["changed"]), (&json!(1), &json!(1)));
    assert_eq!(
        (&line["from"], &line["to"]),
        (&json!("2020-01-01T00:00:00Z"), &Value::Null)
    );
    let cost = &line["cost"][0];
    assert_eq!(
        (&cost["currency"], &cost["before"]),
        (&json!("USD"), &Value::Null)
    );
    assert!(cost["after"].as_f64().is_some_and(|it| it > 0.0), "{line}");
    // A trial is none of its business.
    succeeds(&[&recompute[..], &["--dry-run"]].concat()).await;
    let lines = audit.all();
    let told = lines
        .iter()
        .filter(|line| line.contains("recompute"))
        .count();
    assert_eq!(told, 1, "{lines:?}");
}

#[tokio::test]
async fn an_image_that_was_refused_costs_nothing_now_or_computed_anew() {
    let prices =
        "prices: [ { model: gpt-image-1, input: 5.00, image: 0.04, per: 1, currency: USD } ]\n";
    let stack = Stack::start(with_everything(prices)).await;
    let body = json!({"model": "gpt-image-1", "prompt": "A toll gate", "size": "1024x1024", "quality": "high"});
    let request = stack.post("/openai/v1/images/generations", &body);
    let response = send(request.header("x-fake-fault", "status-429")).await;
    assert_eq!(response.status(), 429);
    let written = records(&ledger(&stack).await, 1).await;
    let row = &written[0];
    assert_eq!(row.image_size.as_deref(), Some("1024x1024"), "{row:?}");
    assert_eq!((row.images, row.source.as_str()), (0, "none"), "{row:?}");
    assert_eq!((&row.price, row.cost_nanos), (&None, None), "{row:?}");
    let said = succeeds(&["recompute", "--config", text(stack.config_path())]).await;
    let end = "1 records looked at, 0 have another price or cost now\n";
    assert!(said.starts_with(end), "{said}");
}

#[tokio::test]
async fn a_collector_that_is_away_is_said_before_anything_is_read() {
    let nobody = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
    let address = nobody.local_addr().expect("an address");
    drop(nobody);
    let url = format!("http://{address}/events?sas=canary");
    for more in [&["--follow"][..], &["--from", "2020-01-01"]] {
        // There is no such ledger, and that is not what is said.
        let arguments = ["export", "--data-directory", "nowhere", "--to-url", &url];
        let output = usage(&[&arguments[..], more].concat()).await;
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        let errors = String::from_utf8_lossy(&output.stderr);
        let said = format!("the collector at http://{address} does not answer: ");
        assert!(
            errors.contains(&said) && errors.contains("refused"),
            "{errors}"
        );
        assert!(!errors.contains("canary"), "{errors}");
    }
}

#[tokio::test]
async fn what_is_paid_by_the_month_is_shared_by_use() {
    // The model's own price, of the same name, is for its other deployments.
    let flat = "  - { deployment: gpt-4o, tier: ptu, monthly: 900.00, currency: EUR }\n";
    let stack = Stack::start(with_ledger(&format!("{PRICES}{flat}"))).await;
    for user in ["ann", "bob", "ann"] {
        send_json(
            stack
                .chat(&hello())
                .header("x-end-user", user)
                .header("x-fake-output-tokens", "10"),
        )
        .await;
    }
    let arguments = [
        "--config",
        text(stack.config_path()),
        "--by",
        "user",
        "--format",
        "json",
    ];
    let report: Value = serde_json::from_str(&succeeds(&arguments).await).expect("JSON");
    let costs: Vec<_> = report["rows"]
        .as_array()
        .expect("rows")
        .iter()
        .map(|row| (row["user"].as_str(), row["cost"].as_f64()))
        .collect();
    assert_eq!(
        costs,
        [(Some("ann"), Some(600.0)), (Some("bob"), Some(300.0))]
    );
}

#[tokio::test]
async fn the_ledger_is_compared_with_azures_own_count() {
    let stack = used().await;
    let directory = directory(&stack);
    let (input, output) = stack
        .azure
        .ledger()
        .iter()
        .fold((0, 0), |(input, output), bill| {
            (input + bill.tokens.prompt, output + bill.tokens.completion)
        });
    let file = stack.directory().join("metrics.csv");
    let write = |output: u64| {
        let text = format!(
            "ModelDeploymentName,ProcessedPromptTokens,GeneratedTokens\ngpt-4o,{input},{output}\n"
        );
        std::fs::write(&file, text).expect("written");
    };
    write(output);
    let arguments = [
        "reconcile",
        "--data-directory",
        text(&directory),
        "--azure-metrics",
        text(&file),
    ];
    let table = succeeds(&arguments).await;
    assert!(
        table.contains("gpt-4o") && table.contains("0.000"),
        "{table}"
    );
    // The same, as `az monitor metrics list` prints it, and as charts of the portal.
    let series = |metric: &str, total: u64| {
        json!({"name": {"value": metric}, "timeseries": [{
            "metadatavalues": [{"name": {"value": "modeldeploymentname"}, "value": "gpt-4o"}],
            "data": [{"timeStamp": "2026-01-01T00:00:00Z", "total": total, "average": null}],
        }]})
    };
    let value = [
        series("ProcessedPromptTokens", input),
        series("GeneratedTokens", output),
    ];
    let printed = json!({"cost": 1, "interval": "P1D", "value": value}).to_string();
    let chart = |title: &str, total: u64| {
        format!(
            "Chart title,Sum {title} by ModelDeploymentName\n\nTime,gpt-4o\n2026-01-01 00:00,{total}\n"
        )
    };
    let file_of = |name: &str, text: &str| {
        let file = stack.directory().join(name);
        std::fs::write(&file, text).expect("written");
        file
    };
    let json_file = file_of("metrics.json", &printed);
    let inputs = file_of("in.csv", &chart("Processed Prompt Tokens", input));
    let outputs = file_of("out.csv", &chart("Generated Completion Tokens", output));
    let data = ["reconcile", "--data-directory", text(&directory)];
    let of_json = ["--azure-metrics", text(&json_file)];
    let of_charts = [
        "--azure-metrics",
        text(&inputs),
        "--azure-metrics",
        text(&outputs),
    ];
    for files in [&of_json[..], &of_charts] {
        assert_eq!(
            succeeds(&[&data[..], files].concat()).await,
            table,
            "{files:?}"
        );
    }
    let one = usage(&[&data[..], &of_charts[..2]].concat()).await;
    let errors = String::from_utf8_lossy(&one.stderr).into_owned();
    assert!(
        errors.contains("no file has the tokens of answers"),
        "{errors}"
    );
    let twice = usage(&[&data[..], &of_json, &of_json].concat()).await;
    let errors = String::from_utf8_lossy(&twice.stderr).into_owned();
    assert!(errors.contains("is given twice"), "{errors}");
    write(output + 100);
    let differs = usage(&arguments).await;
    assert!(!differs.status.success(), "a difference ends in an error");
    assert!(String::from_utf8_lossy(&differs.stdout).contains("-100"));
}

#[tokio::test]
async fn a_wrong_question_is_answered_with_what_to_do() {
    let nowhere = tempfile::tempdir().expect("a directory");
    for (arguments, reason) in [
        (
            vec!["--data-directory", text(nowhere.path())],
            "there is no ledger at",
        ),
        (vec!["--by", "xyz"], "label:NAME"),
        (vec!["--by", "modell"], "did you mean `model`?"),
        (vec!["--by", "client,label:"], "not a label's name"),
        (vec!["--where", "model"], "write WHAT=VALUE"),
        (
            vec!["--data-directory", "x", "--by", "day,client,day"],
            "`day` occurs twice",
        ),
        (vec!["--from", "soon"], "not a date"),
        (
            vec![
                "--data-directory",
                "x",
                "--from",
                "2026-02-01",
                "--to",
                "2026-02-01",
            ],
            "--to must be after --from",
        ),
        (vec!["recompute", "--data-directory", "x"], "--config FILE"),
        (
            vec![
                "export",
                "--data-directory",
                text(nowhere.path()),
                "--follow",
                "--format",
                "json",
            ],
            "there is no ledger at",
        ),
        (
            vec!["--database", "postgres://u:secret@h/d"],
            "--database: a password in the URL",
        ),
    ] {
        let output = usage(&arguments).await;
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(
            !output.status.success() && errors.contains(reason),
            "{arguments:?}: {errors}"
        );
        assert!(!errors.contains("secret@"), "{errors}");
    }
}
