//! The ledger compared with Azure's own count.

use serde_json::json;

use super::{succeeds, text, usage, used};
use crate::books::directory;

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
