//! Conditions of products and options of clients, right and wrong.

use super::Config;
use super::tests::{GOOD, parse};
use crate::access::{AllowedVersion, ClientOptions, ToolKind, UserSource};

/// The good file, its product with more conditions.
fn with_condition(condition: &str) -> Result<Config, super::ConfigError> {
    let endpoint = "{ name: sweden, endpoint: \"https://acme.openai.azure.com\" }";
    let good = GOOD.replacen("{ name: sweden }", endpoint, 1);
    parse(&good.replacen("embeddings] }", &format!("embeddings], {condition} }}"), 1))
}

#[test]
fn conditions_of_a_product_are_understood() {
    for condition in [
        "operation_requires: { embeddings: { scopes: [a] }, chat.completions: { roles: [b] } }",
        "networks: [10.0.0.0/8, \"2001:db8::/32\", 192.0.2.1]",
        "hours: { days: [mon, sun] }",
        "hours: { from: \"07:00\" }",
        "hours: { from: 07:00, until: 19:00, offset: -08:00 }",
        "hours: { from: \"22:00\", until: \"06:00\", offset: \"+05:30\" }",
        "hours: { days: [sat], from: \"00:00\", until: \"24:00\", offset: \"+14:00\" }",
    ] {
        let config = with_condition(condition).unwrap_or_else(|error| panic!("{error}"));
        let Some(client) = config.policy.clients.iter().next() else {
            panic!("one client");
        };
        let product = client.products.first().expect("one product");
        let is_there = product.networks.is_some()
            || product.hours.is_some()
            || product.operation_requires.len() == 2;
        assert!(is_there, "{condition}: {product:?}");
    }
}

#[test]
fn a_range_that_begins_with_another_address_is_warned_of() {
    let config = with_condition("networks: [10.0.0.1/8, 192.0.2.0/24]");
    let config = config.unwrap_or_else(|error| panic!("{error}"));
    let said = "tollgate.yaml:10:99: `10.0.0.1/8` is the whole range 10.0.0.0/8 (in products[0].networks[0]): write `10.0.0.0/8`, or the address alone";
    assert_eq!(super::tests::warned(&config), [said]);
}

#[test]
fn what_a_product_allows_beside_deployments_is_understood() {
    let config = with_condition(
        "tools: [web_search, { mcp: [\"https://mcp.example.com/sse\"] }, { file_search: [vs_1] }], background: true, strict_model: true, data_sources: [ { endpoint: \"https://s.search.windows.net\", index: docs, embedding_deployment: ada } ]",
    );
    let config = config.unwrap_or_else(|error| panic!("{error}"));
    let client = config.policy.clients.iter().next().expect("one client");
    let product = client.products.first().expect("one product");
    assert!(product.strict_model);
    let uses = &product.uses;
    assert_eq!(uses.tools, [ToolKind::WebSearch].into());
    assert!(uses.mcp_servers.contains("https://mcp.example.com/sse"));
    assert!(uses.vector_stores.contains("vs_1"));
    assert!(uses.background);
    let source = uses.data_sources.first().expect("a source");
    assert_eq!(source.embedding_deployment.as_deref(), Some("ada"));
}

#[test]
fn every_mistake_in_what_is_allowed_beside_deployments_is_refused_with_its_reason() {
    for (condition, reason) in [
        ("tools: [bing]", "bing"),
        ("tools: [mcp]", ""),
        ("tools: [ { mcp: [] } ]", "`mcp` is empty"),
        (
            "tools: [ { mcp: [\"http://mcp.example.com\"] } ]",
            "not an https URL",
        ),
        ("tools: [ { mcp: [\"https:///x\"] } ]", "not an https URL"),
        ("tools: [ { file_search: [] } ]", "`file_search` is empty"),
        (
            "data_sources: [ { endpoint: \"https://s.example\", index: docs, embedding_deployment: a/b } ]",
            "not a valid deployment name",
        ),
        ("data_sources: [ { index: docs } ]", "endpoint"),
        ("background: maybe", ""),
    ] {
        let Err(error) = with_condition(condition) else {
            panic!("{condition} must be refused");
        };
        let lines = error.lines();
        let found = lines
            .iter()
            .any(|line| line.starts_with("tollgate.yaml:10:") && line.contains(reason));
        assert!(found, "{condition}: wanted {reason}, got {lines:#?}");
    }
}

#[test]
fn every_mistake_in_a_condition_is_refused_with_its_reason() {
    for (condition, reason) in [
        (
            "operation_requires: { responses: { roles: [a] } }",
            "does not have the operation `responses`",
        ),
        (
            "operation_requires: { embeddings: {} }",
            "nothing is required for `embeddings`",
        ),
        ("operation_requires: { chat: { roles: [a] } }", "chat"),
        ("operation_requires: { embeddings: { role: [a] } }", "role"),
        ("networks: []", "`networks` is empty"),
        (
            "networks: [10.0.0.0/33]",
            "`10.0.0.0/33` is not an IP range",
        ),
        ("networks: [office]", "`office` is not an IP range"),
        ("networks: 10.0.0.0/8", ""),
        ("hours: {}", "needs `days`, `from` or `until`"),
        (
            "hours: { offset: \"+01:00\" }",
            "needs `days`, `from` or `until`",
        ),
        ("hours: { days: [] }", "`days` is empty"),
        ("hours: { days: [monday] }", "monday"),
        ("hours: { from: \"7:00\" }", "`7:00` is not a valid time"),
        ("hours: { from: \"24:01\" }", "`24:01` is not a valid time"),
        ("hours: { until: \"07:60\" }", "`07:60` is not a valid time"),
        ("hours: { until: noon }", "`noon` is not a valid time"),
        ("hours: { from: \"07:00\", until: \"07:00\" }", "the same"),
        (
            "hours: { days: [mon], offset: CET }",
            "`CET` is not a valid UTC offset",
        ),
        (
            "hours: { days: [mon], offset: \"01:00\" }",
            "`01:00` is not a valid UTC offset",
        ),
        (
            "hours: { days: [mon], offset: \"+14:30\" }",
            "`+14:30` is not a valid UTC offset",
        ),
        (
            "hours: { days: [mon], offset: \"-1:00\" }",
            "`-1:00` is not a valid UTC offset",
        ),
        ("hours: { days: [mon], zone: CET }", "zone"),
    ] {
        let Err(error) = with_condition(condition) else {
            panic!("{condition} must be refused");
        };
        let lines = error.lines();
        let found = lines
            .iter()
            .any(|line| line.starts_with("tollgate.yaml:10:") && line.contains(reason));
        assert!(found, "{condition}: wanted {reason}, got {lines:#?}");
    }
}

/// The good file, its client with one more line, the ninth.
fn with_option(option: &str) -> Result<Config, super::ConfigError> {
    let line = "    products: [standard]\n";
    parse(&GOOD.replacen(line, &format!("{line}    {option}\n"), 1))
}

#[test]
fn options_of_a_client_are_understood() {
    let option = |text: &str| {
        let config = with_option(text).unwrap_or_else(|error| panic!("{error}"));
        config
            .policy
            .clients
            .iter()
            .next()
            .expect("a client")
            .options
            .clone()
    };
    let header = option("user_from: { header: X-End-User }").user_from;
    assert_eq!(header, Some(UserSource::Header("x-end-user".into())));
    assert_eq!(option("user_from: body").user_from, Some(UserSource::Body));
    let tokens = option("max_output_tokens: 4096").max_output_tokens;
    assert_eq!(tokens.map(std::num::NonZeroU32::get), Some(4096));
    let versions = option("api_versions: [2024-10-21, 2025-03-01-preview, v1]").api_versions;
    let versions = versions.expect("versions");
    assert_eq!(versions.len(), 3);
    assert_eq!(versions.last(), Some(&AllowedVersion::V1));
    let config = parse(GOOD).expect("the good file");
    let client = config.policy.clients.iter().next().expect("a client");
    assert_eq!(
        client.options,
        ClientOptions::default(),
        "the default is none"
    );
}

#[test]
fn every_mistake_in_an_option_is_refused_with_its_reason() {
    for (option, reason) in [
        ("user_from: header", "`body` or `{ header: NAME }`"),
        ("user_from: { header: \"\" }", "not a valid header name"),
        (
            "user_from: { header: \"x end user\" }",
            "not a valid header name",
        ),
        (
            "user_from: { header: x_end_user }",
            "not a valid header name",
        ),
        (
            "user_from: { header: \":path\" }",
            "not a valid header name",
        ),
        (
            "user_from: { header: Authorization }",
            "`authorization` is reserved",
        ),
        ("user_from: { header: api-key }", "is reserved"),
        ("user_from: { header: x-request-id }", "is reserved"),
        ("user_from: { header: x-forwarded-for }", "is reserved"),
        ("user_from: { header: x-envoy-peer }", "is reserved"),
        ("user_from: { header: content-length }", "is reserved"),
        ("user_from: cookie", "`body` or `{ header: NAME }`"),
        ("user_from: { cookie: a }", "cookie"),
        ("user_from: {}", "header"),
        ("user_from: [body]", "`body` or `{ header: NAME }`"),
        ("max_output_tokens: 0", "must be at least 1"),
        ("max_output_tokens: -1", ""),
        ("max_output_tokens: many", ""),
        ("max_output_tokens: 4294967296", ""),
        ("api_versions: []", "`api_versions` is empty"),
        ("api_versions: [v2]", "`v2` is not a valid API version"),
        (
            "api_versions: [2024-10-21-beta]",
            "is not a valid API version",
        ),
        ("api_versions: [20241021]", "is not a valid API version"),
        ("api_version: [v1]", "api_version"),
    ] {
        let Err(error) = with_option(option) else {
            panic!("{option} must be refused");
        };
        let lines = error.lines();
        let found = lines
            .iter()
            .any(|line| line.starts_with("tollgate.yaml:9:") && line.contains(reason));
        assert!(found, "{option}: wanted {reason}, got {lines:#?}");
    }
}
