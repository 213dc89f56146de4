//! Costs with other prices.

use serde_json::{Value, json};
use tollgate_integration::stack::Stack;

use super::{succeeds, text, used};
use crate::books::{PRICES, ledger, records, rows, with_everything};
use crate::control::with_sqlite;
use crate::support::{hello, send, send_json};

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
