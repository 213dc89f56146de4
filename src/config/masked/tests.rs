use std::collections::BTreeSet;
use std::path::Path;

use proptest::prelude::*;
use serde_json::Value;

use super::super::secret::is_reference;
use super::super::tests::{GOOD, parse};
use super::super::tree::Node;
use super::super::{Config, schema};
use super::*;

const HEX: &str = "0e5751c026e543b2e8ab2eb06099daa1d1e5df47778f7787faab45cdf12fe3a8";

/// As reports show a file.
fn shown(text: &str) -> String {
    file(text, Node::read(text).ok().as_ref())
}

/// As reports show a file, and as they would if it were no YAML.
fn both(text: &str) -> [String; 2] {
    [shown(text), file(text, None)]
}

/// Characters of each line.
fn widths(text: &str) -> Vec<usize> {
    text.split('\n').map(|line| line.chars().count()).collect()
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table of secrets")]
fn what_may_be_a_secret_is_masked_and_the_rest_is_not() {
    for secret in [
        "sha256: canary",
        "{ key: { sha256: \"canary\", slot: primary } }",
        "{ key: canary }",
        "\"sha256\": 'canary'",
        "secret: canary # it is",
        "password: canary",
        "password: can,canary}canary]canary",
        "password: &p canary",
        "password: !canary",
        "password: !!str canary",
        "password: #canary",
        "password: a #canary",
        "password: \"a\\\"canary\"",
        "password: 'a''canary'",
        "password: \"a\"canary\"",
        "{ password: a]canary }",
        "{\"password\":\"canary\",\"x\":1}",
        "# password: canary",
        "# client_secret: für canary",
        "client_secret: \"ääcanaryää\"",
        "ledger: { end_users_key: canary }",
        "db-password: canary",
        "Password: canary",
        "connection: AccountKey=canary",
        "api_key: canary",
        "x: tgk_canary",
        "url: postgres://gate:canary@db/tollgate",
        "url: postgres://gate:a.canary.b@db/tollgate",
        "url: postgres://gate:a@canary/b@db/tollgate",
        "url: [redis://a:6379/0,redis://b:canary@b]",
        "url: \"postgres://gate:a canary'canary@db/tollgate\"",
        "{ url: postgres://gate:it's canary@db/tollgate }",
        "password: { env: \"canary x\" }",
        "password: { env: canary-x }",
        "other: Canary0123456789abcdefGHIJ",
        "other: ca9a4000112233445566778899aabbcc",
        "password:\n  canary",
        "password:\n  # there\n  canary\n  canary",
        "password: # there\n  canary",
        "password:\n  - canary",
        "password: can\n  canary\n\n  canary",
        "- password: can\n    canary",
        "password: \"can\n  canary\n  canary\"",
        "password: \"can\n  \\\" canary\"",
        "password: |\n  canary\n\n  canary",
        "{ password:\ncanary }",
        "{ password: can\ncanary }",
    ] {
        for masked in both(secret) {
            assert!(!masked.contains("anary"), "{secret}:\n{masked}");
            assert!(!masked.contains("ca9a4"), "{secret}:\n{masked}");
            assert!(masked.contains('*'), "{secret}:\n{masked}");
            assert_eq!(widths(&masked), widths(secret), "{masked}");
        }
    }
    for harmless in [
        format!("{{ key: {{ sha256: \"{HEX}\", slot: primary }} }}"),
        format!("\"sha256\": {HEX}"),
        format!(
            "thumbprint_sha256: {HEX}\nissuer_thumbprint: {}",
            HEX.get(..40).expect("digits")
        ),
        "secret: { file: /etc/secret }".to_owned(),
        "secret: { env: AZURE_SECRET }".to_owned(),
        "secret:\n  file: /etc/secret\nother: x#1".to_owned(),
        "name: \"a # b\"\nother: |\n  a # b\n  # c\nlast: x".to_owned(),
        "- { token: { issuer: entra, client: 6f0c7a1e-3f7b-4b6e-9c55-0d7f5a2b8c11 } }".to_owned(),
        "client_secret:\n  tenant_id: t\n  client_id: c\n".to_owned(),
        "tls: { certificate: /etc/tls.pem, key: /etc/key.pem }".to_owned(),
        "endpoint: https://acme-sweden.openai.azure.com".to_owned(),
        "endpoint: https://gateway.example:8443/v1\nabout: of ann@example.com".to_owned(),
        "deployments: [gpt-4o-mini-2024-07-18, text-embedding-3-large]".to_owned(),
        "resource_id: /subscriptions/6f0c7a1e-3f7b-4b6e-9c55-0d7f5a2b8c11/resourceGroups/r"
            .to_owned(),
        "url: postgres://gate@db:5432/tollgate".to_owned(),
        "max_output_tokens: 4096".to_owned(),
        "tokens_per_minute: 100000".to_owned(),
    ] {
        assert_eq!(shown(&harmless), harmless);
    }
}

/// What `openssl rand -hex 32` prints has the length of a SHA-256.
#[test]
fn hexadecimal_digits_are_a_digest_only_where_one_belongs() {
    for secret in [
        "end_users_key: ",
        "password: &p ",
        "other: ",
        "# made: ",
        "audiences: [",
        "id: ",
    ] {
        for length in [64, 40] {
            let digits = HEX.get(..length).expect("digits");
            for masked in both(&format!("{secret}{digits}")) {
                assert!(!masked.contains("0e5751c0"), "{masked}");
            }
        }
    }
    assert_eq!(
        message(&format!("no client `{HEX}`")),
        format!("no client `{}`", "*".repeat(64))
    );
}

#[test]
fn a_secret_over_several_lines_is_masked() {
    let text = "client_secret:\n  secret: |\n    canary\n\n    canary\n  client_id: c\n";
    let expected = "client_secret:\n  secret: *\n    ******\n\n    ******\n  client_id: c\n";
    assert_eq!(shown(text), expected);
}

#[test]
fn an_alias_is_masked_where_its_anchor_is() {
    let text = "x: &it hunter canary\npassword: *it\n";
    assert_eq!(shown(text), "x: &it ****** ******\npassword: ***\n");
}

#[test]
fn a_byte_order_mark_moves_nothing() {
    let text = "\u{feff}password: canary\nother: [\"ä\"]\nsecret: \"x\n  canary\"\n";
    let expected = "\u{feff}password: ******\nother: [\"ä\"]\nsecret: **\n  *******\n";
    assert_eq!(shown(text), expected);
}

#[test]
fn what_is_not_yaml_shows_its_names_and_signs_alone() {
    let text = "listen: { grpc: \"unix:/canary\", admin: [\n\tpassword: &canary|canary # canary\n- canary\n---\n";
    let expected = "listen: { grpc: \"****:*******\", admin: [\n\tpassword: &******|****** # ******\n- ******\n---\n";
    assert_eq!(shown(text), expected);
}

/// The ways to every place of a secret that the schema has: names, and `[]` for an item.
fn places() -> BTreeSet<Vec<String>> {
    fn look(shape: &Value, root: &Value, way: &mut Vec<String>, found: &mut BTreeSet<Vec<String>>) {
        if way.len() > 8 {
            return;
        }
        if let Some(name) = shape["$ref"].as_str().and_then(|it| it.rsplit('/').next()) {
            // Limits have limits of users in them, and so on.
            match name {
                "SecretRef" => drop(found.insert(way.clone())),
                _ => look(&root["definitions"][name], root, way, found),
            }
        }
        for part in ["anyOf", "oneOf", "allOf"] {
            let parts = shape[part].as_array().into_iter().flatten();
            parts.for_each(|it| look(it, root, way, found));
        }
        for (name, below) in shape["properties"].as_object().into_iter().flatten() {
            way.push(name.clone());
            look(below, root, way, found);
            way.pop();
        }
        for (part, step) in [("items", "[]"), ("additionalProperties", "any")] {
            if shape[part].is_object() {
                way.push(step.to_owned());
                look(&shape[part], root, way, found);
                way.pop();
            }
        }
    }
    let root = schema();
    let mut found = BTreeSet::new();
    look(&root, &root, &mut Vec::new(), &mut found);
    found
}

/// A good file with this at a place; what the file has there already is left out.
fn with(place: &[String], written: &str) -> String {
    let section = place.first().expect("a section");
    let of_others = |line: &&str| !line.starts_with(&format!("{section}:"));
    let mut text: String = GOOD
        .lines()
        .filter(of_others)
        .map(|line| format!("{line}\n"))
        .collect();
    let mut begin = String::new();
    for (depth, step) in place.iter().enumerate() {
        match step.as_str() {
            "[]" => begin = format!("{}- ", "  ".repeat(depth)),
            name => {
                let indent = match begin.is_empty() {
                    true => "  ".repeat(depth),
                    false => std::mem::take(&mut begin),
                };
                text.push_str(&format!("{indent}{name}:"));
                if depth + 1 < place.len() {
                    text.push('\n');
                }
            }
        }
    }
    text.push_str(&written.replace('\n', &format!("\n{}", "  ".repeat(place.len()))));
    text.push('\n');
    text
}

#[test]
fn no_place_of_a_secret_shows_what_is_written_there_by_mistake() {
    let places = places();
    let all = format!("{places:?}");
    for section in ["database", "decisions", "identity", "ledger", "limits"] {
        assert!(all.contains(section), "{section} has none: {all}");
    }
    for place in &places {
        let mut steps = place.iter().rev();
        let name = steps.find(|it| *it != "[]").expect("a name");
        assert!(is_reference(name), "`{name}` has the place of a secret");
        for written in [
            " canary".to_owned(),
            "\ncanary".to_owned(),
            " \"can\ncanary\"".to_owned(),
            " 'can\ncanary'".to_owned(),
            " can\ncanary".to_owned(),
            " |\ncanary\ncanary".to_owned(),
            " &p canary".to_owned(),
            " !canary".to_owned(),
            " !canary x".to_owned(),
            " *canary".to_owned(),
            " #canary".to_owned(),
            " \"ääcanaryää\"".to_owned(),
            " äcanaryä".to_owned(),
            " a,canary}canary]canary".to_owned(),
            " \"a\\\"canary\"".to_owned(),
            " [canary]".to_owned(),
            " {canary}".to_owned(),
            " { canary: 1 }".to_owned(),
            " { env: canary-1 }".to_owned(),
            " { env: \"canary canary\" }".to_owned(),
            "\nenv: \"canary\ncanary\"".to_owned(),
            "\n- canary".to_owned(),
            format!(" {HEX}"),
            format!("\n{HEX}"),
            format!(" &p \"{HEX}\""),
            format!(" {{ env: {HEX} }}"),
        ] {
            let text = with(place, &written);
            for text in [
                text.clone(),
                format!("{text}other: [\n"),
                format!("\u{feff}{text}"),
            ] {
                let masked = shown(&text);
                // A comment after a member that need not be there is no mistake.
                let mut said = vec![masked];
                if let Err(error) = Config::parse("tollgate.yaml", &text, Path::new(".")) {
                    let findings = format!("{:?}", error.findings());
                    said.extend([error.report(), error.to_string(), findings]);
                    said.extend(error.lines());
                } else {
                    assert!(written.contains('#'), "{text}");
                }
                for said in said {
                    let is_there = said.contains("canary") || said.contains("0e5751c0");
                    assert!(!is_there, "{text}\n{said}");
                }
            }
        }
    }
}

#[test]
fn a_comment_in_another_language_stays_in_its_columns() {
    let comment = "# client_secret: für später";
    let text = GOOD.replacen(
        "drain_timeout: 5s",
        &format!("drain_timeout: 5\n{comment}"),
        1,
    );
    let error = parse(&text).err().expect("refused");
    let report = error.report();
    assert!(report.contains("# ************** *** ******"), "{report}");
}

proptest! {
    #[test]
    fn any_text_keeps_its_lines_and_columns(
        text in "([a-zäöü☃]{0,6}|password|client_secret|sha256|env|token|: |:|=|\"|'|\\\\|\n|\n  |\n- |#|\\{|\\}|\\[|\\]|,|&a |!|\\||://|@|\r|\u{feff}){0,30}"
    ) {
        for masked in both(&text) {
            prop_assert_eq!(widths(&masked), widths(&text));
        }
    }
}
