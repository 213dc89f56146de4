//! What the parser finds wrong, in words for whoever has written the file.

use serde_saphyr::Error;

use crate::nearest::nearest;

/// A mistake in the shape of the file.
#[derive(Clone, Debug)]
pub(super) enum Mistake {
    /// A member that this can't have, and those that it can.
    UnknownMember(String, Vec<&'static str>),
    MissingMember(&'static str),
    /// A word that this can't be, and those that it can.
    UnknownWord(String, Vec<&'static str>),
    /// It must be of another kind.
    Kind(Kind),
    /// Something else, in words of its own.
    Said(String, Option<&'static str>),
}

/// What a value can be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Members,
    List,
    Text,
    WholeNumber,
    Number,
    Truth,
    /// A word, or a member of this name.
    Choice,
}

impl Mistake {
    /// What the parser's error is about.
    pub(super) fn of(error: &Error) -> Self {
        match error.without_snippet() {
            Error::AliasError { error, .. } => Self::of(error),
            Error::SerdeUnknownField {
                field, expected, ..
            } => Self::UnknownMember(field.clone(), expected.clone()),
            Error::SerdeMissingField { field, .. } => Self::MissingMember(field),
            Error::SerdeUnknownVariant {
                variant, expected, ..
            } => Self::UnknownWord(variant.clone(), expected.clone()),
            Error::Message { msg, .. } => Self::Said(msg.clone(), None),
            Error::InvalidScalar { ty, .. } if *ty == "bool" || *ty == "boolean" => {
                Self::Kind(Kind::Truth)
            }
            Error::InvalidBooleanStrict { .. } => Self::Kind(Kind::Truth),
            Error::InvalidScalar { ty, .. } if ["f64", "floating point"].contains(ty) => {
                Self::Kind(Kind::Number)
            }
            Error::InvalidScalar { .. } => Self::Kind(Kind::WholeNumber),
            Error::Unexpected { expected, .. } => Self::expected(expected),
            Error::SerdeInvalidType { expected, .. }
            | Error::SerdeInvalidValue { expected, .. } => Self::expected(expected),
            Error::NullIntoString { .. }
            | Error::TaggedScalarCannotDeserializeIntoString { .. } => Self::Kind(Kind::Text),
            Error::ExternallyTaggedEnumExpectedScalarOrMapping { .. }
            | Error::ExpectedStringKeyForExternallyTaggedEnum { .. }
            | Error::UnexpectedValueForUnitEnumVariant { .. }
            | Error::ExpectedMappingEndAfterEnumVariantValue { .. } => Self::Kind(Kind::Choice),
            other => {
                let (message, help) = of_yaml(other);
                Self::Said(message, help)
            }
        }
    }

    /// By what the shapes, or the parser, say that they expect.
    fn expected(expected: &str) -> Self {
        let is_number = ["u8", "u16", "u32", "u64", "usize", "i64", "an integer"];
        match expected {
            "mapping start" | "a map" | "map" => Self::Kind(Kind::Members),
            "sequence start" | "a sequence" | "seq" => Self::Kind(Kind::List),
            "string scalar" | "a string" | "path string" | "string" => Self::Kind(Kind::Text),
            "a boolean" => Self::Kind(Kind::Truth),
            it if is_number.contains(&it) => Self::Kind(Kind::WholeNumber),
            it if it.starts_with("struct ") => Self::Kind(Kind::Members),
            it if it.starts_with("enum ") || it.starts_with("variant ") => Self::Kind(Kind::Choice),
            // The shapes that are read by hand say it in words for people, with quotes of code.
            it if it.contains('`') => Self::Said(format!("must be {it}"), None),
            _ => Self::Said("something else is expected here".to_owned(), None),
        }
    }

    /// What is wrong, and what to do about it.
    pub(super) fn words(&self) -> (String, Option<String>) {
        let kind =
            |message: &str, help: Option<&str>| (message.to_owned(), help.map(str::to_owned));
        match self {
            Self::UnknownMember(name, known) => (
                format!("there is no member `{name}` here"),
                Some(instead(name, known)),
            ),
            Self::MissingMember(name) => (format!("`{name}` is missing"), None),
            Self::UnknownWord(word, known) => (
                format!("`{word}` is none of the words that this can be"),
                Some(instead(word, known)),
            ),
            Self::Kind(Kind::Members) => {
                kind("must have members", Some("such as `{ name: value }`"))
            }
            Self::Kind(Kind::List) => kind("must be a list", Some("such as `[value]`")),
            Self::Kind(Kind::Text) => kind("must be one word or text", None),
            Self::Kind(Kind::WholeNumber) => kind(
                "must be a whole number, written in digits",
                Some("such as 100000: without a sign, point, separator or unit"),
            ),
            Self::Kind(Kind::Number) => kind("must be a number", Some("such as 12.5")),
            Self::Kind(Kind::Truth) => kind("must be `true` or `false`", None),
            Self::Kind(Kind::Choice) => kind(
                "must be one word, or one member with its value",
                Some("docs/configuration.md says which words this can be"),
            ),
            Self::Said(message, help) => (message.clone(), help.map(str::to_owned)),
        }
    }
}

/// What is not about the shape of tollgate.yaml, but about YAML.
fn of_yaml(error: &Error) -> (String, Option<&'static str>) {
    let said = |message: &str, help| (message.to_owned(), help);
    match error {
        Error::ExternalMessage { msg, .. } => (
            format!("not valid YAML: {msg}"),
            Some("look at the indentation, quotes and brackets here and just above"),
        ),
        Error::Eof { .. } => said("the file ends too early, or is empty", None),
        Error::MultipleDocuments { .. } => said(
            "there is more than one document in the file",
            Some("remove the line `---` and what is below it"),
        ),
        Error::DuplicateMappingKey { key, .. } => {
            let name = key.as_deref().unwrap_or("?");
            (format!("duplicate member `{name}`"), None)
        }
        Error::MergeValueNotMapOrSeqOfMaps { .. } | Error::MergeKeyNotAllowed { .. } => {
            said("`<<` must be an alias of something with members", None)
        }
        Error::UnknownAnchor { .. } => said(
            "no anchor above has the name of this alias",
            Some(
                "`&name` before a value makes an anchor; a text that begins with `*` needs quotes",
            ),
        ),
        Error::AliasReplayCounterOverflow { .. }
        | Error::AliasReplayLimitExceeded { .. }
        | Error::AliasExpansionLimitExceeded { .. }
        | Error::AliasReplayStackDepthExceeded { .. }
        | Error::RecursiveReferencesRequireWeakTypes { .. } => said(
            "the aliases stand for too much",
            Some("an alias must not be within its own anchor, nor repeat others without end"),
        ),
        Error::Budget { .. } => said("the file is too large, or too deeply nested", None),
        // A secret can look like one.
        Error::UnsupportedTag { .. }
        | Error::TaggedStructFieldName { .. }
        | Error::TaggedEnumMismatch { .. } => said(
            "a tag means nothing here",
            Some("remove it; a text that begins with `!` needs quotes"),
        ),
        Error::InvalidUtf8Input => said("the file is not in UTF-8", None),
        Error::NonFiniteFloat { .. } => said("must be a finite number", None),
        Error::FoldedBlockScalarMustIndentContent { .. } | Error::IndentationError { .. } => {
            said("not valid YAML: the indentation is wrong", None)
        }
        _ => said("this is not what can be here", None),
    }
}

/// The word that may have been meant, or all that there are.
pub(super) fn instead(written: &str, words: &[&str]) -> String {
    match nearest(written, words.iter().copied()) {
        Some(word) => format!("did you mean `{word}`?"),
        None => format!("write one of: {}", words.join(", ")),
    }
}
