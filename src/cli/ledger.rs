//! The ledger's parts as the service runs them.

use std::sync::Arc;

use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::access::ObjectOwners;
use crate::config::Config;
use crate::gateway::Gateway;
use crate::usage::{
    KeyUsage, Ledger, LedgerState, LedgerWriter, Outbox, Retention, UsageStore, load_owners,
};

/// The ledger's thread, and what follows it.
pub(super) type LedgerTasks = (LedgerWriter, Vec<JoinHandle<()>>);

/// A running ledger.
pub(super) struct RunningLedger {
    /// Where requests hand their records over.
    pub(super) ledger: Ledger,
    /// Who owns what the service stores, as far as it knows.
    pub(super) owners: Arc<ObjectOwners>,
    /// Its tables.
    pub(super) store: UsageStore,
    /// Its thread.
    pub(super) writer: LedgerWriter,
    /// What follows it.
    pub(super) background: Vec<JoinHandle<()>>,
}

impl RunningLedger {
    /// Starts it, where there is a data directory.
    pub(super) async fn start(
        config: &Config,
        stop: &CancellationToken,
    ) -> Result<Option<Self>, String> {
        let (Some(options), Some(directory)) = (&config.ledger, &config.data_directory) else {
            return Ok(None);
        };
        let failed = |error: &dyn std::fmt::Display| format!("the usage ledger: {error}");
        let (ledger, writer, store) = Ledger::start(directory.clone(), options)
            .await
            .map_err(|error| failed(&error))?;
        let owners = Arc::<ObjectOwners>::default();
        load_owners(&store, &owners)
            .await
            .map_err(|error| failed(&error))?;
        let state = ledger.state();
        let only_copied = config.database.is_some();
        let retention = Retention::new(store.clone(), state, options.retention, only_copied);
        let mut background = vec![tokio::spawn(retention.run(stop.clone()))];
        let own = store.clone();
        if let Some(server) = &config.database {
            let (server, owners) = (server.clone(), Arc::clone(&owners));
            let outbox = Outbox::new(store, state, server, options.retention, owners);
            background.push(tokio::spawn(outbox.run(stop.clone())));
        }
        Ok(Some(Self {
            ledger,
            owners,
            store: own,
            writer,
            background,
        }))
    }

    /// When keys were last used, as it and the ledger of all replicas know it.
    pub(super) fn key_usage(&self, config: &Config) -> KeyUsage {
        KeyUsage::new(self.store.clone(), config.database.clone())
    }

    /// Gives it to the gateway; what is left are its thread and what follows it.
    pub(super) fn connect(self, gateway: &mut Gateway) -> LedgerTasks {
        gateway.keep_ledger(self.ledger, self.owners);
        (self.writer, self.background)
    }

    /// Its state.
    pub(super) fn state(&self) -> Arc<LedgerState> {
        Arc::clone(self.ledger.state())
    }
}
