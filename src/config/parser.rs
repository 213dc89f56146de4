//! From YAML to the shapes of `written`.

use serde::de::DeserializeOwned;
use serde_saphyr::options::DuplicateKeyPolicy;
use serde_saphyr::{Error, Location};

use super::problem::Problem;
use super::wording::Mistake;

/// Most values in a file. One client with a key has about 15; the parser's own limit ends at some
/// 15,000 clients. Its limits on aliases, which can make a small file expand into a large one, stay.
const MAX_NODES: usize = 10_000_000;
/// Most of the parser's events: a value has at most two, its start and its end.
const MAX_EVENTS: usize = 2 * MAX_NODES;

/// The first mistake in the shape of a file, where the parser stops.
#[derive(Debug)]
pub(super) struct Stop {
    pub(super) mistake: Mistake,
    pub(super) at: Option<Location>,
}

impl Stop {
    fn new(error: &Error) -> Self {
        Self {
            mistake: Mistake::of(error),
            at: error.location(),
        }
    }

    /// What is said of it.
    pub(super) fn problem(&self) -> Problem {
        let (message, help) = self.mistake.words();
        Problem {
            at: self.at,
            help,
            ..Problem::new(message)
        }
    }
}

/// Reads the shapes: of a whole file, or of the part that is wanted.
pub(super) fn parse<T: DeserializeOwned>(text: &str) -> Result<T, Box<Stop>> {
    let options = serde_saphyr::options! {
        with_snippet: false,
        budget: serde_saphyr::budget! { max_nodes: MAX_NODES, max_events: MAX_EVENTS },
    };
    serde_saphyr::from_str_with_options(text, options).map_err(|error| Box::new(Stop::new(&error)))
}

/// Reads what may have duplicate members.
pub(super) fn parse_any<T: DeserializeOwned>(text: &str) -> Result<T, Box<Stop>> {
    let options = serde_saphyr::options! {
        with_snippet: false,
        duplicate_keys: DuplicateKeyPolicy::PassThrough,
        budget: serde_saphyr::budget! { max_nodes: MAX_NODES, max_events: MAX_EVENTS },
    };
    serde_saphyr::from_str_with_options(text, options).map_err(|error| Box::new(Stop::new(&error)))
}

/// Any YAML as a value: what this program has written itself.
pub(crate) fn read_yaml(text: &str) -> Result<serde_json::Value, String> {
    serde_saphyr::from_str(text).map_err(|error| error.to_string())
}
