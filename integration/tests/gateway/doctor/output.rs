//! What doctor prints, and what it ends with.

use serde_json::Value;
use tollgate_integration::fakes::azure::AzureOptions;
use tollgate_integration::stack::paths::repository;

use super::{Rig, command, examine, sound};

#[tokio::test]
async fn a_script_reads_one_object_with_five_members_for_each_check() {
    let rig = Rig::start(AzureOptions::default()).await;
    let found = rig.examine(&rig.yaml()).await;
    let report: Value = serde_json::from_str(&found.printed).expect("one object");
    assert_eq!(report.as_object().map(|it| it.len()), Some(1));
    for check in &found.checks {
        let members = check.as_object().expect("an object");
        let names: Vec<_> = members.keys().map(String::as_str).collect();
        assert_eq!(names, ["advice", "check", "message", "result", "subject"]);
        for name in ["check", "message", "subject"] {
            assert!(
                check[name].as_str().is_some_and(|it| !it.is_empty()),
                "{check}"
            );
        }
        match check["result"].as_str() {
            Some("ok" | "skipped") => assert!(check["advice"].is_null(), "{check}"),
            Some("warning" | "error") => assert!(check["advice"].is_string(), "{check}"),
            _ => panic!("{check}"),
        }
    }
}

#[tokio::test]
async fn a_person_reads_what_to_do() {
    let rig = Rig::start(AzureOptions::default()).await;
    let config = rig.write("tollgate.yaml", &rig.yaml());
    let output = command(&config, &rig.identity).output().await;
    let output = output.expect("it runs");
    let text = String::from_utf8(output.stdout).expect("text");
    assert_eq!(output.status.code(), Some(0), "{text}");
    assert!(
        text.contains("\nbackend sweden\n  ok       connection"),
        "{text}"
    );
    let lines: Vec<_> = text.lines().collect();
    let at = lines
        .iter()
        .position(|it| it.contains("keys still work here"));
    let advice = lines.get(at.expect("the warning") + 1).expect("a line");
    assert!(advice.contains("→ set disableLocalAuth: true"), "{text}");
    let last = lines.last().expect("a line");
    assert!(last.starts_with("errors: 0, warnings: 1, ok: "), "{text}");
}

/// The example of docs/doctor.md is what a person sees; its addresses are others.
#[tokio::test]
async fn the_documented_example_is_what_it_prints() {
    let rig = Rig::start(AzureOptions {
        principals: Some(Vec::new()),
        ..AzureOptions::default()
    })
    .await;
    let folder = rig.folder.path().display().to_string();
    std::fs::create_dir(rig.folder.path().join("data")).expect("made");
    let yaml = rig.yaml() + &format!("data_directory: {folder}/data\n");
    let config = rig.write("tollgate.yaml", &yaml);
    let output = command(&config, &rig.identity).output().await;
    let output = output.expect("it runs");
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8(output.stdout).expect("text");
    let text = text
        .replace(&rig.azure.url(), "https://acme-sweden.openai.azure.com")
        .replace("at 127.0.0.1;", "at acme-sweden.openai.azure.com;")
        .replace(&format!("{folder}/data"), "/var/lib/tollgate")
        .replace(&folder, "/run/tollgate");
    let page = std::fs::read_to_string(repository("docs/doctor.md")).expect("the page");
    assert!(
        page.contains(&text),
        "docs/doctor.md is out of date:\n{text}"
    );
}

#[tokio::test]
async fn what_can_not_be_used_ends_with_2_and_tries_nothing() {
    let rig = Rig::start(sound()).await;
    let config = rig.write("tollgate.yaml", &rig.yaml().replace("backends", "backend"));
    let found = examine(&config, &rig.identity, &[]).await;
    assert_eq!(found.code, Some(2));
    assert!(
        found.printed.contains("tollgate.yaml:3:1"),
        "{}",
        found.printed
    );
    let missing = rig.folder.path().join("missing.yaml");
    let found = examine(&missing, &rig.identity, &[]).await;
    assert_eq!(found.code, Some(2), "{}", found.printed);
    let config = rig.write("tollgate.yaml", &rig.yaml());
    let output = command(&config, &rig.identity)
        .args(["--format", "xml"])
        .output()
        .await;
    assert_eq!(output.expect("it runs").status.code(), Some(2));
    assert!(rig.azure.requests().is_empty(), "something was tried");
    assert_eq!(rig.identity.fetches(), 0, "something was tried");
}
