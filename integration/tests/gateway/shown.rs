//! Where usage is shown besides the audit log: metrics, and Envoy's access log.

use crate::support::{hello, hello_stream, metric, send, send_json, stack};

#[tokio::test]
async fn usage_is_in_the_metrics_and_in_envoys_access_log() {
    let stack = stack().await;
    let (_, body) = send_json(stack.chat(&hello())).await;
    send(stack.chat(&hello_stream()))
        .await
        .text()
        .await
        .expect("a stream");
    let lines = stack
        .tollgate()
        .audit()
        .wait_for_count("two records", 2)
        .await;
    let input: f64 = lines
        .iter()
        .filter_map(|line| line["input_tokens"].as_f64())
        .sum();
    let output: f64 = lines
        .iter()
        .filter_map(|line| line["output_tokens"].as_f64())
        .sum();
    let who = [
        "tollgate_client=\"mobile-app\"",
        "tollgate_product=\"standard\"",
        "tollgate_deployment=\"gpt-4o\"",
        "tollgate_backend=\"sweden\"",
    ];
    for (kind, expected) in [("input", input), ("output", output)] {
        let (genai, own) = (
            format!("gen_ai_token_type=\"{kind}\""),
            format!("tollgate_token_kind=\"{kind}\""),
        );
        let labels = [&who[..], &[genai.as_str()]].concat();
        assert_eq!(
            metric(&stack, "gen_ai_client_token_usage_sum", &labels).await,
            expected,
            "{kind}"
        );
        let labels = [&who[..], &[own.as_str()]].concat();
        assert_eq!(
            metric(&stack, "tollgate_usage_tokens_total", &labels).await,
            expected,
            "{kind}"
        );
    }
    assert_eq!(metric(&stack, "tollgate_requests_total", &who).await, 2.0);
    assert_eq!(
        metric(
            &stack,
            "gen_ai_client_operation_duration_seconds_count",
            &who
        )
        .await,
        2.0
    );
    assert_eq!(
        metric(
            &stack,
            "gen_ai_server_time_to_first_token_seconds_count",
            &who
        )
        .await,
        1.0
    );
    assert_eq!(metric(&stack, "tollgate_active_requests", &[]).await, 0.0);
    assert_eq!(
        metric(&stack, "tollgate_decisions_total", &["decision=\"allow\""]).await,
        2.0
    );
    let id = lines[0]["request_id"].clone();
    let line = stack
        .envoy
        .access_log()
        .wait_for_json("the access log", |line| line["request_id"] == id)
        .await;
    assert_eq!(
        line["total_tokens"], body["usage"]["total_tokens"],
        "{line}"
    );
    assert_eq!(line["client"], "mobile-app");
    assert_eq!(line["source"], "reported");
    assert_eq!(line["model"], "gpt-4o-2024-08-06");
}
