//! The decision on a request's headers: who is calling, and may it ask for this?

use std::net::IpAddr;
use std::sync::Arc;
use std::time::SystemTime;

use super::observer::{Observer, Step};
use super::refusal::{Reason, Refusal};
use crate::access::{
    AccessRequest, Client, Endpoint, Grant, Known, ObjectKind, ObjectOwners, Operation, Stored,
    StoredAction, Target, Wanted, authorize_any_deployment, authorize_deployment,
    authorize_operation,
};
use crate::auth::{
    AuthError, Caller, Credential, IssuedKeys, PresentedCertificate, PresentedHeaders, Proof,
    Subprotocols,
};
use crate::policy::Policy;
use crate::telemetry::RequestContext;
use crate::upstream::Pools;

/// Where a browser's WebSocket puts its key, next to what the backend may see.
pub(crate) const SUBPROTOCOLS: &str = "sec-websocket-protocol";

/// What requests are decided by.
#[derive(Clone, Copy)]
pub(crate) struct Rules<'a> {
    pub(crate) policy: &'a Policy,
    /// `None`: no keys are issued at run time.
    pub(crate) issued: Option<&'a IssuedKeys>,
    pub(crate) owners: Owners<'a>,
}

/// Whose what is stored is; `None` where there is no running service that would know.
#[derive(Clone, Copy)]
pub(crate) struct Owners<'a>(pub(crate) Option<&'a ObjectOwners>);

impl Owners<'_> {
    /// What is known of something stored; `None` where there is nobody to know.
    ///
    /// # Errors
    /// The refusal of what is not the client's.
    pub(super) fn check(
        self,
        client: &Client,
        kind: ObjectKind,
        id: &str,
        observer: &mut impl Observer,
    ) -> Result<Option<Stored>, Refusal> {
        let Some(owners) = self.0 else {
            observer.step(Step::Stored(kind, id));
            return Ok(None);
        };
        let stored = owners.stored(kind, &client.id, id);
        match stored {
            Some(stored) => Ok(Some(stored)),
            None => Err(Refusal::object_not_found(kind, id)),
        }
    }

    /// Refuses to delete what has not been charged: afterwards nobody could ask what it has used.
    fn check_settled(self, client: &Client, kind: ObjectKind, id: &str) -> Result<(), Refusal> {
        let Some(owners) = self.0 else {
            return Ok(());
        };
        let known = |kind, id: &str| owners.known(kind, &client.id, id).unwrap_or_default();
        let (key, refused) = match (known(kind, id), kind) {
            (Known::Output(batch), _) => ((ObjectKind::Batch, batch), Reason::FileNotSettled),
            _ => ((kind, id.into()), Reason::ResponseNotSettled),
        };
        match known(key.0, &key.1).unsettled() {
            Some(work) if !work.is_counted() => {
                owners.hurry(key.0, &key.1);
                Err(refused.into())
            }
            _ => Ok(()),
        }
    }
}

/// The beginning of a request, as Envoy describes it.
pub(crate) struct Head<'a> {
    pub(crate) method: &'a str,
    /// The path with its query.
    pub(crate) path: &'a str,
    /// The certificate of the connection.
    pub(crate) certificate: &'a str,
    /// Where the caller is; a Unix socket is nowhere.
    pub(crate) address: Option<IpAddr>,
}

/// A request that its headers allow.
#[derive(Debug)]
pub(crate) struct Decision {
    pub(crate) caller: Caller,
    pub(crate) target: Target,
    /// Which backends have which deployment.
    pub(crate) pools: Arc<Pools>,
    /// The path with its query.
    pub(crate) path: String,
    /// Where the path names the deployment, what was granted.
    pub(crate) grant: Option<Grant>,
    /// Where it comes from.
    pub(crate) address: Option<IpAddr>,
    pub(crate) started: SystemTime,
    /// How large its body may be.
    pub(crate) max_body_bytes: usize,
    /// How large the part of its body that Envoy will hold is said to be, or else may be.
    pub(crate) announced_bytes: usize,
}

impl Decision {
    /// Refuses a body that is said to be too large, before it is waited for.
    ///
    /// # Errors
    /// The refusal.
    pub(crate) fn check_announced<'a>(
        &self,
        headers: impl Iterator<Item = (&'a str, &'a [u8])>,
    ) -> Result<(), Refusal> {
        self.check_size(announced(headers).unwrap_or(0))
    }

    /// Refuses a body that is too large. One that does not decide is not held, and may have any size.
    ///
    /// # Errors
    /// The refusal.
    pub(crate) fn check_size(&self, bytes: usize) -> Result<(), Refusal> {
        match self.holds_body() && bytes > self.max_body_bytes {
            true => Err(Refusal::about(Reason::BodyTooLarge, self.max_body_bytes)),
            false => Ok(()),
        }
    }

    /// The backend that has something stored, by its name of today; one that is gone keeps its own.
    pub(crate) fn backend_of(&self, stored: &Stored) -> Option<Arc<str>> {
        let keeper = self.pools.keeper(stored.backend.as_deref());
        keeper.map_or_else(|| stored.backend.clone(), |it| Some(Arc::clone(&it.name)))
    }

    /// Whether Envoy holds the body, which decides.
    const fn holds_body(&self) -> bool {
        matches!(self.target.endpoint, Endpoint::Create { .. })
    }

    /// What is asked, as products look at it: the path's operation, or that of a batch's lines.
    pub(crate) fn asked_for(&self, operation: Operation) -> AccessRequest<'_> {
        AccessRequest {
            operation,
            has: self.caller.entitlements(),
            address: self.address,
            at: self.started,
        }
    }
}

/// The decision, and what is passed on with it.
#[derive(Debug)]
pub(crate) struct Allowed {
    pub(crate) decision: Decision,
    /// What the caller has proved itself with.
    pub(crate) proof: Proof,
    /// The subprotocols of a realtime session that the backend may see.
    pub(crate) subprotocols: Vec<&'static str>,
}

/// Decides. What becomes known of the request is noted in its context, so that a refusal can say it.
///
/// # Errors
/// The refusal.
pub(crate) async fn decide_head<'a, H>(
    rules: &Rules<'_>,
    head: &Head<'a>,
    headers: H,
    context: &mut RequestContext,
    observer: &mut impl Observer,
) -> Result<Allowed, Refusal>
where
    H: Iterator<Item = (&'a str, &'a [u8])> + Clone,
{
    let target = Target::parse(head.method, head.path);
    // Another path may have a secret in it.
    let path = head.path.split_once('?').map_or(head.path, |it| it.0);
    context.place(Some(path).filter(|_| target.is_ok()), head.address);
    let is_session = target
        .as_ref()
        .is_ok_and(|target| matches!(target.endpoint, Endpoint::Realtime { .. }));
    if let Ok(target) = &target {
        context.target(target);
    }
    let presented = Presented::read(head, headers.clone(), is_session, context)?;
    let mut caller = authenticate(rules, &presented, context, observer).await?;
    let target = target?;
    observer.step(Step::Target(&target));
    let options = &caller.client.options;
    options.check_version(&target)?;
    if let Some(user) = options.user_of_headers(headers.clone())? {
        observer.step(Step::UserOfHeader(&user));
        caller.user = Some(user);
    }
    let mut decision = Decision {
        caller,
        max_body_bytes: rules.policy.body_limits.of(target.endpoint.operation()),
        announced_bytes: 0,
        target,
        path: head.path.to_owned(),
        pools: Arc::clone(&rules.policy.pools),
        grant: None,
        address: head.address,
        started: context.started,
    };
    decision.grant = authorize(rules, &decision, context, observer)?;
    decision.check_announced(headers.clone())?;
    if decision.holds_body() {
        decision.announced_bytes = announced(headers).unwrap_or(decision.max_body_bytes);
    }
    let proof = rules
        .policy
        .proof(&presented.headers, &presented.certificate)?;
    Ok(Allowed {
        decision,
        proof,
        subprotocols: presented.subprotocols.passed_on,
    })
}

/// How many bytes a body is said to have; more than any may have where that can't be read.
fn announced<'a>(headers: impl Iterator<Item = (&'a str, &'a [u8])>) -> Option<usize> {
    let mut lengths = headers.filter(|(name, _)| *name == "content-length");
    let (_, value) = lengths.next()?;
    let text = std::str::from_utf8(value).ok();
    Some(
        text.and_then(|text| text.parse().ok())
            .unwrap_or(usize::MAX),
    )
}

/// Decides again, by rules that may have changed since, for a caller that is still accepted. Who its user is
/// was said by the headers, which stay.
///
/// # Errors
/// The refusal.
pub(super) fn decide_again(
    rules: &Rules<'_>,
    decision: &mut Decision,
    caller: Caller,
    context: &mut RequestContext,
) -> Result<(), Refusal> {
    let end_users = &caller.client.options.end_users;
    let named = || caller.user.clone().and_then(|name| end_users.kept(name));
    let user = decision.caller.user.take().or_else(named);
    decision.caller = Caller { user, ..caller };
    context.caller(&decision.caller);
    decision.pools = Arc::clone(&rules.policy.pools);
    let target = &decision.target;
    decision.caller.client.options.check_version(target)?;
    decision.max_body_bytes = rules.policy.body_limits.of(target.endpoint.operation());
    decision.grant = authorize(rules, decision, context, &mut ())?;
    Ok(())
}

async fn authenticate(
    rules: &Rules<'_>,
    presented: &Presented<'_>,
    context: &mut RequestContext,
    observer: &mut impl Observer,
) -> Result<Caller, Refusal> {
    let takes_certificates = rules.policy.certificates.is_some();
    observer.step(Step::Presented {
        headers: &presented.headers,
        certificate: &presented.certificate,
        takes_certificates,
    });
    let mut caller = rules
        .policy
        .authenticate(
            rules.issued,
            &presented.headers,
            &presented.certificate,
            context.started,
        )
        .await;
    if let Ok(caller) = &mut caller {
        // Before anybody is told: `explain` says it, too.
        let end_users = &caller.client.options.end_users;
        caller.user = caller.user.take().and_then(|name| end_users.kept(name));
    }
    observer.step(Step::Caller(caller.as_ref()));
    match &caller {
        Ok(caller) => context.caller(caller),
        Err(error) => {
            context.credential = match error {
                AuthError::Token(_) => Some("token"),
                _ => presented.kind(takes_certificates),
            };
            context.detail = error.detail();
            let (headers, certificate) = (&presented.headers, &presented.certificate);
            let policy = rules.policy;
            context.refused(policy.describe(rules.issued, headers, certificate, error));
        }
    }
    Ok(caller?)
}

/// What can be said before the body is there.
fn authorize(
    rules: &Rules<'_>,
    decision: &Decision,
    context: &mut RequestContext,
    observer: &mut impl Observer,
) -> Result<Option<Grant>, Refusal> {
    let client: &Client = &decision.caller.client;
    let asked = &decision.asked_for(decision.target.endpoint.operation());
    let step = |wanted| Step::Products {
        client,
        asked,
        wanted,
        uses: None,
    };
    match &decision.target.endpoint {
        Endpoint::Create {
            deployment: Some(deployment),
            ..
        }
        | Endpoint::Realtime {
            deployment: Some(deployment),
        } => {
            observer.step(step(Wanted::Named(deployment)));
            let grant = authorize_deployment(client, asked, deployment.clone(), None)?;
            context.granted(&grant);
            observer.step(Step::Granted(&grant));
            Ok(Some(grant))
        }
        Endpoint::Realtime { deployment: None } => {
            observer.step(step(Wanted::Any));
            Ok(authorize_any_deployment(client, asked).map(|()| None)?)
        }
        Endpoint::Create { .. } | Endpoint::Models => {
            observer.step(step(Wanted::NotYetKnown));
            Ok(authorize_operation(client, asked).map(|()| None)?)
        }
        Endpoint::Stored { kind, id, action } => {
            observer.step(step(Wanted::NotYetKnown));
            authorize_operation(client, asked)?;
            rules.owners.check(client, *kind, id, observer)?;
            if *action == StoredAction::Delete {
                rules.owners.check_settled(client, *kind, id)?;
            }
            Ok(None)
        }
    }
}

/// What the headers of a request prove.
struct Presented<'a> {
    headers: PresentedHeaders<'a>,
    certificate: PresentedCertificate<'a>,
    /// Of a realtime session.
    subprotocols: Subprotocols<'a>,
}

impl<'a> Presented<'a> {
    fn read(
        head: &Head<'a>,
        headers: impl Iterator<Item = (&'a str, &'a [u8])>,
        is_session: bool,
        context: &mut RequestContext,
    ) -> Result<Self, Refusal> {
        let mut presented = Self {
            headers: PresentedHeaders::default(),
            certificate: PresentedCertificate::new(head.certificate),
            subprotocols: Subprotocols::default(),
        };
        for (name, value) in headers {
            presented.headers.add(name, value);
            match name {
                "x-forwarded-client-cert" => presented.certificate.add(value),
                "x-request-id" => {
                    context.request_id = Arc::from(String::from_utf8_lossy(value));
                }
                SUBPROTOCOLS if is_session => {
                    presented.subprotocols = Subprotocols::parse(value)?;
                }
                _ => {}
            }
        }
        if let Some(key) = presented.subprotocols.key {
            presented.headers.add_subprotocol(key);
        }
        Ok(presented)
    }

    /// What a caller that is not known presents, where it presents one thing.
    fn kind(&self, takes_certificates: bool) -> Option<&'static str> {
        if takes_certificates && self.certificate.is_there() {
            return (!self.headers.is_any()).then_some("certificate");
        }
        match self.headers.credential().ok()? {
            Credential::Key(_) => Some("key"),
            Credential::Token(_) => Some("token"),
        }
    }
}
