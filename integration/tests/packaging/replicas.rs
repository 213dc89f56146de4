//! docs/replicas.md, followed to the letter: its commands make files that its configuration takes.

use std::process::Command;

use crate::{succeeds, text, tollgate};

/// The blocks of a language on the page.
fn blocks(language: &str) -> Vec<String> {
    let page = text("docs/replicas.md");
    let parts = page.split("\n```").collect::<Vec<_>>();
    let inside = parts.chunks_exact(2).filter_map(|it| it.get(1));
    let of_it = inside.filter_map(|it| it.strip_prefix(&format!("{language}\n")));
    of_it.map(str::to_owned).collect()
}

#[test]
fn the_commands_make_what_the_whole_file_names() {
    let folder = tempfile::tempdir().expect("a folder");
    let here = |text: &str| text.replace("/etc/", &format!("{}/", folder.path().display()));
    let consoles = blocks("console");
    let commands: Vec<_> = consoles
        .iter()
        .flat_map(|it| it.lines())
        .map(|line| line.strip_prefix("$ ").expect("a command"))
        .collect();
    assert!(commands.iter().any(|it| it.contains("openssl x509 -req")));
    for command in commands {
        let mut shell = Command::new("sh");
        shell.args(["-euc", &here(command)]);
        succeeds(shell.current_dir(folder.path()));
    }
    let files: Vec<_> = blocks("yml");
    let [whole] = files.as_slice() else {
        panic!("one file is wanted: {files:?}");
    };
    let file = folder.path().join("tollgate.yaml");
    std::fs::write(&file, here(whole)).expect("written");
    let mut check = tollgate();
    check.args(["check", "--file-only", "--config"]).arg(&file);
    let output = check.output().expect("it runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success() && !said.contains("warning"),
        "{said}"
    );
    // The certificate has the name by which Envoy looks for it, and Envoy's own has one that may call.
    succeeds(tollgate().args(["envoy", "--config"]).arg(&file));
    for (certificate, purpose) in [
        ("tollgate/tls/tls.crt", "sslserver"),
        ("tollgate-client/tls.crt", "sslclient"),
    ] {
        let mut verify = Command::new("openssl");
        verify.args(["verify", "-CAfile", "ca.crt", "-purpose", purpose]);
        if purpose == "sslserver" {
            verify.args(["-verify_hostname", "gateway-tollgate.ai.svc"]);
        }
        succeeds(verify.arg(certificate).current_dir(folder.path()));
    }
}
