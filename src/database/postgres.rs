//! Where a PostgreSQL is, and how to sign in to it.

use std::fmt;
use std::str::FromStr;

use reqwest::Url;
use secrecy::{ExposeSecret, SecretString};
use sqlx::postgres::{PgConnectOptions, PgSslMode};

/// What may stand behind the `?`: the rest of sqlx's parameters says again what the URL says, or is a
/// password.
const PARAMETERS: [&str; 4] = ["sslmode", "sslrootcert", "sslcert", "sslkey"];

/// Why a text is not a PostgreSQL URL.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PostgresUrlError {
    /// Another scheme or shape.
    #[error("not a PostgreSQL URL: write `postgres://USER@HOST:5432/DATABASE`")]
    Shape,
    /// A password in it would be in every copy of the file.
    #[error(
        "a password in the URL would be in every copy of this file: write `{{ url: …, password: {{ env: NAME }} }}` or `{{ file: PATH }}`"
    )]
    Password,
    /// A parameter that is not supported.
    #[error("`{0}` is not a supported parameter: use sslmode, sslrootcert, sslcert or sslkey")]
    Parameter(String),
    /// sqlx does not take it.
    #[error("not a PostgreSQL URL: {0}")]
    Invalid(String),
}

/// The address of a PostgreSQL and the password for it; the password is never printed.
#[derive(Clone)]
pub struct PostgresUrl {
    options: Box<PgConnectOptions>,
    shown: String,
    password: Option<SecretString>,
}

impl PartialEq for PostgresUrl {
    fn eq(&self, other: &Self) -> bool {
        let password = |url: &Self| {
            url.password
                .as_ref()
                .map(|it| it.expose_secret().to_owned())
        };
        self.shown == other.shown && password(self) == password(other)
    }
}

impl Eq for PostgresUrl {}

impl PostgresUrl {
    /// Takes a URL without a password, and the password from elsewhere.
    ///
    /// Without `sslmode`, the server must prove its name with a certificate of the web's authorities
    /// (`verify-full`), except on this machine.
    ///
    /// # Errors
    /// [`PostgresUrlError`]; none repeats the URL.
    pub fn new(url: &str, password: Option<SecretString>) -> Result<Self, PostgresUrlError> {
        let parsed = Url::parse(url).map_err(|_| PostgresUrlError::Shape)?;
        if !matches!(parsed.scheme(), "postgres" | "postgresql") {
            return Err(PostgresUrlError::Shape);
        }
        if parsed.password().is_some() {
            return Err(PostgresUrlError::Password);
        }
        let host = parsed.host_str().unwrap_or_default();
        let has_database = parsed.path().len() > 1 && parsed.path().matches('/').count() == 1;
        if host.is_empty() || parsed.username().is_empty() || !has_database {
            return Err(PostgresUrlError::Shape);
        }
        for (name, _) in parsed.query_pairs() {
            match &*name {
                "password" => return Err(PostgresUrlError::Password),
                known if PARAMETERS.contains(&known) => {}
                other => return Err(PostgresUrlError::Parameter(other.to_owned())),
            }
        }
        let mut options = PgConnectOptions::from_str(url)
            .map_err(|error| PostgresUrlError::Invalid(error.to_string()))?
            .application_name("tollgate");
        let says_tls = parsed.query_pairs().any(|(name, _)| name == "sslmode");
        if !says_tls && !is_this_machine(host) {
            options = options.ssl_mode(PgSslMode::VerifyFull);
        }
        let mut shown = parsed;
        shown.set_query(None);
        Ok(Self {
            options: Box::new(options),
            shown: shown.to_string(),
            password,
        })
    }

    /// What sqlx connects with. It holds the password in the clear: it goes to sqlx only.
    pub(super) fn options(&self) -> PgConnectOptions {
        match &self.password {
            Some(password) => (*self.options).clone().password(password.expose_secret()),
            None => (*self.options).clone(),
        }
    }
}

/// Loopback, or a Unix socket: its path is the host, with `/` as `%2F`.
fn is_this_machine(host: &str) -> bool {
    matches!(host, "localhost" | "127.0.0.1" | "[::1]")
        || host.to_ascii_lowercase().starts_with("%2f")
}

impl fmt::Display for PostgresUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

impl fmt::Debug for PostgresUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PostgresUrl({})", self.shown)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_taken_from_elsewhere_and_never_printed() {
        let url = PostgresUrl::new(
            "postgres://gate@db.example.com:5433/tollgate",
            Some("canary-77".into()),
        )
        .expect("a good address");
        let printed = format!("{url} {url:?}");
        assert!(!printed.contains("canary"), "{printed}");
        assert!(printed.contains("db.example.com:5433"), "{printed}");
        assert!(matches!(
            url.options().get_ssl_mode(),
            PgSslMode::VerifyFull
        ));
    }

    #[test]
    fn a_server_elsewhere_must_prove_its_name_unless_the_operator_says_otherwise() {
        let mode = |url: &str| {
            let url = PostgresUrl::new(url, None).expect("a good address");
            format!("{:?}", url.options().get_ssl_mode())
        };
        assert_eq!(mode("postgres://u@db/d"), "VerifyFull");
        assert_eq!(mode("postgres://u@db/d?sslmode=disable"), "Disable");
        for here in [
            "127.0.0.1",
            "localhost:5432",
            "[::1]",
            "%2Frun%2Fpostgresql",
        ] {
            assert_eq!(mode(&format!("postgres://u@{here}/d")), "Prefer", "{here}");
        }
    }

    #[test]
    fn other_texts_are_refused_without_repeating_them() {
        use PostgresUrlError::{Parameter, Password, Shape};
        for (text, error) in [
            ("", Shape),
            ("postgres://db/d", Shape),
            ("postgres://u@/d", Shape),
            ("postgres://u@db", Shape),
            ("postgres://u@db/", Shape),
            ("postgres://u@db/a/b", Shape),
            ("mysql://u@db/d", Shape),
            ("sqlite:///var/lib/x.db", Shape),
            ("postgres://u:canary-77@db/d", Password),
            ("postgres://u@db/d?password=canary-77", Password),
            ("postgres://u@db/d?host=x", Parameter("host".to_owned())),
        ] {
            let refused = PostgresUrl::new(text, None).map(|_| ());
            assert_eq!(refused, Err(error), "{text}");
        }
        let refused = PostgresUrl::new("postgres://u@db/d?sslmode=canary", None).map(|_| ());
        assert!(matches!(refused, Err(PostgresUrlError::Invalid(_))));
    }
}
