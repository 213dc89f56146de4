use std::time::{Duration, UNIX_EPOCH};

use proptest::prelude::*;

use super::*;

/// What files say of a period, joined.
fn read(files: &[&str], period: Period) -> Result<AzureUsage, ReconcileError> {
    let mut all = AzureFiles::default();
    for file in files {
        all.add(file.as_bytes(), period)?;
    }
    all.usage()
}

/// The first of January 2026.
fn new_year() -> Period {
    let from = UNIX_EPOCH + Duration::from_secs(1_767_225_600);
    Period {
        from: Some(from),
        to: Some(from + Duration::from_secs(86_400)),
    }
}

fn usage(deployments: &[(&str, i64, i64)]) -> AzureUsage {
    let of = |(name, input, output): &(&str, i64, i64)| {
        let tokens = AzureTokens {
            input: *input,
            output: *output,
        };
        ((*name).to_owned(), tokens)
    };
    deployments.iter().map(of).collect()
}

const TABLE: &str = "TimeStamp,ModelDeploymentName,Processed Prompt Tokens (Sum),Generated Completion Tokens (Sum)\n\
    2026-01-01T00:00:00Z,gpt-4o,100.0,10\n2026-01-01 23:00:00,gpt-4o,50,\n2026-01-02,gpt-4o,7,7\n2026-01-01,other,1,2\n";

#[test]
fn a_table_is_summed_over_a_period() {
    let expected = usage(&[("gpt-4o", 150, 10), ("other", 1, 2)]);
    assert_eq!(read(&[TABLE], new_year()).expect("a good file"), expected);
    let with_mark = format!("\u{feff}{TABLE}");
    assert_eq!(
        read(&[&with_mark], new_year()).expect("a mark first"),
        expected
    );
    let german = TABLE.replace(',', ";").replace("100.0", "100,0");
    assert_eq!(read(&[&german], new_year()).expect("semicolons"), expected);
    // Twelve thousand, or twelve with three decimals.
    for text in ["12,000", "12,345"] {
        let unclear = TABLE.replace("100.0", &format!("\"{text}\""));
        let error = read(&[&unclear], new_year()).expect_err("unclear");
        assert!(error.to_string().contains(text), "{error}");
    }
}

/// What the command prints, shortened to what it always has.
const JSON: &str = r#"{
  "cost": 2879,
  "interval": "P1D",
  "namespace": "Microsoft.CognitiveServices/accounts",
  "resourceregion": "swedencentral",
  "timespan": "2025-12-31T00:00:00Z/2026-01-02T00:00:00Z",
  "value": [
    {
      "displayDescription": "Number of prompt tokens processed (input) on an OpenAI model.",
      "errorCode": "Success",
      "id": "/subscriptions/s/resourceGroups/g/providers/Microsoft.CognitiveServices/accounts/a/providers/Microsoft.Insights/metrics/ProcessedPromptTokens",
      "name": { "localizedValue": "Processed Prompt Tokens", "value": "ProcessedPromptTokens" },
      "resourceGroup": "g",
      "timeseries": [
        {
          "data": [
            { "average": null, "count": null, "maximum": null, "minimum": null, "timeStamp": "2025-12-31T00:00:00Z", "total": 7.0 },
            { "average": null, "count": null, "maximum": null, "minimum": null, "timeStamp": "2026-01-01T00:00:00Z", "total": 1234567.0 }
          ],
          "metadatavalues": [ { "name": { "localizedValue": "modeldeploymentname", "value": "modeldeploymentname" }, "resourceGroup": "g", "value": "gpt-4o" } ]
        },
        {
          "data": [ { "timeStamp": "2026-01-01T00:00:00+00:00", "total": null } ],
          "metadatavalues": [ { "name": { "value": "region" }, "value": "Sweden" }, { "name": { "value": "ModelDeploymentName" }, "value": "idle" } ]
        }
      ],
      "type": "Microsoft.Insights/metrics",
      "unit": "Count"
    },
    {
      "name": { "value": "GeneratedTokens" },
      "timeseries": [ { "data": [ { "timeStamp": "2026-01-01T00:00:00Z", "total": 89.0 } ], "metadatavalues": [ { "name": { "value": "modeldeploymentname" }, "value": "gpt-4o" } ] } ]
    },
    {
      "name": { "value": "TokenTransaction" },
      "timeseries": [ { "data": [ { "timeStamp": "2026-01-01T00:00:00Z", "total": 1234656.0 } ], "metadatavalues": [] } ]
    }
  ]
}"#;

#[test]
fn what_az_monitor_metrics_list_prints_is_summed_over_a_period() {
    let expected = usage(&[("gpt-4o", 1_234_567, 89), ("idle", 0, 0)]);
    assert_eq!(read(&[JSON], new_year()).expect("a good file"), expected);
    let several = format!("[{JSON}, {JSON}]");
    let twice = usage(&[("gpt-4o", 2_469_134, 178), ("idle", 0, 0)]);
    assert_eq!(read(&[&several], new_year()).expect("two answers"), twice);
    assert_eq!(read(&[JSON, JSON], new_year()).expect("two files"), twice);
    let (_, values) = JSON.split_once("\"value\": [\n").expect("the values");
    let values = values.trim_end().trim_end_matches('}').trim_end();
    let values = format!("[{values}");
    assert_eq!(
        read(&[&values], new_year()).expect("--query value"),
        expected
    );
}

/// What the portal's download says before the columns, then a column for each deployment.
fn chart(title: &str, columns: &str, lines: &str) -> String {
    format!(
        "Chart title,{title}\nResource,my-account\nTime range,1/1/2026 12:00 AM - 1/2/2026 12:00 AM\n\
         Time granularity,1 hour\n\n{columns}\n{lines}"
    )
}

#[test]
fn charts_of_the_portal_are_joined() {
    let input = chart(
        "Sum Processed Prompt Tokens for my-account by ModelDeploymentName",
        "Timestamp (UTC),gpt-4o,text-embedding-3-large",
        "2026-01-01 00:00,100,7\n2026-01-01 01:00,50,--\n2026-01-02 00:00,9,9\n,,\n",
    );
    let output = chart(
        "Sum Generated Completion Tokens for my-account by ModelDeploymentName",
        "Time,gpt-4o",
        "\"1/1/2026, 12:00 AM\",4\n1/1/2026 11:00:00 PM,6.0\n1/2/2026 12:00 AM,5\n",
    );
    let expected = usage(&[("gpt-4o", 150, 10), ("text-embedding-3-large", 7, 0)]);
    let found = read(&[&input, &output], new_year()).expect("two charts");
    assert_eq!(found, expected);
}

#[test]
fn a_chart_with_both_metrics_names_them_in_its_columns() {
    for (input, output) in [
        (
            "\"Processed Prompt Tokens (Sum), gpt-4o\"",
            "\"Generated Completion Tokens (Sum), gpt-4o\"",
        ),
        (
            "Sum Processed Prompt Tokens | gpt-4o",
            "Sum Generated Tokens | gpt-4o",
        ),
        (
            "gpt-4o - ProcessedPromptTokens (Total)",
            "gpt-4o - GeneratedTokens (Total)",
        ),
        (
            "Processed Prompt Tokens (Sum): ModelDeploymentName = gpt-4o",
            "Generated Tokens (Sum): ModelDeploymentName = gpt-4o",
        ),
    ] {
        let file = format!("Time,{input},{output}\n2026-01-01T05:00:00.000Z,3,4\n");
        let found = read(&[&file], new_year());
        assert_eq!(found.expect(input), usage(&[("gpt-4o", 3, 4)]), "{input}");
    }
}

#[test]
fn a_wrong_file_says_what_is_wrong() {
    const BOTH: &str = "deployment,inputtokens,outputtokens\n";
    let average = JSON
        .replace("\"total\": 7.0", "\"total\": null")
        .replace("\"average\": null", "\"average\": 3.5");
    let unsplit = JSON.replace("\"modeldeploymentname\"", "\"region\"");
    let odd = JSON.replace("89.0", "89.5");
    let late = JSON.replace("2025-12-31T00:00:00Z\", \"total", "yesterday\", \"total");
    for (text, reason) in [
        ("a,b\n", "no line that names its columns"),
        ("", "no line that names its columns"),
        (
            "deployment,inputtokens\nx,1\n",
            "no file has the tokens of answers",
        ),
        (
            "deployment,outputtokens\nx,1\n",
            "no file has the tokens of prompts",
        ),
        (
            "deployment,Processed Inference Tokens\nx,1\n",
            "no line that names its columns",
        ),
        (
            &format!("{BOTH}x,many,1\n"),
            "line 2: `many` is not a count",
        ),
        (&format!("{BOTH}x,1.5,1\n"), "line 2: `1.5` is not a count"),
        (&format!("{BOTH}x,-1,1\n"), "line 2: `-1` is not a count"),
        (
            "date,deployment,inputtokens,outputtokens\nsoon,x,1,1\n",
            "line 2: `soon` is not a time",
        ),
        (
            "Time,gpt-4o\n2026-01-01,1\n",
            "`gpt-4o` does not say which metric",
        ),
        (
            "Time,Processed Prompt Tokens (Sum)\n2026-01-01,1\n",
            "ProcessedPromptTokens is not split by deployment",
        ),
        (
            "Sum Generated Tokens\nTime,gpt-4o\n31/12/2025 05:00,1\n",
            "`31/12/2025 05:00` is not a time",
        ),
        ("{\"error\": 1}", "az monitor metrics list"),
        ("{\"value\": [", "az monitor metrics list"),
        (&average, "ProcessedPromptTokens has no totals"),
        (&unsplit, "not split by deployment"),
        (&odd, "`89.500` is not a count"),
        (&late, "`yesterday` is not a time"),
    ] {
        let error = read(&[text], Period::ALL).expect_err(text).to_string();
        assert!(error.contains(reason), "{text}: {error}");
    }
}

#[test]
fn a_file_without_end_is_given_up() {
    let mut all = AzureFiles::default();
    let endless = all.add(std::io::repeat(b' '), Period::ALL);
    assert!(
        matches!(endless, Err(ReconcileError::TooLarge)),
        "{endless:?}"
    );
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..2000)) {
        let _ = AzureFiles::default().add(bytes.as_slice(), Period::ALL);
    }

    #[test]
    fn any_text_of_their_words_is_read_or_refused(
        parts in prop::collection::vec(
            prop_oneof![
                Just("Time"), Just("Processed Prompt Tokens"), Just("(Sum)"), Just("Sum"), Just("GeneratedTokens"),
                Just("ModelDeploymentName"), Just("gpt-4o"), Just(","), Just(";"), Just("\n"), Just("\""), Just(" "),
                Just("2026-01-01"), Just("1/1/2026 1:00 AM"), Just("12"), Just("99999999999999999999"), Just("\u{e4}"),
                Just("{"), Just("}"), Just("["), Just("]"), Just("\"value\":"), Just("\"name\":"), Just("\"timeseries\":"),
            ],
            0..60,
        ),
    ) {
        let _ = AzureFiles::default().add(parts.concat().as_bytes(), Period::ALL);
    }

    #[test]
    fn what_is_written_in_either_shape_is_read_as_the_same(
        counts in prop::collection::btree_map("[a-z][a-z0-9-]{0,8}[a-z0-9]", (0..1_000_000_i64, 0..1_000_000_i64), 1..5),
    ) {
        // A name that has a word of the format in it can not be told from it.
        prop_assume!(counts.keys().all(|name| words::deployment(name) == name && words::metric_within(name).is_none()));
        let expected: AzureUsage = counts
            .iter()
            .map(|(name, (input, output))| (name.clone(), AzureTokens { input: *input, output: *output }))
            .collect();
        let mut table = "ModelDeploymentName,ProcessedPromptTokens,GeneratedTokens\n".to_owned();
        let (mut header, mut line) = ("Time".to_owned(), "2026-01-01".to_owned());
        let (mut prompts, mut answers) = (Vec::new(), Vec::new());
        for (name, (input, output)) in &counts {
            table.push_str(&format!("{name},{input}.0,{output}\n"));
            header.push_str(&format!(",Sum Processed Prompt Tokens {name},Sum Generated Tokens {name}"));
            line.push_str(&format!(",{input},{output}"));
            let series = |count: &i64| serde_json::json!({
                "metadatavalues": [{"name": {"value": "modeldeploymentname"}, "value": name}],
                "data": [{"timeStamp": "2026-01-01T00:00:00Z", "total": count}],
            });
            prompts.push(series(input));
            answers.push(series(output));
        }
        let json = serde_json::json!({"value": [
            {"name": {"value": "ProcessedPromptTokens"}, "timeseries": prompts},
            {"name": {"value": "GeneratedTokens"}, "timeseries": answers},
        ]});
        for text in [table, format!("{header}\n{line}\n"), json.to_string()] {
            prop_assert_eq!(&read(&[&text], Period::ALL).expect("a good file"), &expected, "{}", text);
        }
    }
}
