//! What Azure Monitor has counted: the JSON of `az monitor metrics list`, charts of the portal, and tables.

use crate::seed;

/// A metric of a deployment on a day, as the command prints it.
fn series(metric: &str) -> String {
    format!(
        r#"{{"name":{{"localizedValue":"x","value":"{metric}"}},"timeseries":[{{"metadatavalues":[{{"name":{{"value":"modeldeploymentname"}},"value":"gpt-4o"}}],"data":[{{"average":null,"timeStamp":"2026-01-01T00:00:00Z","total":123.0}}]}}],"unit":"Count"}}"#
    )
}

fn json() {
    let (input, output) = (series("ProcessedPromptTokens"), series("GeneratedTokens"));
    let both = format!(r#"{{"cost":1,"interval":"P1D","value":[{input},{output}]}}"#);
    let put = |name: &str, text: String| seed("azure", name, text);
    put("good-json", both.clone());
    put("good-json-list", format!("[{both},{both}]"));
    put("good-json-values", format!("[{input},{output}]"));
    put("good-json-without-data", both.replace("123.0", "null"));
    put("json-cut", both[..both.len() - 20].to_owned());
    put(
        "json-other",
        r#"{"error":{"code":"BadRequest"}}"#.to_owned(),
    );
    put("json-one-metric", format!(r#"{{"value":[{input}]}}"#));
    put(
        "json-not-split",
        both.replace("modeldeploymentname", "region"),
    );
    let average = both.replace(r#""average":null"#, r#""average":1.5"#);
    put("json-average", average.replace("123.0", "null"));
    put("json-fraction", both.replace("123.0", "0.5"));
    put("json-huge", both.replace("123.0", "1e300"));
    put("json-negative", both.replace("123.0", "-1"));
    put("json-time", both.replace("2026-01-01T00:00:00Z", "soon"));
    put("json-deep", "[".repeat(200));
}

/// Names and texts of what is not JSON.
const TEXTS: [(&str, &str); 12] = [
    (
        "good-table",
        "TimeStamp,ModelDeploymentName,ProcessedPromptTokens,GeneratedTokens\n2026-01-01,gpt-4o,1,2\n2026-01-02 05:00,gpt-4o,3.0,\n",
    ),
    (
        "good-table-semicolons",
        "ModelDeploymentName;ProcessedPromptTokens;GeneratedTokens\ngpt-4o;1,0;2\n",
    ),
    (
        "good-chart",
        "Chart title,Usage\nTime range,1/1/2026 - 2/1/2026\n\nTime,\"Processed Prompt Tokens (Sum), gpt-4o\",\"Generated Completion Tokens (Sum), gpt-4o\"\n\"1/1/2026, 2:00 PM\",1,--\n",
    ),
    ("empty", ""),
    ("text", "nothing of the kind\n"),
    ("chart-without-metric", "Time,gpt-4o\n2026-01-01,1\n"),
    (
        "chart-not-split",
        "Time,Processed Prompt Tokens (Sum)\n2026-01-01,1\n",
    ),
    (
        "chart-one-metric",
        "Sum Generated Tokens\nTime,gpt-4o\n2026-01-01 00:00,1\n",
    ),
    (
        "chart-day-first",
        "Sum Generated Tokens\nTime,gpt-4o\n31/1/2026 14:00,1\n",
    ),
    (
        "table-count",
        "ModelDeploymentName,ProcessedPromptTokens,GeneratedTokens\ngpt-4o,many,2\n",
    ),
    (
        "table-too-large",
        "ModelDeploymentName,ProcessedPromptTokens,GeneratedTokens\ngpt-4o,99999999999999999999,2\n",
    ),
    (
        "table-quote",
        "ModelDeploymentName,\"ProcessedPromptTokens,GeneratedTokens\ngpt-4o,1,2\n",
    ),
];

pub(crate) fn write() {
    json();
    for (name, text) in TEXTS {
        seed("azure", name, text);
    }
}
