//! Makes the fixture and the corpora anew: `cargo run -p tollgate-fuzz --example seeds`.
//!
//! The private keys are made here and thrown away at the end.

mod azure;
mod certificates;
mod checks;
mod forms;
mod log;
mod media;
mod texts;
mod tokens;

use std::fs;
use std::path::Path;

use tollgate::auth::{Key, KeyDigest};

/// Writes one input.
fn seed(target: &str, name: &str, bytes: impl AsRef<[u8]>) {
    write(&format!("corpus/{target}/{name}"), bytes);
}

fn write(path: &str, bytes: impl AsRef<[u8]>) {
    fs::write(tollgate_fuzz::root().join(path), bytes).expect("written");
}

fn main() {
    for target in tollgate_fuzz::TARGETS {
        let folder = tollgate_fuzz::root().join("corpus").join(target.name);
        if Path::exists(&folder) {
            fs::remove_dir_all(&folder).expect("removed");
        }
        fs::create_dir_all(&folder).expect("a folder");
    }
    let key = Key::generate().expect("a key");
    let digest = KeyDigest::of_presented(key.expose()).expect("a key");
    let template = include_str!("tollgate.yaml");
    write(
        "fixture/tollgate.yaml",
        template.replace("KEY_SHA256", &digest.to_hex()),
    );
    let token = tokens::write();
    let certificate = certificates::write();
    texts::keys(key.expose());
    texts::bodies();
    texts::answers();
    texts::lines();
    forms::write();
    media::write();
    log::write();
    azure::write();
    checks::write(key.expose(), &token, &certificate);
}
