//! What the file is read into and its schema agree, over every document of these tests.

use std::sync::LazyLock;

use jsonschema::Validator;

use super::schema;
use crate::config::parser::parse;
use crate::config::written::File;
use crate::config::{Config, ConfigError};

/// Longer documents are the same thing over and over.
const MAX_BYTES: usize = 200_000;

static VALIDATOR: LazyLock<Validator> = LazyLock::new(|| {
    jsonschema::validator_for(&schema()).unwrap_or_else(|error| panic!("the schema: {error}"))
});

/// The document as editors read it: by YAML 1.2, where `off` and `y` are texts.
fn value(text: &str) -> Option<serde_json::Value> {
    let options = serde_saphyr::options! { with_snippet: false, strict_booleans: true };
    serde_saphyr::from_str_with_options(text, options).ok()
}

/// Every document that a unit test of this room reads comes by here.
pub(in crate::config) fn agree(text: &str, read: &Result<Config, ConfigError>) {
    if text.len() > MAX_BYTES {
        return;
    }
    // What is not YAML, or has a member twice, has no value that could be judged.
    let Some(value) = value(text) else {
        return;
    };
    let shape = parse::<File>(text).err();
    match shape.map(|stop| stop.mistake) {
        Some(mistake) => assert!(
            !VALIDATOR.is_valid(&value),
            "{mistake:?} is nothing to the schema, in\n{text}"
        ),
        None => {
            if let Some(error) = VALIDATOR
                .iter_errors(&value)
                .next()
                .filter(|_| read.is_ok())
            {
                panic!("{error} ({}) in\n{text}", error.instance_path());
            }
        }
    }
}

#[test]
fn every_member_is_described() {
    let schema = schema();
    let definitions = schema["definitions"].as_object().expect("definitions");
    let mut members = 0;
    for (name, shape) in definitions.iter().chain([(&"File".to_owned(), &schema)]) {
        assert!(
            shape["description"].is_string(),
            "{name} has no description"
        );
        let is_closed = shape.get("properties").is_none() || shape["additionalProperties"] == false;
        assert!(is_closed, "{name} takes any member");
        for (member, value) in shape["properties"].as_object().into_iter().flatten() {
            assert!(
                value["description"].is_string(),
                "{name}.{member} has no description"
            );
            members += 1;
        }
    }
    assert!(members > 150, "{members} members");
}
