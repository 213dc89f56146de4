//! What runs for as long as one configuration is in force: the tasks that keep its keys, lists and
//! the identity's token fresh, and those that probe backends.

use std::sync::Arc;

use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::auth::certificate::Authority;
use crate::config::{IdentityConfig, KeyRefresh};
use crate::policy::Policy;
use crate::upstream::{AzureTokenSource, Identity, keep_probing};

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
        for (source, identity) in policy
            .pools
            .backends()
            .iter()
            .filter_map(|it| it.own_identity())
        {
            let source = Arc::new(AzureTokenSource::new(source));
            tasks.push(tokio::spawn(identity.keep_fresh(source, stop.clone())));
        }
        let probes = policy.pools.backends().iter().map(|backend| {
            let probing = keep_probing(Arc::clone(backend), Arc::clone(identity), stop.clone());
            tokio::spawn(probing)
        });
        tasks.extend(probes);
        let authorities = policy.certificates.iter().flat_map(|it| it.authorities());
        let of_peers = policy.mutual_tls.iter().map(|it| it.peers().authority());
        let authorities = authorities.chain(of_peers);
        let fetching = |authority: &Authority| {
            let name = || authority.name.to_string();
            let lists = Arc::clone(authority.revocation());
            let trust = Arc::clone(authority.trust());
            [
                tokio::spawn(lists.keep_fresh(name(), stop.clone())),
                tokio::spawn(trust.keep_fresh(name(), stop.clone())),
            ]
        };
        tasks.extend(authorities.flat_map(fetching));
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
