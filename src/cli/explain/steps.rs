//! The steps of a decision, taken by the same parts as in the service, and what each of them says.

use std::fmt;
use std::net::IpAddr;
use std::time::SystemTime;

use super::request::SavedRequest;
use crate::access::{
    Asked, Client, Deployment, Endpoint, RequestBody, Target, Wanted, authorize_deployment,
    authorize_operation, limit_output,
};
use crate::auth::{
    Caller, Credential, IssuedKeys, PresentedCertificate, PresentedHeaders, describe_token,
};
use crate::envoy::Refusal;
use crate::policy::Policy;

/// The certificate of the connection, in Envoy's spellings.
pub(super) struct ForwardedCertificate {
    /// `x-forwarded-client-cert`
    header: String,
    /// `source.certificate`
    leaf: String,
}

impl ForwardedCertificate {
    /// A chain of PEM as Envoy would forward it; `None` where there is no certificate in it.
    pub(super) fn of_pem(pem: &[u8]) -> Option<Self> {
        let text = String::from_utf8_lossy(pem);
        let end = "-----END CERTIFICATE-----";
        let (first, _) = text.split_once(end)?;
        let begin = first.find("-----BEGIN CERTIFICATE-----")?;
        let leaf = format!("{}{end}\n", first.get(begin..)?);
        Some(Self {
            header: format!("Chain=\"{}\"", percent_encode(text.get(begin..)?)),
            leaf: percent_encode(&leaf),
        })
    }
}

/// A request, and what Envoy would say of its connection.
pub(super) struct Asking {
    pub(super) request: SavedRequest,
    pub(super) certificate: Option<ForwardedCertificate>,
    pub(super) source: Option<IpAddr>,
    pub(super) now: SystemTime,
}

/// What was found out, a line for each step.
#[derive(Default)]
pub(super) struct Explanation {
    steps: Vec<(String, String)>,
    refusal: Option<Refusal>,
}

impl Explanation {
    /// Adds a step.
    pub(super) fn note(&mut self, what: impl Into<String>, found: impl Into<String>) {
        self.steps.push((what.into(), found.into()));
    }

    /// Whether the request would reach a backend.
    pub(super) fn is_allowed(&self) -> bool {
        self.refusal.is_none()
    }
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self.steps.iter().map(|(what, _)| what.chars().count());
        let width = width.max().unwrap_or(0).max("the caller reads".len());
        for (what, found) in &self.steps {
            writeln!(f, "{what:<width$}  {found}")?;
        }
        match &self.refusal {
            None => writeln!(f, "{:<width$}  allowed", "decision"),
            Some(refusal) => {
                let Refusal { status, reason, .. } = refusal;
                writeln!(f, "{:<width$}  refused: {status} {reason}", "decision")?;
                writeln!(f, "{:<width$}  {}", "the caller reads", refusal.message())
            }
        }
    }
}

/// Decides as the service does.
pub(super) async fn explain(
    policy: &Policy,
    issued: Option<&IssuedKeys>,
    asking: &Asking,
    mut explanation: Explanation,
) -> Explanation {
    if let Err(refusal) = decide(policy, issued, asking, &mut explanation).await {
        explanation.refusal = Some(refusal);
    }
    explanation
}

async fn decide(
    policy: &Policy,
    issued: Option<&IssuedKeys>,
    asking: &Asking,
    to: &mut Explanation,
) -> Result<(), Refusal> {
    let caller = authenticate(policy, issued, asking, to).await?;
    let request = &asking.request;
    let target = Target::parse(&request.method, &request.target)?;
    let operation = target.endpoint.operation();
    let version = target.api_version.as_ref().map_or("v1", |it| it.as_str());
    to.note(
        "path",
        format!("operation {operation}, API version {version}"),
    );
    let options = &caller.client.options;
    options.check_version(&target)?;
    let headers = request.headers.iter();
    let headers = headers.map(|(name, value)| (name.as_str(), value.as_slice()));
    if let Some(user) = options.user_of_headers(headers)? {
        to.note(
            "user",
            format!("{user:?}, as the client says in its header"),
        );
    }
    let asked = Asked {
        operation,
        has: caller.entitlements(),
        source: asking.source,
        at: asking.now,
    };
    let deployment = deployment(&target, request, to)?;
    products(&caller.client, &asked, deployment.as_ref(), to);
    match deployment {
        Some(deployment) => {
            let grant = authorize_deployment(&caller.client, &asked, deployment, None)?;
            to.note("granted by", format!("product {}", grant.product.id));
        }
        None => authorize_operation(&caller.client, &asked)?,
    }
    check_body(&caller.client, &target, request, to)?;
    if let Endpoint::Stored { kind, id, .. } = &target.endpoint {
        to.note(
            format!("stored {}", kind.as_str()),
            format!("{id}: only the running service knows whose it is; another client's is 404"),
        );
    }
    Ok(())
}

async fn authenticate(
    policy: &Policy,
    issued: Option<&IssuedKeys>,
    asking: &Asking,
    to: &mut Explanation,
) -> Result<Caller, Refusal> {
    let mut presented = PresentedHeaders::default();
    for (name, value) in &asking.request.headers {
        presented.add(name, value);
    }
    let mut certificate = PresentedCertificate::default();
    if let Some(forwarded) = &asking.certificate {
        certificate = PresentedCertificate::new(&forwarded.leaf);
        certificate.add(forwarded.header.as_bytes());
        let chain = "a certificate, with the chain that was presented";
        let ignored = "a certificate, which is ignored: `listen.client_certificates` is not there";
        let found = match policy.certificates {
            Some(_) => chain,
            None => ignored,
        };
        to.note("credential", found);
    }
    match presented.credential() {
        Ok(Credential::Key(key)) => to.note("credential", describe_key(key)),
        Ok(Credential::Token(token)) => to.note("credential", describe_token(token)),
        Err(_) => {}
    }
    let caller = policy
        .authenticate(issued, &presented, &certificate, asking.now)
        .await
        .inspect_err(|error| to.note("caller", format!("none: {error}")))?;
    let user = caller
        .user
        .as_deref()
        .map(|user| format!(", user {user:?}"));
    let (client, kind) = (&caller.client.id, caller.credential);
    to.note(
        "caller",
        format!("client {client} by its {kind}{}", user.unwrap_or_default()),
    );
    let has = caller.entitlements();
    for (what, names) in [
        ("scopes", &has.scopes),
        ("roles", &has.roles),
        ("groups", &has.groups),
    ] {
        if !names.is_empty() {
            to.note(what, format!("{names:?}"));
        }
    }
    Ok(caller)
}

/// The deployment, from the path or from the body's `model`.
fn deployment(
    target: &Target,
    request: &SavedRequest,
    to: &mut Explanation,
) -> Result<Option<Deployment>, Refusal> {
    let Endpoint::Create { deployment, .. } = &target.endpoint else {
        return Ok(None);
    };
    let body = request.body.as_deref().filter(|body| !body.is_empty());
    let model = match body {
        Some(body) => {
            let operation = target.endpoint.operation();
            let parsed = RequestBody::read(operation, body)?;
            parsed.model_name().map(str::to_owned)
        }
        None => None,
    };
    match (deployment, model) {
        (Some(deployment), None) => {
            to.note("deployment", format!("{deployment}, from the path"));
            Ok(Some(deployment.clone()))
        }
        (Some(deployment), Some(model)) if model == deployment.as_str() => {
            to.note("deployment", format!("{deployment}, from path and body"));
            Ok(Some(deployment.clone()))
        }
        (Some(deployment), Some(model)) => {
            to.note(
                "deployment",
                format!("{deployment} in the path, which decides; {model:?} in the body"),
            );
            Ok(Some(deployment.clone()))
        }
        (None, Some(model)) => {
            to.note("deployment", format!("{model:?}, from the body's `model`"));
            Deployment::parse(&model)
                .map(Some)
                .ok_or_else(Refusal::model_name)
        }
        (None, None) => {
            to.note(
                "deployment",
                "the body's `model` names it: say it with --model",
            );
            Err(Refusal::model_missing())
        }
    }
}

/// What the client's options say of the body.
fn check_body(
    client: &Client,
    target: &Target,
    request: &SavedRequest,
    to: &mut Explanation,
) -> Result<(), Refusal> {
    let Some(body) = request.body.as_deref().filter(|body| !body.is_empty()) else {
        return Ok(());
    };
    let parsed = RequestBody::read(target.endpoint.operation(), body)?;
    if let Some(user) = client.options.user_of_body(&parsed, body)? {
        to.note("user", format!("{user:?}, as the client says in the body"));
    }
    if let Some(limit) = client.options.max_output_tokens {
        to.note(
            "output",
            format!("at most {limit} tokens, the client's limit"),
        );
        limit_output(limit, target, &parsed, body)?;
    }
    Ok(())
}

/// What each product of the client says.
fn products(
    client: &Client,
    asked: &Asked<'_>,
    deployment: Option<&Deployment>,
    to: &mut Explanation,
) {
    for product in &client.products {
        let found =
            match product.check(asked, deployment.map_or(Wanted::NotYetKnown, Wanted::Named)) {
                Ok(()) => "allows it".to_owned(),
                Err(reason) => format!("does not: {reason}"),
            };
        to.note(format!("product {}", product.id), found);
    }
}

/// The part of a key that is no secret.
fn describe_key(key: &str) -> String {
    match crate::auth::KeyDigest::of_presented(key) {
        Ok(_) => {
            let id = key.split('_').nth(1).unwrap_or_default();
            format!("a key of tollgate's, id {id}")
        }
        Err(error) => format!("a key, but {error}"),
    }
}

fn percent_encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len() * 2);
    for byte in text.bytes() {
        match byte.is_ascii_alphanumeric() {
            true => encoded.push(char::from(byte)),
            false => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    encoded
}
