//! What requests are decided by: everything that a change of the configuration can change while the
//! service runs. It is replaced as a whole; a request keeps the one that it began with.

use std::collections::{BTreeSet, HashMap};
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, SystemTime};

use arc_swap::{ArcSwap, Guard};

use crate::access::{BodyLimits, Client, ClientId, ObjectKind};
use crate::auth::certificate::CertifiedCaller;
use crate::auth::{
    AuthError, Caller, CertificateRing, Credential, CredentialKind, Described, IssuedKeys,
    KeyDigest, KeyRing, MutualTls, PresentedCertificate, PresentedHeaders, PresentedKey, Proof,
    SealKeys, TokenError, Tokens,
};
use crate::content::ContentRules;
use crate::events::Target;
use crate::limits::{LimitSettings, Period, Rule, Span};
use crate::upstream::Pools;
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
    /// The backends, and which of them have which deployment.
    pub pools: Arc<Pools>,
    /// What the gateway asks backends for itself.
    pub background: Background,
    /// What usage costs.
    pub prices: Arc<PriceList>,
    /// How long live streams may go on after SIGTERM.
    pub drain_timeout: Duration,
    /// What decisions are sealed with that other replicas may take; `None`: none leaves this process.
    pub decision_keys: Option<Arc<SealKeys>>,
    /// Who may connect over the network; `None`: nobody does.
    pub mutual_tls: Option<Arc<MutualTls>>,
    /// How large the bodies of requests may be.
    pub body_limits: BodyLimits,
    /// Callers see the headers that tell of the instance, which all of them share.
    pub keeps_instance_headers: bool,
    /// The limits of all clients together, and how limits are counted.
    pub limits: Arc<LimitSettings>,
    /// Where thresholds of quotas are sent.
    pub events: Option<Arc<Target>>,
    /// What is written of prompts and answers, where a product has them written.
    pub content: Arc<ContentRules>,
}

/// How the gateway asks a backend itself, and what it lets clients leave open.
#[derive(Clone, Debug)]
pub struct Background {
    /// How soon it asks for a response, and how long it waits at first until it asks again.
    pub poll_every: Duration,
    /// The same for a batch.
    pub poll_batches_every: Duration,
    /// How many responses and batches a client may have open.
    pub max_per_client: usize,
}

impl Background {
    /// How soon it asks for something of this kind.
    pub fn poll_every(&self, kind: ObjectKind) -> Duration {
        match kind {
            ObjectKind::Batch => self.poll_batches_every,
            _ => self.poll_every,
        }
    }
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
            return certified(ring, certificate, now);
        }
        match presented.credential()? {
            Credential::Key(key) => match PresentedKey::parse(key) {
                Ok(key) => self.authenticate_key(issued, &key, now),
                // Where tokens are accepted, it can be one that only its issuer can read.
                Err(_) if !KeyDigest::is_meant(key) && self.takes_tokens_in(presented) => {
                    Err(TokenError::Opaque.into())
                }
                Err(error) => Err(error.into()),
            },
            Credential::Token(token) => Ok(self.tokens.authenticate(token, now).await?),
        }
    }

    /// What is known of a credential that [`Self::authenticate`] has refused.
    pub fn describe(
        &self,
        issued: Option<&IssuedKeys>,
        presented: &PresentedHeaders<'_>,
        certificate: &PresentedCertificate<'_>,
        refused: &AuthError,
    ) -> Described {
        if self.certificates.is_some() && certificate.is_there() {
            return certificate.described();
        }
        let described = match (presented.credential(), refused) {
            (Ok(Credential::Key(key)), _) => PresentedKey::parse(key)
                .ok()
                .and_then(|key| self.described_key(issued, &key)),
            (Ok(Credential::Token(token)), AuthError::Token(refused)) => {
                Some(self.tokens.described(token, refused))
            }
            _ => None,
        };
        described.unwrap_or_default()
    }

    /// What is known of a credential that [`Self::authenticate_proof`] has refused.
    pub fn describe_proof(
        &self,
        issued: Option<&IssuedKeys>,
        proof: &Proof,
        refused: &AuthError,
    ) -> Described {
        let described = match (proof, refused) {
            (Proof::Key(key), _) => self.described_key(issued, key),
            (Proof::Token(token), AuthError::Token(refused)) => {
                Some(self.tokens.described(token, refused))
            }
            (Proof::Certificate(kept), _) => Some(kept.as_presented().described()),
            (Proof::Token(_), _) => None,
        };
        described.unwrap_or_default()
    }

    fn described_key(&self, issued: Option<&IssuedKeys>, key: &PresentedKey) -> Option<Described> {
        let configured = self.keys.described(key.digest()).map(|known| Described {
            key_id: Some(key.id().into()),
            ..known
        });
        configured.or_else(|| issued?.described(key.digest()))
    }

    fn takes_tokens_in(&self, presented: &PresentedHeaders<'_>) -> bool {
        presented.is_bearer() && !self.tokens.issuers().is_empty()
    }

    /// What a caller that [`Self::authenticate`] has accepted is looked at again by.
    ///
    /// # Errors
    /// [`AuthError`] where there is no credential.
    pub fn proof(
        &self,
        presented: &PresentedHeaders<'_>,
        certificate: &PresentedCertificate<'_>,
    ) -> Result<Proof, AuthError> {
        if self.certificates.is_some() && certificate.is_there() {
            return Ok(Proof::Certificate(certificate.keep()));
        }
        Ok(match presented.credential()? {
            Credential::Key(key) => Proof::Key(PresentedKey::parse(key)?),
            Credential::Token(token) => Proof::Token(token.to_owned().into()),
        })
    }

    /// Who is calling by a credential that was accepted before, perhaps by another policy. Never waits:
    /// a token whose issuer's keys are not here any more counts as one that can't be checked now.
    ///
    /// # Errors
    /// [`AuthError`], with the reason why it is accepted no more.
    pub fn authenticate_again(
        &self,
        issued: Option<&IssuedKeys>,
        proof: &Proof,
        now: SystemTime,
    ) -> Result<Caller, AuthError> {
        let checking = pin!(self.authenticate_proof(issued, proof, now));
        match checking.poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(caller) => caller,
            Poll::Pending => Err(TokenError::IssuerUnavailable.into()),
        }
    }

    /// Who is calling by a credential that was accepted before, by another replica. As [`Self::authenticate`] it waits
    /// for a token whose key is not there yet.
    ///
    /// # Errors
    /// [`AuthError`], with the reason why it is not accepted here.
    pub async fn authenticate_proof(
        &self,
        issued: Option<&IssuedKeys>,
        proof: &Proof,
        now: SystemTime,
    ) -> Result<Caller, AuthError> {
        match proof {
            Proof::Key(key) => self.authenticate_key(issued, key, now),
            Proof::Certificate(kept) => match &self.certificates {
                Some(ring) => certified(ring, &kept.as_presented(), now),
                None => Err(AuthError::Missing),
            },
            Proof::Token(token) => Ok(self.tokens.authenticate(token, now).await?),
        }
    }

    /// What the configuration says of a key wins over what was issued at run time.
    fn authenticate_key(
        &self,
        issued: Option<&IssuedKeys>,
        key: &PresentedKey,
        now: SystemTime,
    ) -> Result<Caller, AuthError> {
        let digest = key.digest();
        let caller = match (self.keys.find(digest, now), issued) {
            (Err(AuthError::UnknownKey), Some(issued)) => {
                issued.authenticate(digest, now, |id| self.clients.get(id).map(Arc::clone))
            }
            (found, _) => found,
        }?;
        Ok(Caller {
            key: Some(*key),
            ..caller
        })
    }

    /// The periods that quotas are for.
    pub fn quotas(&self) -> BTreeSet<Period> {
        let own = self.clients.iter().flat_map(|client| {
            let products = client.products.iter().map(|product| &product.limits);
            let of_products = products.flat_map(|it| [&it.shared, &it.per_client]);
            of_products.chain([&client.limits.own, &client.limits.per_user])
        });
        let deployments = self.limits.deployments.values();
        let all = own.chain(deployments).chain([&self.limits.everything]);
        let period = |rule: &Rule| match rule.meter.span {
            Span::Period(period) => Some(period),
            _ => None,
        };
        all.flat_map(|rules| rules.iter().filter_map(period))
            .collect()
    }

    /// Takes over what the last policy has fetched from the same sources: keys of issuers,
    /// revocation lists and trust anchors serve on while they are fetched anew.
    pub fn adopt(&self, last: &Self) {
        self.tokens.adopt(&last.tokens);
        self.pools.adopt(&last.pools);
        if let (Some(tls), Some(last)) = (&self.mutual_tls, &last.mutual_tls) {
            tls.peers().adopt(last.peers());
        }
        if let (Some(ring), Some(last)) = (&self.certificates, &last.certificates) {
            ring.adopt(last);
        }
    }
}

fn certified(
    ring: &CertificateRing,
    certificate: &PresentedCertificate<'_>,
    now: SystemTime,
) -> Result<Caller, AuthError> {
    let CertifiedCaller { client, user } = ring.authenticate(certificate, now)?;
    Ok(Caller {
        client,
        credential: CredentialKind::Certificate,
        key: None,
        user,
        entitlements: None,
    })
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
