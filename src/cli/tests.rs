//! The help of every command.

use clap::{Command, CommandFactory};

use super::{Arguments, command};

/// All commands, by the names that lead to them.
fn all(command: &Command, path: &str, found: &mut Vec<(String, Command)>) {
    found.push((path.to_owned(), command.clone()));
    for below in command.get_subcommands() {
        all(below, &format!("{path} {}", below.get_name()), found);
    }
}

#[test]
fn every_command_has_examples_that_can_be_run() {
    let mut found = Vec::new();
    all(&command(), "tollgate", &mut found);
    assert!(found.len() > 20, "{} commands", found.len());
    for (path, command) in found {
        let help = command.get_after_help().map(ToString::to_string);
        let help = help.unwrap_or_default();
        let (_, examples) = help
            .split_once("Examples:\n")
            .unwrap_or_else(|| panic!("`{path} --help` has no examples: src/cli/examples.rs"));
        let lines = examples.lines().take_while(|line| line.starts_with("  "));
        let mut tried = 0;
        for line in lines {
            let words = line.split_whitespace();
            let words: Vec<_> = words
                .skip_while(|word| word.contains("TOLLGATE_"))
                .collect();
            assert!(
                words.join(" ").starts_with(&path),
                "{line} is not of `{path}`"
            );
            Arguments::command()
                .try_get_matches_from(&words)
                .unwrap_or_else(|error| panic!("{line}: {error}"));
            tried += 1;
        }
        assert!(tried > 0, "{path}");
    }
}

#[test]
fn the_command_line_is_sound() {
    command().debug_assert();
}

#[test]
fn the_help_says_how_much_is_logged() {
    for of in [command(), serve()] {
        let help = of.get_after_help().map(ToString::to_string);
        assert!(help.is_some_and(|it| it.contains("TOLLGATE_LOG")));
    }
}

fn serve() -> Command {
    let all = command();
    let serve = all.find_subcommand("serve");
    serve.cloned().unwrap_or_else(|| panic!("`serve`"))
}
