//! Reports by several things, of a part of the usage, as an operator asks for them.

use serde_json::{Value, json};
use tollgate::usage::month_of;
use tollgate_integration::stack::{CHAT_PATH, Stack, TestKey};

use crate::books::{PRICES, directory, ledger, records, with_everything};
use crate::chargeback::{succeeds, text, usage, used};
use crate::support::{hello, send_json, with_client};

/// The rows of a report, without what is not looked at.
async fn rows(arguments: &[&str], columns: &[&str]) -> Vec<Vec<Value>> {
    let report = succeeds(&[arguments, &["--format", "json"]].concat()).await;
    let report: Value = serde_json::from_str(&report).expect("JSON");
    let row = |row: &Value| columns.iter().map(|name| row[name].clone()).collect();
    report["rows"]
        .as_array()
        .expect("rows")
        .iter()
        .map(row)
        .collect()
}

/// "What did team X spend this month, by model?" The words of docs/chargeback.md.
#[tokio::test]
async fn what_a_team_spent_this_month_by_model() {
    let other = TestKey::numbered(77);
    let sha256 = other.sha256();
    let options = with_everything(PRICES).edit_config(move |yaml| {
        let yaml = with_client(&yaml, "batch-job", &sha256, "standard");
        yaml.replace(
            "  - id: batch-job\n",
            "  - id: batch-job\n    labels: { team: ads }\n",
        )
    });
    let stack = Stack::start(options).await;
    for _ in 0..2 {
        send_json(stack.chat(&hello())).await;
    }
    let embed = json!({"model": "text-embedding-3-large", "input": "Hi"});
    send_json(stack.post("/openai/v1/embeddings", &embed)).await;
    let chat = stack.callers.http1().post(stack.callers.url(CHAT_PATH));
    send_json(chat.header("api-key", other.text()).json(&hello())).await;
    let store = ledger(&stack).await;
    let written = records(&store, 4).await;
    let spent = |client: &str, model: &str| {
        let of = written.iter().filter(|row| row.client == client);
        let of = of.filter(|row| row.model.as_deref().is_some_and(|it| it.starts_with(model)));
        let nanos: i64 = of.filter_map(|row| row.cost_nanos).sum();
        let text = format!("{}.{:09}", nanos / 1_000_000_000, nanos % 1_000_000_000);
        json!(text.parse::<f64>().expect("a number"))
    };
    let month = month_of(written[0].started_ms / 86_400_000);
    let first = format!("{month}-01");
    let config = text(stack.config_path());
    let asked = [
        "--config",
        config,
        "--where",
        "label:team=search",
        "--by",
        "model",
        "--from",
        &first,
    ];
    let found = rows(&asked, &["requests", "cost", "currency"]).await;
    let expected = [
        vec![json!(2), spent("mobile-app", "gpt-4o"), json!("USD")],
        vec![
            json!(1),
            spent("mobile-app", "text-embedding"),
            json!("USD"),
        ],
    ];
    assert_eq!(found, expected);

    let by = ["--config", config, "--by", "label:team,client,month"];
    let mut found = rows(&by, &["label:team", "client", "month", "requests"]).await;
    found.sort_by_key(|row| row[3].as_i64());
    let expected = [
        [json!("ads"), json!("batch-job"), json!(month), json!(1)],
        [json!("search"), json!("mobile-app"), json!(month), json!(3)],
    ];
    assert_eq!(found, expected);
    let of = |more: &[&str]| {
        let arguments = [&["--config", config][..], more].concat();
        let arguments: Vec<String> = arguments.into_iter().map(str::to_owned).collect();
        async move {
            let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
            rows(&arguments, &["requests"]).await
        }
    };
    assert_eq!(of(&["--client", "batch-job"]).await, [[json!(1)]]);
    let either = [
        "--client",
        "batch-job",
        "--client",
        "mobile-app",
        "--by",
        "source",
    ];
    assert_eq!(of(&either).await, [[json!(4)]]);
    let both = ["--client", "batch-job", "--where", "operation=embeddings"];
    assert!(of(&both).await.is_empty());
    let in_month = format!("month={month}");
    let in_month = [
        "--where",
        &in_month,
        "--where",
        "operation=embeddings",
        "--by",
        "backend",
    ];
    assert_eq!(of(&in_month).await, [[json!(1)]]);
}

#[tokio::test]
async fn what_nobody_has_is_an_error_with_the_word_that_was_meant() {
    let stack = used().await;
    let data = directory(&stack);
    let data = ["--data-directory", text(&data)];
    for (words, said) in [
        (
            &["--by", "label:taem"][..],
            "no client has the label `taem`: did you mean `team`?",
        ),
        (
            &["--where", "label:xyz=search"],
            "no client has the label `xyz`: there are cost_center, team",
        ),
        (
            &["--client", "mobile-ap"],
            "no usage has the client `mobile-ap`: did you mean `mobile-app`?",
        ),
        (
            &["--where", "label:team=serch"],
            "no usage has the label:team `serch`: did you mean `search`?",
        ),
        (
            &["--where", "model=gpt-4o"],
            "did you mean `gpt-4o-2024-08-06`?",
        ),
    ] {
        let output = usage(&[&data[..], words].concat()).await;
        let errors = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{words:?}: {errors}");
        assert!(errors.contains(said), "{words:?}: {errors}");
        assert!(output.stdout.is_empty(), "{words:?}");
    }
    // There is such a client, and it used nothing then.
    let nothing = ["--client", "mobile-app", "--to", "2020-01-01"];
    let said = succeeds(&[&data[..], &nothing].concat()).await;
    assert_eq!(said, "no usage in this period\n");
}

#[tokio::test]
async fn what_has_no_price_is_empty_and_not_nothing() {
    let prices = "prices: [ { model: other, input: 1.00, per: 1, currency: USD } ]\n";
    let stack = Stack::start(with_everything(prices)).await;
    send_json(stack.chat(&hello())).await;
    records(&ledger(&stack).await, 1).await;
    let data = directory(&stack);
    let data = ["--data-directory", text(&data)];
    let csv = succeeds(&[&data[..], &["--format", "csv"]].concat()).await;
    assert!(
        csv.lines()
            .nth(1)
            .is_some_and(|line| line.ends_with(",1,,")),
        "{csv}"
    );
    let found = rows(&data, &["cost", "currency", "unpriced_requests"]).await;
    assert_eq!(found, [[Value::Null, Value::Null, json!(1)]]);
    let table = succeeds(&data).await;
    assert!(!table.contains("0.00"), "{table}");
    assert!(
        table.contains("1 requests used something that has no price"),
        "{table}"
    );
}
