//! Where the service's HTTP side is: all that `tollgate health` needs of a file.

use std::net::SocketAddr;
use std::path::Path;

use serde::Deserialize;
use serde_saphyr::Spanned;

use super::problem::Problem;
use super::{ConfigError, listen, parser};

/// The rest of the file is ignored: a mistake elsewhere does not change the address,
/// and the running service goes on with the file that it has read before.
#[derive(Deserialize)]
struct Part {
    listen: ListenPart,
}

#[derive(Deserialize)]
struct ListenPart {
    admin: Spanned<String>,
}

/// Reads `listen.admin` of a file.
///
/// # Errors
/// [`ConfigError`] where the address is missing or invalid.
pub fn admin_address(path: &Path) -> Result<SocketAddr, ConfigError> {
    let name = path.display().to_string();
    let text =
        std::fs::read_to_string(path).map_err(|error| ConfigError::unreadable(&name, &error))?;
    let refused = |problem: Problem| ConfigError::new(&name, &text, vec![problem]);
    let part: Part = parser::parse(&name, &text)?;
    let address = listen::admin(&part.listen.admin).map_err(refused)?;
    if address.port() == 0 {
        let message = "the system chooses this port when the service starts";
        let problem = Problem::at(part.listen.admin.referenced, message);
        return Err(refused(
            problem.help("give the URL of the health page with --url"),
        ));
    }
    Ok(address)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<SocketAddr, String> {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("t.yaml");
        std::fs::write(&path, text).expect("written");
        let read = admin_address(&path);
        read.map_err(|error| {
            error
                .to_string()
                .replace(&path.display().to_string(), "t.yaml")
        })
    }

    #[test]
    fn a_mistake_elsewhere_in_the_file_does_not_matter() {
        let text = "listen: { admin: \"0.0.0.0:9090\", grpc: nowhere, typo: 1 }\nclients: none\n";
        assert_eq!(read(text), Ok(SocketAddr::from(([0, 0, 0, 0], 9090))));
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
            let said = read(text).expect_err("not an IP address with a port");
            assert!(said.starts_with(place) && said.contains(reason), "{said}");
        }
    }
}
