//! What the documentation says is so: configurations, commands, links, and the tests it names.

#![expect(clippy::expect_used, reason = "a test ends where it can not go on")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use tollgate::config::Config;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every Markdown page: where it is, what it says.
fn pages() -> Vec<(PathBuf, String)> {
    let docs = std::fs::read_dir(root().join("docs")).expect("docs/");
    let docs = docs.map(|entry| entry.expect("an entry").path());
    let all = docs.chain(
        [
            "README.md",
            "CHANGELOG.md",
            "CONTRIBUTING.md",
            "SECURITY.md",
        ]
        .map(|name| root().join(name)),
    );
    let read = |path: PathBuf| {
        let text = std::fs::read_to_string(&path).expect("a page");
        (path, text)
    };
    all.filter(|path| path.extension().is_some_and(|it| it == "md"))
        .map(read)
        .collect()
}

/// The fenced blocks of a language, without their indentation.
fn blocks(page: &str, language: &str) -> Vec<String> {
    let mut blocks = Vec::new();
    let mut current: Option<(usize, String)> = None;
    for line in page.lines() {
        let indent = line.len() - line.trim_start().len();
        match (&mut current, line.trim_start()) {
            (Some((_, block)), "```") => {
                blocks.push(std::mem::take(block));
                current = None;
            }
            (Some((indent, block)), _) => {
                block.push_str(line.get(*indent..).unwrap_or_default());
                block.push('\n');
            }
            (None, start) if start == format!("```{language}") => {
                current = Some((indent, String::new()))
            }
            (None, _) => {}
        }
    }
    blocks
}

#[test]
fn every_example_configuration_is_good() {
    let mut checked = 0;
    for (path, page) in pages() {
        for block in blocks(&page, "yaml")
            .into_iter()
            .filter(|block| block.contains("listen:"))
        {
            let name = path.display().to_string();
            if let Err(error) = Config::parse(&name, &block, root()) {
                panic!("{error}\nin\n{block}");
            }
            checked += 1;
        }
    }
    assert!(checked >= 3, "{checked} examples were found");
}

/// Who begins with the README's file issues keys and sees usage and its cost, without having asked for it.
#[test]
fn the_sample_of_the_readme_has_a_ledger_commands_and_prices() {
    let page = std::fs::read_to_string(root().join("README.md")).expect("the README");
    let samples = blocks(&page, "yaml");
    let [sample] = samples.as_slice() else {
        panic!("not one sample: {samples:?}");
    };
    let config = Config::parse("README.md", sample, root());
    let config = config.unwrap_or_else(|error| panic!("{error}"));
    assert!(config.own_ledger().is_some(), "no ledger");
    assert!(config.listen.control.is_some(), "nowhere to issue keys");
    assert!(sample.contains("\nprices:"), "no prices");
}

#[test]
fn every_documented_command_exists_with_its_options() {
    let mut checked = BTreeSet::new();
    for (path, page) in pages() {
        let console = blocks(&page, "console").concat();
        let shown = console
            .lines()
            .filter_map(|line| line.strip_prefix("$ tollgate "));
        let inline = page
            .split('`')
            .filter_map(|code| code.strip_prefix("tollgate "));
        for command in shown.chain(inline) {
            let words: Vec<_> = command.split_whitespace().collect();
            let is_word = |word: &&&str| word.chars().all(|c| c.is_ascii_lowercase());
            let names: Vec<_> = words.iter().take_while(is_word).copied().collect();
            let help = Command::new(env!("CARGO_BIN_EXE_tollgate"))
                .args(&names)
                .arg("--help")
                .output();
            let help = help.expect("tollgate runs");
            assert!(
                help.status.success(),
                "{}: `tollgate {command}`",
                path.display()
            );
            let help = String::from_utf8_lossy(&help.stdout).into_owned();
            let options = words.iter().map(|word| word.trim_matches(['[', ']']));
            for option in options.filter(|word| word.starts_with("--")) {
                let name = option.split(['=', '\\']).next().unwrap_or(option);
                assert!(
                    help.contains(name),
                    "{}: `tollgate {command}` has no {name}",
                    path.display()
                );
            }
            checked.insert(names.join(" "));
        }
    }
    for command in ["serve", "check", "key generate"] {
        assert!(
            checked.contains(command),
            "`tollgate {command}` is not documented"
        );
    }
}

#[test]
fn every_make_target_that_is_named_exists() {
    let makefile = std::fs::read_to_string(root().join("Makefile")).expect("the Makefile");
    for (path, page) in pages() {
        let inline = page
            .split('`')
            .filter_map(|code| code.strip_prefix("make "));
        let console = blocks(&page, "console").concat();
        let shown = console
            .lines()
            .filter_map(|line| line.strip_prefix("$ make "));
        for command in inline.chain(shown) {
            let target = command.split_whitespace().next().unwrap_or_default();
            assert!(
                makefile.contains(&format!("\n{target}:")),
                "{}: make {target}",
                path.display()
            );
        }
    }
}

#[test]
fn every_link_leads_to_a_file() {
    for (path, page) in pages() {
        for target in page
            .split("](")
            .skip(1)
            .filter_map(|rest| rest.split(')').next())
        {
            let target = target.split('#').next().unwrap_or_default();
            if target.is_empty() || target.starts_with("http") {
                continue;
            }
            let file = path.parent().expect("a folder").join(target);
            assert!(file.exists(), "{} links to {target}", path.display());
        }
    }
}

/// Pages say a path from the top or, where the text is about rooms, from `src/`.
#[test]
fn every_source_file_that_is_named_exists() {
    let mut named = 0;
    for (path, page) in pages() {
        let code = page.split('`').skip(1).step_by(2);
        for file in code.filter(|code| code.ends_with(".rs") && code.contains('/')) {
            let there = ["", "src"].map(|folder| root().join(folder).join(file).exists());
            assert!(there.contains(&true), "{}: {file}", path.display());
            named += 1;
        }
    }
    assert!(named > 20, "{named} files are named");
}

#[test]
fn every_test_that_the_threat_table_names_exists() {
    let page = std::fs::read_to_string(root().join("docs/security.md")).expect("the page");
    let mut named = 0;
    for code in page.split('`').skip(1).step_by(2) {
        if let Some((module, test)) = code.split_once("::") {
            let file = root().join(format!("integration/tests/gateway/{module}.rs"));
            let source = std::fs::read_to_string(&file).unwrap_or_default();
            assert!(
                source.contains(&format!("fn {test}(")),
                "there is no {code}"
            );
            named += 1;
        } else if code.starts_with("src/") || code.starts_with("integration/tests/") {
            assert!(root().join(code).exists(), "there is no {code}");
        }
    }
    assert!(named > 20, "{named} tests are named");
    let rows = page
        .lines()
        .filter(|line| line.starts_with("| ") && !line.contains("| test |"));
    for row in rows {
        let held = ["::", "src/", "integration/tests/"];
        assert!(
            held.iter().any(|it| row.contains(it)),
            "no test holds this: {row}"
        );
    }
}

#[test]
fn every_dependency_is_explained() {
    let page = std::fs::read_to_string(root().join("docs/architecture.md")).expect("the page");
    let manifest = std::fs::read_to_string(root().join("Cargo.toml")).expect("the manifest");
    let own = manifest
        .split("\n[dependencies]\n")
        .nth(1)
        .and_then(|rest| rest.split("\n[").next());
    for line in own
        .expect("the dependencies")
        .lines()
        .filter(|line| !line.is_empty())
    {
        let name = line.split([' ', '.', '=']).next().unwrap_or_default();
        assert!(
            page.contains(name),
            "docs/architecture.md does not say why {name}"
        );
    }
}
