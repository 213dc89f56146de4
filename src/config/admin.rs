//! Where the running service is: all that commands to it need of a file.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use super::spanned::Spanned;
use serde::Deserialize;

use super::problem::Problem;
use super::problems::Problems;
use super::{ConfigError, listen, parser};

/// The rest of the file is ignored: a mistake elsewhere does not change the address,
/// and the running service goes on with the file that it has read before.
#[derive(Deserialize)]
struct Part<Listen> {
    listen: Listen,
}

#[derive(Deserialize)]
struct Admin {
    admin: Spanned<String>,
}

#[derive(Deserialize)]
struct Control {
    control: Option<Spanned<String>>,
}

/// Reads `listen.admin` of a file.
///
/// # Errors
/// [`ConfigError`] where the address is missing or invalid.
pub fn admin_address(path: &Path) -> Result<SocketAddr, ConfigError> {
    let (name, text) = read(path)?;
    let refused = |problem: Problem| ConfigError::new(&name, &text, vec![problem]);
    let part: Part<Admin> = parser::parse(&text).map_err(|stop| refused(stop.problem()))?;
    let address = listen::admin(&part.listen.admin).map_err(|problem| refused(*problem))?;
    if address.port() == 0 {
        let message = "the system chooses this port when the service starts";
        let problem = Problem::at(part.listen.admin.referenced, message);
        return Err(refused(
            problem.help("give the URL of the health page with --url"),
        ));
    }
    Ok(address)
}

/// Reads `listen.control` of a file.
///
/// # Errors
/// [`ConfigError`] where it is missing or invalid.
pub fn control_socket(path: &Path) -> Result<PathBuf, ConfigError> {
    let (name, text) = read(path)?;
    let refused = |problems| ConfigError::new(&name, &text, problems);
    let part: Part<Spanned<Control>> =
        parser::parse(&text).map_err(|stop| refused(vec![stop.problem()]))?;
    let mut problems = Problems::new();
    let socket = match &part.listen.value.control {
        Some(written) => listen::control_socket(written, &mut problems),
        None => {
            let message = "there is no `control`: the service takes no commands";
            let help = "write `control: unix:/run/tollgate-control/control.sock`";
            problems.push(Problem::at(part.listen.referenced, message).help(help));
            None
        }
    };
    socket.ok_or_else(|| refused(problems))
}

fn read(path: &Path) -> Result<(String, String), ConfigError> {
    let name = path.display().to_string();
    match std::fs::read_to_string(path) {
        Ok(text) => Ok((name, text)),
        Err(error) => Err(ConfigError::unreadable(&name, &error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read<T>(text: &str, of: fn(&Path) -> Result<T, ConfigError>) -> Result<T, String> {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("t.yaml");
        std::fs::write(&path, text).expect("written");
        of(&path).map_err(|error| {
            error
                .to_string()
                .replace(&path.display().to_string(), "t.yaml")
        })
    }

    #[test]
    fn a_mistake_elsewhere_in_the_file_does_not_matter() {
        let text = "listen: { admin: \"0.0.0.0:9090\", grpc: nowhere, typo: 1 }\nclients: none\n";
        let address = SocketAddr::from(([0, 0, 0, 0], 9090));
        assert_eq!(read(text, admin_address), Ok(address));
        let text = "listen: { control: \"unix:/c/s\", grpc: nowhere, typo: 1 }\nclients: none\n";
        assert_eq!(read(text, control_socket), Ok(PathBuf::from("/c/s")));
    }

    #[test]
    fn an_address_that_is_missing_or_not_known_is_said_with_its_place() {
        for (text, place, reason) in [
            ("listen: { grpc: \"unix:/s\" }\n", "t.yaml:1:", "admin"),
            (
                "listen: { admin: here }\n",
                "t.yaml:1:18: ",
                "not an IP address with a port",
            ),
            (
                "listen:\n  admin: \"127.0.0.1:0\"\n",
                "t.yaml:2:",
                "chooses this port",
            ),
        ] {
            let said = read(text, admin_address).expect_err("not an IP address with a port");
            assert!(said.starts_with(place) && said.contains(reason), "{said}");
        }
    }

    #[test]
    fn a_control_socket_that_is_missing_or_none_is_said_with_its_place() {
        for (text, place, reason) in [
            (
                "listen: { grpc: \"unix:/s\" }\n",
                "t.yaml:1:9: ",
                "takes no commands",
            ),
            (
                "listen: { control: \"127.0.0.1:1\" }\n",
                "t.yaml:1:20: ",
                "must be a Unix socket",
            ),
            ("clients: []\n", "t.yaml:1:", "listen"),
        ] {
            let said = read(text, control_socket).expect_err(text);
            assert!(said.starts_with(place) && said.contains(reason), "{said}");
        }
    }
}
