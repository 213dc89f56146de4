//! The JSON Schema of the file, for editors: made from the shapes that it is read into.

use schemars::generate::SchemaSettings;
use serde_json::Value;

use super::written::File;

/// The schema, in draft 7: what editors of YAML know.
pub fn schema() -> Value {
    let generator = SchemaSettings::draft07().into_generator();
    generator.into_root_schema_for::<File>().to_value()
}

#[cfg(test)]
pub(super) mod tests;
