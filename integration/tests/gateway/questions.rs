//! The six questions of docs/operations.md, answered by the commands that stand there, of a gateway that runs.

use std::path::PathBuf;
use std::process::Output;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection};
use tokio::process::Command;
use tollgate_integration::fakes::azure::script::Fault;
use tollgate_integration::prometheus::Prometheus;
use tollgate_integration::stack::{CHAT_PATH, Options, Stack, TestKey, paths, poll_for, wait_for};

use crate::books::{PRICES, directory, ledger, records, with_ledger};
use crate::certificates::{IDENTITY, Pki, chat};
use crate::control::{Control, with_sqlite};
use crate::support::{hello, refused, send, send_json, with_client};

const PAGE: &str = include_str!("../../../docs/operations.md");
const ALERTS: &str = "deploy/prometheus/alerts.yml";
/// 2049-12-31, when the certificates of [`Pki`] end.
const LAST_DAY: u64 = 2_524_521_600;

/// What stands below a question: the text of the first block in this language, and all up to the next question.
fn below(question: &str, language: &str) -> (String, &'static str) {
    let (_, rest) = PAGE
        .split_once(&format!("**{question}**"))
        .unwrap_or_else(|| panic!("nobody asks {question:?}"));
    let rest = rest.split("\n**").next().unwrap_or(rest);
    let (_, block) = rest
        .split_once(&format!("```{language}\n"))
        .unwrap_or_else(|| panic!("no answer to {question:?}"));
    let block = block.split("```").next().expect("its end");
    (block.trim().to_owned(), rest)
}

/// Runs the command below a question, with the files and addresses of a stack.
async fn ask(stack: &Stack, question: &str) -> Output {
    let (command, _) = below(question, "console");
    let command = command.strip_prefix("$ ").expect("a command");
    assert!(!command.contains('\n'), "one command: {command}");
    let admin = stack.tollgate().admin_url();
    let admin = admin.strip_prefix("http://").expect("HTTP");
    // Its port was free when tollgate started; an operator's file names it.
    let yaml = std::fs::read_to_string(stack.config_path()).expect("the file");
    let file = stack.directory().join("operator.yaml");
    std::fs::write(&file, yaml.replacen("127.0.0.1:0", admin, 1)).expect("written");
    let command = command
        .replace("/etc/tollgate/tollgate.yaml", &file.display().to_string())
        .replace(
            "/var/log/tollgate/audit.jsonl",
            &audit_file(stack).display().to_string(),
        )
        .replace("127.0.0.1:9090", admin);
    let program = paths::binary("tollgate").expect("built before the tests run");
    let program = program.canonicalize().expect("it is there");
    let beside = program.parent().expect("a folder").display();
    let search = std::env::var("PATH").unwrap_or_default();
    Command::new("sh")
        .args(["-c", &command])
        .env("PATH", format!("{beside}:{search}"))
        .output()
        .await
        .expect("a shell")
}

/// What it prints where it succeeds.
async fn answer(stack: &Stack, question: &str) -> String {
    let output = ask(stack, question).await;
    assert!(output.status.success(), "{question} {output:?}");
    String::from_utf8(output.stdout).expect("text")
}

fn audit_file(stack: &Stack) -> PathBuf {
    stack.directory().join("audit.jsonl")
}

/// A Prometheus that asks the gateway.
async fn prometheus(stack: &Stack) -> Prometheus {
    let admin = stack.tollgate().admin_url().trim_start_matches("http://");
    let rules = paths::repository(ALERTS).canonicalize().expect("the rules");
    let started = Prometheus::start(&[("tollgate", admin, "/metrics")], &rules).await;
    started.expect("Prometheus")
}

/// The labels of what a query gives, once it gives something.
async fn labels(prometheus: &mut Prometheus, query: &str) -> Vec<Value> {
    let found = poll_for(query, async || {
        let samples = prometheus.query(query).await.expect("a valid query");
        (!samples.is_empty()).then_some(samples)
    });
    let found = found.await.expect("samples").into_iter();
    found.map(|sample| sample["metric"].clone()).collect()
}

#[tokio::test]
async fn whose_key_was_refused_an_hour_ago_and_why() {
    let key = TestKey::numbered(5);
    let partner = format!(
        "  - id: partner\n    credentials: [ {{ key: {{ sha256: \"{}\", slot: primary, not_after: 2020-01-01 }} }} ]\n    products: [standard]\n",
        key.sha256()
    );
    let stack = Stack::start(Options::default().edit_config(move |yaml| {
        let (_, rest) = yaml.split_once("unix:").expect("a socket");
        let (folder, _) = rest.split_once("/envoy/").expect("a folder");
        let file = format!("{folder}/audit.jsonl");
        // Of long ago.
        let old = r#"{"event":"refused","time":"2020-01-01T00:00:00Z","client":"old"}"#;
        std::fs::write(&file, format!("{old}\n")).expect("written");
        yaml.replacen("clients:\n", &format!("clients:\n{partner}"), 1)
            + &format!("audit: {{ file: \"{file}\" }}\n")
    }))
    .await;
    assert_eq!(send(stack.chat(&hello())).await.status(), 200);
    let request = stack.callers.http1().post(stack.callers.url(CHAT_PATH));
    let got = refused(request.header("api-key", key.text()).json(&hello())).await;
    assert_eq!(got, (401, "invalid_api_key".to_owned()));

    let said = wait_for("the refusal in the file", async || {
        let said = answer(&stack, "Whose key was refused an hour ago, and why?").await;
        (!said.is_empty()).then_some(said)
    })
    .await;
    assert_eq!(said.lines().count(), 1, "only that one: {said}");
    let line: Value = serde_json::from_str(&said).expect("JSON");
    assert_eq!(
        (&line["client"], &line["reason"]),
        (&json!("partner"), &json!("key_expired")),
        "{line}"
    );
    assert_eq!(line["key_id"].as_str(), key.text().get(4..14), "{line}");
    let reasons = std::fs::read_to_string(paths::repository("docs/errors.md")).expect("the page");
    assert!(reasons.contains("`key_expired`"), "it is explained");
}

#[tokio::test]
async fn what_a_team_has_spent_this_month_by_model() {
    let ads = TestKey::numbered(77);
    let sha256 = ads.sha256();
    let options = with_ledger(PRICES).edit_config(move |yaml| {
        let yaml = with_client(&yaml, "batch-job", &sha256, "standard");
        yaml.replace(
            "  - id: batch-job\n",
            "  - id: batch-job\n    labels: { team: ads }\n",
        )
    });
    let stack = Stack::start(options).await;
    for key in [stack.key.text(), stack.key.text(), ads.text()] {
        let chat = stack.callers.http1().post(stack.callers.url(CHAT_PATH));
        send_json(chat.header("api-key", key).json(&hello())).await;
    }
    let written = records(&ledger(&stack).await, 3).await;
    let of_team = written.iter().filter(|row| row.client == "mobile-app");
    let nanos: i64 = of_team.filter_map(|row| row.cost_nanos).sum();
    assert!(nanos > 0, "it has a price");

    let said = answer(&stack, "What has team search spent this month, by model?").await;
    let rows: Vec<Vec<&str>> = said
        .lines()
        .map(|line| line.split_whitespace().collect())
        .filter(|row: &Vec<_>| row.first().is_some_and(|it| it.starts_with("gpt-4o")))
        .collect();
    assert_eq!(rows.len(), 1, "{said}");
    assert_eq!(rows[0][1], "2", "requests of the team alone: {said}");
    assert!(rows[0].contains(&"USD"), "{said}");
}

#[tokio::test]
async fn which_keys_nobody_uses() {
    let mut stack = Stack::start(with_sqlite()).await;
    let control = Control::of(&stack);
    let (used, used_id) = control.issue(&[]).await;
    let (_, unused_id) = control.rotate(&used_id, "24h").await;
    let options = SqliteConnectOptions::new().filename(directory(&stack).join("keys.db"));
    let mut keys = options.connect().await.expect("the keys");
    let age = sqlx::query("UPDATE issued_keys SET issued_at = 1").execute(&mut keys);
    age.await.expect("both were issued long ago");
    keys.close().await.expect("closed");
    wait_for("the key's first use", async || {
        let chat = stack.callers.http1().post(stack.callers.url(CHAT_PATH));
        let answer = send(chat.header("api-key", &used).json(&hello())).await;
        (answer.status() == 200).then_some(())
    })
    .await;
    records(&ledger(&stack).await, 1).await;
    stack.restart_tollgate().await.expect("it starts again");

    let output = ask(&stack, "Which keys does nobody use?").await;
    assert_eq!(output.status.code(), Some(3), "there are some: {output:?}");
    let said = String::from_utf8(output.stdout).expect("text");
    assert!(said.contains(&unused_id), "{said}");
    assert!(!said.contains(&used_id), "{said}");
}

#[tokio::test]
async fn which_certificates_end_within_a_week() {
    let question = "Which certificates end within a week?";
    let pki = Pki::new();
    pki.write_lists(1, &[]);
    let stack = crate::certificates::stack(&pki.required(), IDENTITY).await;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("now");
    let in_three_days = now + Duration::from_secs(3 * 86_400);
    let soon = pki.leaf(|params| {
        params.not_after -= Duration::from_secs(LAST_DAY - in_three_days.as_secs());
    });
    let before = answer(&stack, question).await;
    assert_eq!(before, "", "authority and lists have years");
    assert_eq!(send(chat(&stack, &soon)).await.status(), 200);

    let said = answer(&stack, question).await;
    assert_eq!(said.lines().count(), 1, "{said}");
    assert!(said.contains("tollgate_client=\"factory-7\""), "{said}");
    let (query, _) = below(question, "promql");
    let found = labels(&mut prometheus(&stack).await, &query).await;
    assert_eq!(found, [json!({ "tollgate_client": "factory-7" })]);
}

#[tokio::test]
async fn which_backend_rests() {
    let stack = crate::backends::stack(2).await;
    stack.azure.fail_next(&[Fault::Status(429)]);
    let throttled = stack.chat(&hello());
    let throttled = throttled.header("x-fake-retry-after-ms", "600000");
    assert_eq!(send(throttled).await.status(), 200, "another one answered");
    let said = answer(&stack, "Which backend rests?").await;
    let rests: Vec<_> = said.lines().filter(|it| it.contains("throttled")).collect();
    assert_eq!(rests.len(), 1, "{said}");
    assert!(said.contains("sweden") && said.contains("east"), "{said}");
}

#[tokio::test]
async fn what_a_budget_alert_means() {
    let question = "What does a budget alert mean?";
    let limits = "limits: { quotas: [ { cost: 0.01, per: month } ] }";
    let stack = Stack::start(with_sqlite().edit_config(move |yaml| {
        let client = format!("    products: [standard]\n    {limits}\n");
        yaml.replacen("    products: [standard]\n", &client, 1) + PRICES
    }))
    .await;
    let mut body = hello();
    body["max_tokens"] = json!(50);
    let ask_once = async || send_json(stack.chat(&body)).await;
    let refusal = wait_for("the end of the quota", async || {
        let (status, answer) = ask_once().await;
        (status != 200).then_some((status.as_u16(), answer["error"]["code"].clone()))
    })
    .await;

    // The alert is raised by what is used, and leads to its section.
    let rules = std::fs::read_to_string(paths::repository(ALERTS)).expect("the rules");
    let (_, rule) = rules
        .split_once("- alert: TollgateQuotaNearlyUsed\n")
        .expect("the alert");
    let (_, query) = rule.split_once("expr: ").expect("a query");
    let query = query.lines().next().expect("a line");
    let found = labels(&mut prometheus(&stack).await, query).await;
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0]["tollgate_client"], "mobile-app", "{found:?}");
    // What the page says of it is so.
    let (_, text) = below(question, "console");
    assert!(text.contains("[TollgateQuotaNearlyUsed](#tollgatequotanearlyused)"));
    let (status, code) = refusal;
    assert!(
        text.contains(&format!("{status} `{}`", code.as_str().unwrap_or_default())),
        "{status} {code}: {text}"
    );
    let said = answer(&stack, question).await;
    assert!(said.contains("cost per month, USD"), "{said}");
    assert!(said.contains("client mobile-app"), "{said}");
}
