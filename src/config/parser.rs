//! From YAML to the shapes of `written`.

use serde::de::DeserializeOwned;

use super::ConfigError;
use super::problem::Problem;
use super::wording;

/// Most values in a file. One client with a key has about 15; the parser's own limit ends at some
/// 15,000 clients. Its limits on aliases, which can make a small file expand into a large one, stay.
const MAX_NODES: usize = 10_000_000;
/// Most of the parser's events: a value has at most two, its start and its end.
const MAX_EVENTS: usize = 2 * MAX_NODES;

/// Reads the shapes: of a whole file, or of the part that is wanted. The parser stops at its first
/// error.
pub(super) fn parse<T: DeserializeOwned>(name: &str, text: &str) -> Result<T, ConfigError> {
    let options = serde_saphyr::options! {
        with_snippet: false,
        budget: serde_saphyr::budget! { max_nodes: MAX_NODES, max_events: MAX_EVENTS },
    };
    serde_saphyr::from_str_with_options(text, options).map_err(|error| {
        let error = error.without_snippet();
        let (message, help) =
            wording::of(error).unwrap_or_else(|| (strip_location(&error.to_string()), None));
        let mut problem = match error.location() {
            Some(at) => Problem::at(at, message),
            None => Problem::new(message),
        };
        if let Some(help) = help {
            problem = problem.help(help);
        }
        ConfigError::new(name, text, vec![problem])
    })
}

/// Any YAML as a value: what this program has written itself.
pub(crate) fn read_yaml(text: &str) -> Result<serde_json::Value, String> {
    serde_saphyr::from_str(text).map_err(|error| error.to_string())
}

/// The parser ends its messages with the place; ours begin with it.
fn strip_location(message: &str) -> String {
    let end = message
        .rfind(" at line ")
        .or_else(|| message.rfind("at line "));
    message
        .get(..end.unwrap_or(message.len()))
        .unwrap_or(message)
        .trim()
        .to_owned()
}
