//! The names of deployments.

use std::fmt;
use std::sync::Arc;

/// Longest name that Azure gives to a deployment.
const MAX_DEPLOYMENT_BYTES: usize = 64;

/// The name of a deployment, checked.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Deployment(Arc<str>);

impl Deployment {
    /// Takes a name as Azure allows it, and nothing else.
    pub fn parse(name: &str) -> Option<Self> {
        let inner = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.".contains(byte);
        let bytes = name.as_bytes();
        let ends = [bytes.first()?, bytes.last()?];
        let valid = bytes.len() <= MAX_DEPLOYMENT_BYTES
            && bytes.iter().all(inner)
            && ends.iter().all(|byte| byte.is_ascii_alphanumeric())
            && !name.contains("..");
        valid.then(|| Self(name.into()))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name, shared.
    pub fn to_shared(&self) -> Arc<str> {
        Arc::clone(&self.0)
    }
}

impl fmt::Display for Deployment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
