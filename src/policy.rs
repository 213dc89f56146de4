//! What requests are decided by: everything that a change of the configuration can change while the
//! service runs. It is replaced as a whole; a request keeps the one that it began with.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use arc_swap::{ArcSwap, Guard};

use crate::access::{BodyLimits, Client, ClientId};
use crate::auth::certificate::CertifiedCaller;
use crate::auth::{
    AuthError, Caller, CertificateRing, Credential, CredentialKind, IssuedKeys, KeyDigest, KeyRing,
    PresentedCertificate, PresentedHeaders, Tokens,
};
use crate::usage::PriceList;

/// Clients, their credentials and what they may use.
pub struct Policy {
    /// Every client.
    pub clients: Clients,
    /// Their keys.
    pub keys: KeyRing,
    /// Authorities and the identities of clients; `None`: certificates are not accepted, whatever
    /// Envoy says of them.
    pub certificates: Option<Arc<CertificateRing>>,
    /// The issuers whose tokens are accepted.
    pub tokens: Arc<Tokens>,
    /// The backend's name in metrics, audit log and metadata.
    pub backend: Arc<str>,
    /// What usage costs.
    pub prices: Arc<PriceList>,
    /// How long live streams may go on after SIGTERM.
    pub drain_timeout: Duration,
    /// How large the bodies of requests may be.
    pub body_limits: BodyLimits,
}

impl Policy {
    /// Who is calling, by exactly one credential. Where certificates are accepted, one that comes
    /// with a key or a token is a second credential, valid or not; elsewhere it is not a credential.
    /// Only a token whose key is not there yet waits, and then for a moment.
    ///
    /// # Errors
    /// [`AuthError`], with the reason why nobody is.
    pub async fn authenticate(
        &self,
        issued: Option<&IssuedKeys>,
        presented: &PresentedHeaders<'_>,
        certificate: &PresentedCertificate<'_>,
        now: SystemTime,
    ) -> Result<Caller, AuthError> {
        if let Some(ring) = &self.certificates
            && certificate.is_there()
        {
            if presented.is_any() {
                return Err(AuthError::Ambiguous);
            }
            let CertifiedCaller { client, user } = ring.authenticate(certificate, now)?;
            return Ok(Caller {
                client,
                credential: CredentialKind::Certificate,
                user,
                entitlements: None,
            });
        }
        match presented.credential()? {
            Credential::Key(key) => self.authenticate_key(issued, key, now),
            Credential::Token(token) => Ok(self.tokens.authenticate(token, now).await?),
        }
    }

    /// What the configuration says of a key wins over what was issued at run time.
    fn authenticate_key(
        &self,
        issued: Option<&IssuedKeys>,
        presented: &str,
        now: SystemTime,
    ) -> Result<Caller, AuthError> {
        let digest = KeyDigest::of_presented(presented)?;
        match (self.keys.find(&digest, now), issued) {
            (Err(AuthError::UnknownKey), Some(issued)) => {
                issued.authenticate(&digest, now, |id| self.clients.get(id).map(Arc::clone))
            }
            (found, _) => found,
        }
    }

    /// Takes over what the last policy has fetched from the same sources: keys of issuers,
    /// revocation lists and trust anchors serve on while they are fetched anew.
    pub fn adopt(&self, last: &Self) {
        self.tokens.adopt(&last.tokens);
        if let (Some(ring), Some(last)) = (&self.certificates, &last.certificates) {
            ring.adopt(last);
        }
    }
}

/// Clients by their ids.
#[derive(Debug, Default)]
pub struct Clients(HashMap<ClientId, Arc<Client>>);

impl Clients {
    /// The client of this id.
    pub fn get(&self, id: &ClientId) -> Option<&Arc<Client>> {
        self.0.get(id)
    }

    /// Every client, in no order.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Client>> {
        self.0.values()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl FromIterator<Arc<Client>> for Clients {
    fn from_iter<I: IntoIterator<Item = Arc<Client>>>(clients: I) -> Self {
        let by_id = |client: Arc<Client>| (client.id.clone(), client);
        Self(clients.into_iter().map(by_id).collect())
    }
}

/// The policy in force. Readers load a pointer.
pub struct LivePolicy(ArcSwap<Policy>);

impl LivePolicy {
    /// Begins with this policy.
    pub fn new(policy: Policy) -> Self {
        Self(ArcSwap::from_pointee(policy))
    }

    /// The policy in force, for a moment: not to be held while waiting.
    pub fn load(&self) -> Guard<Arc<Policy>> {
        self.0.load()
    }

    /// The policy in force, to be kept for as long as a request takes.
    pub fn load_full(&self) -> Arc<Policy> {
        self.0.load_full()
    }

    /// Puts another policy in force.
    pub fn store(&self, policy: Policy) {
        self.0.store(Arc::new(policy));
    }
}
