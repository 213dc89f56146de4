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

/// What stays when another configuration comes into force.
#[derive(Clone, Debug, Default)]
pub(super) struct Identities {
    /// Towards Azure OpenAI.
    pub(super) azure: Arc<Identity>,
    /// Towards the servers of shared limits; without a token where they want none.
    pub(super) redis: Arc<Identity>,
}

/// Where their tokens come from by one configuration.
pub(super) struct Sources {
    pub(super) azure: IdentityConfig,
    pub(super) redis: Option<IdentityConfig>,
}

impl Generation {
    /// Starts them.
    pub(super) fn start(
        policy: &Policy,
        key_refreshes: Vec<KeyRefresh>,
        sources: Sources,
        Identities { azure, redis }: &Identities,
    ) -> Self {
        let stop = CancellationToken::new();
        let kept = |source, identity: &Arc<Identity>| {
            let source = Arc::new(AzureTokenSource::new(source));
            tokio::spawn(Arc::clone(identity).keep_fresh(source, stop.clone()))
        };
        let mut tasks = vec![kept(sources.azure, azure)];
        tasks.extend(sources.redis.map(|source| kept(source, redis)));
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
            let probing = keep_probing(Arc::clone(backend), Arc::clone(azure), stop.clone());
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
