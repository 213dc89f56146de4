//! Secrets: where they are written, and what is there.

use std::path::Path;

use secrecy::SecretString;

use super::written::SecretRef;

/// Reads a secret, without the white space around it.
pub(super) fn read_secret(secret: &SecretRef, directory: &Path) -> Result<SecretString, String> {
    let value = match (&secret.env, &secret.file) {
        (Some(name), None) => std::env::var(name)
            .map_err(|_| format!("the environment variable {name} is not set"))?,
        (None, Some(file)) => return read_file(file, directory),
        _ => {
            return Err(
                "a secret is read from `env` or from `file`: write exactly one of them".to_owned(),
            );
        }
    };
    secret_of(&value)
}

/// The secret in a file, without the white space around it.
pub(crate) fn read_file(file: &Path, directory: &Path) -> Result<SecretString, String> {
    let path = directory.join(file);
    let text = std::fs::read_to_string(&path);
    secret_of(&text.map_err(|error| format!("{} can't be read: {error}", path.display()))?)
}

fn secret_of(text: &str) -> Result<SecretString, String> {
    match text.trim() {
        "" => Err("the secret is empty".to_owned()),
        secret => Ok(secret.into()),
    }
}
