//! One thing that is wrong with a file, or may not be meant.

use serde_saphyr::Location;

/// What is wrong, and where.
#[derive(Debug)]
pub(super) struct Problem {
    pub(super) at: Option<Location>,
    /// Whether it is about the name of a member, which can be at the place of its owner.
    pub(super) is_name: bool,
    pub(super) message: String,
    pub(super) help: Option<String>,
    /// Of two that are the same, where the first one is.
    pub(super) first: Option<Location>,
    /// The name that nothing in a section has.
    pub(super) unknown: Option<(&'static str, String)>,
}

impl Problem {
    /// Something wrong with the file as a whole.
    pub(super) fn new(message: impl Into<String>) -> Self {
        Self {
            at: None,
            is_name: false,
            message: message.into(),
            help: None,
            first: None,
            unknown: None,
        }
    }

    /// Something wrong at a place.
    pub(super) fn at(at: Location, message: impl Into<String>) -> Self {
        Self {
            at: Some(at),
            ..Self::new(message)
        }
    }

    /// Says what to do about it.
    pub(super) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Says where the first of two is.
    pub(super) fn first(mut self, first: Option<Location>) -> Self {
        self.first = first;
        self
    }

    /// Says that it is about a name which nothing in a section has.
    pub(super) fn unknown(mut self, section: &'static str, name: &str) -> Self {
        self.unknown = Some((section, name.to_owned()));
        self
    }
}
