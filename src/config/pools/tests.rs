use std::path::Path;
use std::sync::Arc;

use crate::config::Config;
use crate::config::tests::read;
use crate::upstream::{Pools, Tier};

const BEFORE: &str = "listen: { grpc: \"127.0.0.1:9000\", admin: \"127.0.0.1:9090\" }\nidentity: { managed_identity: {} }\n";
const BACKENDS: &str = "backends:\n  - { name: east, tier: ptu, region: eastus, endpoint: \"https://a.openai.azure.com\" }\n  - { name: sweden, region: swedencentral, endpoint: \"https://b.openai.azure.com\", identity: { managed_identity: {}, scope: https://cognitiveservices.azure.us/.default } }\n";

/// Each mistake with its place and what to do.
fn said(error: &crate::config::ConfigError) -> String {
    let place = |number: Option<u64>| number.unwrap_or_default();
    let line = |it: &crate::config::Finding| {
        let help = it.help.as_deref().unwrap_or_default();
        let (line, column) = (place(it.line), place(it.column));
        format!("{}:{line}:{column}: {} ({help})", it.file, it.message)
    };
    error.findings().iter().map(line).collect()
}

fn load(more: &str) -> Result<Config, String> {
    let text = format!("{BEFORE}{BACKENDS}{more}\n");
    let parsed = read("tollgate.yaml", &text, Path::new("/nowhere"));
    parsed.map_err(|error| said(&error))
}

fn pools(more: &str) -> Arc<Pools> {
    load(more).expect("good").policy.pools
}

/// Members as `name priority weight deployment`.
fn members(pools: &Pools, deployment: &str) -> Vec<String> {
    let members = pools.of(Some(deployment)).members().iter();
    let line = |it: &Arc<crate::upstream::Member>| {
        let own = it.deployment.as_deref().unwrap_or("-");
        format!("{} {} {} {own}", it.backend.name, it.priority, it.weight)
    };
    members.map(line).collect()
}

#[test]
fn a_deployment_without_a_pool_has_all_backends_and_ptu_is_first() {
    let pools = pools("");
    assert_eq!(members(&pools, "gpt-4o"), ["east 0 1 -", "sweden 1 1 -"]);
    let tiers: Vec<_> = pools.backends().iter().map(|it| it.tier).collect();
    assert_eq!(tiers, [Tier::Ptu, Tier::Payg]);
    let scopes = pools.backends().iter().map(|it| it.own_identity());
    let scopes: Vec<_> = scopes
        .map(|it| it.map(|(config, _)| config.scope))
        .collect();
    let own = "https://cognitiveservices.azure.us/.default".to_owned();
    assert_eq!(scopes, [None, Some(own)]);
}

#[test]
fn a_backend_can_be_asked_in_a_version_of_its_own() {
    let with = |version: &str| {
        let text = format!(
            "{BEFORE}backends: [ {{ name: east, endpoint: \"https://a.openai.azure.com\", api_version: {version} }} ]\n"
        );
        let parsed = read("tollgate.yaml", &text, Path::new("/nowhere"));
        parsed.map_err(|error| error.lines().concat())
    };
    for version in ["2024-10-21", "2025-04-01-preview", "preview"] {
        let pools = with(version).expect("good").policy.pools;
        let home = pools.home().expect("a backend");
        assert_eq!(home.api_version.as_deref(), Some(version));
    }
    for version in ["2024-09-01", "soon", "\"2024-10-21&x=y\""] {
        let error = with(version).err().expect("wrong");
        assert!(
            error.contains("is not a version from 2024-10-01 on"),
            "{error}"
        );
    }
}

#[test]
fn a_backend_can_be_probed() {
    let with = |backend: &str| {
        let text = format!("{BEFORE}backends: [ {{ name: east, {backend} }} ]\n");
        let parsed = read("tollgate.yaml", &text, Path::new("/nowhere"));
        parsed.map_err(|error| error.lines().concat())
    };
    let endpoint = "endpoint: \"https://a.openai.azure.com\"";
    let config = with(&format!("{endpoint}, probe_every: 30s")).expect("good");
    let every = config.policy.pools.home().expect("a backend").probe_every;
    assert_eq!(every, Some(std::time::Duration::from_secs(30)));
    for (backend, reason) in [
        (
            "probe_every: 30s".to_owned(),
            "`probe_every` needs `endpoint`",
        ),
        (
            format!("{endpoint}, probe_every: often"),
            "must be a duration",
        ),
        (format!("{endpoint}, probe_every: 1ms"), "at least 10ms"),
    ] {
        let error = with(&backend).err().expect("wrong");
        assert!(error.contains(reason), "{error}");
    }
}

#[test]
fn a_pool_says_priority_weight_and_name() {
    let pools = pools(
        "pools:\n  - { deployment: gpt-4o, backends: [ { name: sweden, priority: 0, weight: 3, deployment: gpt-4o-eu }, { name: east, priority: 5 } ] }",
    );
    let expected = ["sweden 0 3 gpt-4o-eu", "east 5 1 -"];
    assert_eq!(members(&pools, "gpt-4o"), expected);
    assert_eq!(members(&pools, "o3"), ["east 0 1 -", "sweden 1 1 -"]);
    let at_home = |called| pools.at(None, called).map(|it| it.deployment.to_string());
    assert_eq!(at_home("gpt-4o").as_deref(), Some("gpt-4o"));
}

#[test]
fn a_product_keeps_to_regions_tiers_and_backends() {
    let product = |pins: &str| {
        let more = format!(
            "products: [ {{ id: eu, deployments: [gpt-4o], operations: [chat.completions], backends: {pins} }} ]"
        );
        load(&more)
    };
    for pins in [
        "{ regions: [swedencentral] }",
        "{ tiers: [payg] }",
        "{ names: [sweden] }",
    ] {
        product(pins).unwrap_or_else(|error| panic!("{pins}: {error}"));
    }
    for (pins, reason) in [
        (
            "{ regions: [mars] }",
            "no backend is in the region `mars` (write one of: eastus, swedencentral)",
        ),
        (
            "{ regions: [eastsu] }",
            "no backend is in the region `eastsu` (did you mean `eastus`?)",
        ),
        (
            "{ names: [atlantis] }",
            "there is no backend `atlantis` (backends in this file: east, sweden)",
        ),
        ("{ tiers: [ptu], names: [sweden] }", "no backend fits"),
        ("{ tiers: [] }", "`tiers` is empty"),
    ] {
        let error = product(pins).err().expect("wrong");
        assert!(error.contains(reason), "{pins}: {error}");
    }
}

#[test]
fn what_is_wrong_says_where_and_why() {
    let pool =
        |members: &str| format!("pools: [ {{ deployment: gpt-4o, backends: [ {members} ] }} ]");
    for (more, reason) in [
        (
            pool("{ name: swedne }"),
            "tollgate.yaml:6:52: there is no backend `swedne` (did you mean `sweden`?)",
        ),
        (pool("{ name: east, weight: 0 }"), "must be from 1 to 1000000"),
        (pool("{ name: east }, { name: east }"), "duplicate backend `east`"),
        (pool("{ name: east, deployment: \"a/../b\" }"), "is not a valid deployment name"),
        (pool(""), "`backends` is empty: the deployment could be asked for nowhere (write the backends that have it"),
        (
            "pools: [ { deployment: a, backends: [ { name: east } ] }, { deployment: a, backends: [ { name: east } ] } ]".to_owned(),
            "duplicate pool of deployment `a`",
        ),
    ] {
        let error = load(&more).err().expect("wrong");
        assert!(error.contains(reason), "{more}: {error}");
    }
}

#[test]
fn what_is_stored_is_kept_by_the_only_one_whatever_it_is_called() {
    let keeper = |pools: &Pools, name| pools.keeper(name).map(|it| it.name.to_string());
    let several = pools("");
    assert_eq!(keeper(&several, Some("sweden")).as_deref(), Some("sweden"));
    assert_eq!(keeper(&several, Some("gone")), None);
    assert_eq!(
        keeper(&several, None),
        several.home().map(|it| it.name.to_string())
    );
    let one = vec![std::sync::Arc::new(crate::upstream::Backend::new("new"))];
    let one = Pools::new(one, std::collections::HashMap::new());
    for name in [None, Some("new"), Some("old")] {
        assert_eq!(keeper(&one, name).as_deref(), Some("new"));
    }
}
