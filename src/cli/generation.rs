//! What runs for as long as one configuration is in force: the tasks that keep its keys, lists and
//! the identity's token fresh.

use std::sync::Arc;

use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::auth::certificate::Authority;
use crate::config::{IdentityConfig, KeyRefresh};
use crate::policy::Policy;
use crate::upstream::{AzureTokenSource, Identity};

/// The tasks of one configuration.
pub(super) struct Generation {
    tasks: Vec<JoinHandle<()>>,
    stop: CancellationToken,
}

impl Generation {
    /// Starts them.
    pub(super) fn start(
        policy: &Policy,
        key_refreshes: Vec<KeyRefresh>,
        source: IdentityConfig,
        identity: &Arc<Identity>,
    ) -> Self {
        let stop = CancellationToken::new();
        let source = Arc::new(AzureTokenSource::new(source));
        let token = Arc::clone(identity).keep_fresh(source, stop.clone());
        let mut tasks = vec![tokio::spawn(token)];
        let authorities = policy.certificates.iter().flat_map(|it| it.authorities());
        let lists = |authority: &Authority| {
            let lists = Arc::clone(authority.revocation());
            tokio::spawn(lists.keep_fresh(authority.name.to_string(), stop.clone()))
        };
        tasks.extend(authorities.map(lists));
        tasks.extend(KeyRefresh::start(key_refreshes, &stop));
        Self { tasks, stop }
    }

    /// Ends them.
    pub(super) async fn end(self) {
        self.stop.cancel();
        for task in self.tasks {
            let _ = task.await;
        }
    }
}
