//! The console on the admin port: what is written, and what it means.

use super::problem::Problem;
use super::problems::Problems;
use super::spanned::Spanned;
use super::{Console, written};

/// Longest name of a host (RFC 1035, section 2.3.4).
const MAX_HOST_CHARS: usize = 253;

/// `None` where there is no console.
pub(super) fn console(admin: &written::Admin, problems: &mut Problems) -> Option<Console> {
    let hosts: Vec<_> = admin
        .console_hosts
        .iter()
        .filter_map(|written| host(written, problems))
        .collect();
    if !admin.console
        && let Some(first) = admin.console_hosts.first()
    {
        let message = "there is no console that these names could be for";
        let help = "write `console: true` beside it, or remove `console_hosts`";
        problems.push(Problem::at(first.referenced, message).help(help));
    }
    admin.console.then_some(Console { hosts })
}

fn host(written: &Spanned<String>, problems: &mut Problems) -> Option<String> {
    let name = written.value.to_ascii_lowercase();
    let is_label = |label: &str| {
        !label.is_empty()
            && !label.starts_with('-')
            && label
                .bytes()
                .all(|it| it.is_ascii_alphanumeric() || matches!(it, b'-' | b'_'))
    };
    if name.len() <= MAX_HOST_CHARS && name.split('.').all(is_label) {
        return Some(name);
    }
    let message = format!("`{}` is not the name of a host", written.value);
    let help = "write it without scheme and port, such as `tollgate.example.internal`; addresses and `localhost` need no entry";
    problems.push(Problem::at(written.referenced, message).help(help));
    None
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use crate::config::tests::read as read_file;
    use crate::config::{ConfigError, Console};

    fn read(admin: &str) -> Result<Option<Console>, ConfigError> {
        let text = format!(
            "listen: {{ grpc: \"unix:/run/tollgate/tollgate.sock\", admin: \"127.0.0.1:9090\" }}\n\
             identity: {{ managed_identity: {{}} }}\nbackends: [{{ name: sweden }}]\n{admin}"
        );
        read_file("t.yaml", &text, Path::new(".")).map(|config| config.listen.console)
    }

    #[test]
    fn there_is_no_console_unless_it_is_asked_for() {
        assert_eq!(read("").expect("good"), None);
        assert_eq!(read("admin: { console: false }\n").expect("good"), None);
        let found = read("admin: { console: true, console_hosts: [Ops.Example, a_b] }\n");
        let hosts = vec!["ops.example".to_owned(), "a_b".to_owned()];
        assert_eq!(found.expect("good"), Some(Console { hosts }));
    }

    #[test]
    fn a_host_that_is_not_valid_or_without_a_console_is_said_with_its_place() {
        for (admin, said) in [
            (
                "admin: { console: true, console_hosts: [\"ops:9090\"] }\n",
                "t.yaml:4:41: `ops:9090` is not the name of a host",
            ),
            (
                "admin: { console: true, console_hosts: [\"*.example\"] }\n",
                "`*.example` is not the name of a host",
            ),
            (
                "admin: { console: true, console_hosts: [\"\"] }\n",
                "`` is not the name of a host",
            ),
            (
                "admin: { console_hosts: [ops.example] }\n",
                "there is no console that these names could be for",
            ),
            ("admin: { konsole: true }\n", "konsole"),
        ] {
            let error = read(admin).expect_err(admin).to_string();
            assert!(error.contains(said), "{admin}: {error}");
        }
    }
}
