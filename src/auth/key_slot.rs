//! The two keys that a client can have.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Which of a client's two keys: one is in use while the other one is replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize, JsonSchema, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum KeySlot {
    /// The first key.
    Primary,
    /// The second key.
    Secondary,
}

impl KeySlot {
    /// Its name in the configuration, on the command line and in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Primary => "primary",
            Self::Secondary => "secondary",
        }
    }

    /// Reads such a name.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Primary, Self::Secondary]
            .into_iter()
            .find(|slot| slot.as_str() == text)
    }
}
