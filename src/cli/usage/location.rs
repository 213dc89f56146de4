//! The ledger that a command reads.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;

use crate::access::EndUsers;
use crate::config::Config;
use crate::database::{DatabaseUrl, PostgresUrl, Synchronous};
use crate::usage::LEDGER;
use crate::usage::PriceList;
use crate::usage::UsageStore;
use crate::usage::labels_of;

/// The environment variable with the password of `--database`.
const PASSWORD: &str = "TOLLGATE_DATABASE_PASSWORD";

#[derive(Args)]
pub(super) struct LedgerLocation {
    /// The configuration: its `database` if it has one, or else its `data_directory`.
    #[arg(long, value_name = "FILE", default_value = "tollgate.yaml")]
    config: PathBuf,
    /// The ledger of one replica, without a configuration.
    #[arg(long, value_name = "DIR", conflicts_with_all = ["config", "database"])]
    data_directory: Option<PathBuf>,
    /// A PostgreSQL, without a configuration; its password is in TOLLGATE_DATABASE_PASSWORD.
    #[arg(long, value_name = "URL", conflicts_with = "config")]
    database: Option<String>,
}

/// An open ledger, and the prices of the configuration that named it.
pub(super) struct Opened {
    pub(super) store: UsageStore,
    pub(super) prices: Arc<PriceList>,
    /// The clients of the configuration.
    pub(super) clients: BTreeSet<String>,
    /// The names of their labels.
    pub(super) labels: BTreeSet<String>,
    /// Where the service of the configuration takes commands.
    pub(super) control: Option<PathBuf>,
    /// What is kept of the names of end users.
    pub(super) end_users: EndUsers,
    /// Where a replica has its own ledger besides the one that is open.
    pub(super) own: Option<PathBuf>,
}

impl LedgerLocation {
    pub(super) async fn open(&self) -> Result<Opened, String> {
        let no_prices = Arc::<PriceList>::default;
        let (mut clients, mut labels) = (BTreeSet::new(), BTreeSet::new());
        let mut control = None;
        let (mut end_users, mut own) = (EndUsers::Keep, None);
        let (url, prices) = match (&self.data_directory, &self.database) {
            (Some(directory), _) => (file(directory)?, no_prices()),
            (None, Some(url)) => {
                let password = std::env::var(PASSWORD).ok().map(Into::into);
                let url = PostgresUrl::new(url, password)
                    .map_err(|error| format!("--database: {error}"))?;
                (DatabaseUrl::Postgres(url), no_prices())
            }
            (None, None) => {
                let config = Config::load(&self.config).map_err(|error| error.to_string())?;
                let url = match (config.database, &config.data_directory) {
                    (Some(server), _) => DatabaseUrl::Postgres(server),
                    (None, Some(directory)) => file(directory)?,
                    (None, None) => {
                        let name = self.config.display();
                        return Err(format!(
                            "{name} has neither `data_directory` nor `database`: there is no ledger"
                        ));
                    }
                };
                for client in config.policy.clients.iter() {
                    clients.insert(client.id.to_string());
                    let own = client.labels.to_json().unwrap_or_default();
                    labels.extend(labels_of(&own).into_keys());
                }
                control = config.listen.control;
                end_users = config.end_users;
                if matches!(url, DatabaseUrl::Postgres(_)) {
                    own = config.data_directory;
                }
                (url, config.policy.prices)
            }
        };
        let store = UsageStore::open(&url).await;
        let store = store.map_err(|error| error.to_string())?;
        // What a killed service has left in its log belongs to the report, too.
        store.catch_up().await.map_err(|error| error.to_string())?;
        Ok(Opened {
            store,
            prices,
            clients,
            labels,
            control,
            end_users,
            own,
        })
    }

    /// The ledger of a replica's own, where there is one.
    pub(super) async fn open_own(directory: Option<&Path>) -> Result<Option<UsageStore>, String> {
        let Some(Ok(url)) = directory.map(file) else {
            return Ok(None);
        };
        let store = UsageStore::open(&url).await;
        let store = store.map_err(|error| error.to_string())?;
        store.catch_up().await.map_err(|error| error.to_string())?;
        Ok(Some(store))
    }

    /// Whether there is a configuration to take prices from.
    pub(super) const fn has_config(&self) -> bool {
        self.data_directory.is_none() && self.database.is_none()
    }
}

/// Opening would make a file that isn't there, and report that nobody used anything.
fn file(directory: &Path) -> Result<DatabaseUrl, String> {
    let url = DatabaseUrl::in_directory(directory, LEDGER, Synchronous::Full);
    match &url {
        DatabaseUrl::Sqlite { file, .. } if !file.exists() => Err(format!(
            "there is no ledger at {}: name the service's `data_directory`, where it makes one when it starts",
            file.display()
        )),
        _ => Ok(url),
    }
}
