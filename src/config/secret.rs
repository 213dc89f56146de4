//! Secrets: where they are written, and what is there.

use std::path::Path;

use secrecy::SecretString;

use super::written::SecretRef;

/// Members that say where a secret is, or where several are.
const REFERENCES: [&str; 4] = ["end_users_key", "keys", "password", "secret"];

/// Whether members of this name say where a secret is.
pub(super) fn is_reference(name: &str) -> bool {
    REFERENCES.contains(&name)
}

/// Whether this is written as names of variables are. Anything else may be the secret itself, and is not repeated.
pub(super) fn is_variable(name: &str) -> bool {
    let is_of_name = |it: u8| it.is_ascii_uppercase() || it.is_ascii_digit() || it == b'_';
    name.bytes().all(is_of_name) && name.starts_with(|it: char| !it.is_ascii_digit())
}

/// Reads a secret, without the white space around it.
pub(super) fn read_secret(secret: &SecretRef, directory: &Path) -> Result<SecretString, String> {
    let value = match (&secret.env, &secret.file) {
        (Some(name), None) => std::env::var(name).map_err(|_| match is_variable(name) {
            true => format!("the environment variable {name} is not set"),
            false => "the environment variable that `env` names is not set".to_owned(),
        })?,
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
