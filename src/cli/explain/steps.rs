//! The steps of a decision, taken by the same parts as in the service, and what each of them reports.

use std::net::IpAddr;
use std::time::SystemTime;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::explanation::Explanation;
use super::limits::Looking;
use super::request::SavedRequest;
use crate::access::{Deployment, Endpoint};
use crate::auth::{
    Caller, Credential, IssuedKeys, KeyDigest, PresentedCertificate, PresentedHeaders,
    describe_token,
};
use crate::cli::remote::Control;
use crate::control::Intent;
use crate::gateway::{
    Head, Observer, Owners, Reason, Refusal, Rules, Step, check_content, decide_body, decide_head,
    intent,
};
use crate::policy::Policy;
use crate::telemetry::RequestContext;

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
        let encode = |text| utf8_percent_encode(text, NON_ALPHANUMERIC);
        Some(Self {
            header: format!("Chain=\"{}\"", encode(text.get(begin..)?)),
            leaf: encode(&leaf).to_string(),
        })
    }
}

/// A request, and what Envoy would say of its connection.
pub(super) struct Asking {
    pub(super) request: SavedRequest,
    pub(super) certificate: Option<ForwardedCertificate>,
    pub(super) address: Option<IpAddr>,
    pub(super) now: SystemTime,
    /// Where the running service may be asked for what is used of limits.
    pub(super) service: Option<Control>,
}

/// Decides as the service does: by the same functions, which report their steps.
pub(super) async fn explain(
    policy: &Policy,
    issued: Option<&IssuedKeys>,
    asking: &Asking,
    mut explanation: Explanation,
) -> Explanation {
    let decided = decide(policy, issued, asking, &mut explanation).await;
    let limited = match &decided {
        Ok(intent) => {
            let looking = Looking {
                policy,
                service: asking.service.as_ref(),
                intent,
            };
            looking.look(&mut explanation).await
        }
        Err(_) => Ok(()),
    };
    explanation.refusal = decided.err().or(limited.err());
    explanation
}

async fn decide(
    policy: &Policy,
    issued: Option<&IssuedKeys>,
    asking: &Asking,
    to: &mut Explanation,
) -> Result<Intent, Refusal> {
    let rules = Rules {
        policy,
        issued,
        owners: Owners(None),
    };
    let request = &asking.request;
    let head = Head {
        method: &request.method,
        path: &request.target,
        certificate: asking.certificate.as_ref().map_or("", |it| &it.leaf),
        address: asking.address,
    };
    let forwarded = asking.certificate.iter().filter(|it| !it.header.is_empty());
    let forwarded = forwarded.map(|it| ("x-forwarded-client-cert", it.header.as_bytes()));
    let headers = request.headers.iter();
    let headers = headers
        .map(|(name, value)| (name.as_str(), value.as_slice()))
        .filter(|(name, _)| *name != "x-forwarded-client-cert")
        .chain(forwarded);
    let mut context = RequestContext::at(asking.now);
    let allowed = decide_head(&rules, &head, headers.clone(), &mut context, to).await?;
    let decision = &allowed.decision;
    if !matches!(decision.target.endpoint, Endpoint::Create { .. }) {
        return Ok(intent(decision, None));
    }
    let Some(body) = &request.body else {
        if decision.grant.is_none() {
            to.note(
                "deployment",
                "the body's `model` names it: pass it with --model",
            );
            return Err(Reason::ModelMissing.into());
        }
        to.note("body", "none is given: what it asks for is not looked at");
        return Ok(intent(decision, None));
    };
    check_content(&decision.target, headers.clone())?;
    let content_type = headers
        .filter(|(name, _)| *name == "content-type")
        .find_map(|(_, value)| std::str::from_utf8(value).ok());
    let content_type = content_type.unwrap_or_default();
    let (owners, context) = (rules.owners, &mut context);
    let asked = decide_body(owners, decision, content_type, body, context, to)?;
    Ok(intent(decision, Some((&asked, body))))
}

impl Observer for Explanation {
    fn step(&mut self, step: Step<'_>) {
        match step {
            Step::Presented {
                headers,
                certificate,
                takes_certificates,
            } => self.presented(headers, certificate, takes_certificates),
            Step::Caller(Ok(caller)) => self.caller(caller),
            Step::Caller(Err(error)) => self.note("caller", format!("none: {error}")),
            Step::Target(target) => {
                let operation = target.endpoint.operation();
                let version = target.api_version.as_ref().map_or("v1", |it| it.as_str());
                let found = format!("operation {operation}, API version {version}");
                self.note("path", found);
            }
            Step::UserOfHeader(user) => {
                let found = format!("{user:?}, as the client says in its header");
                self.note("user", found);
            }
            Step::UserOfBody(user) => {
                let found = format!("{user:?}, as the client says in the body");
                self.note("user", found);
            }
            Step::Deployment { path, model } => self.deployment(path, model),
            Step::Products {
                client,
                asked,
                wanted,
                uses,
            } => {
                for product in &client.products {
                    let checked = product.check(asked, wanted);
                    let found = match checked.and_then(|()| product.check_uses(uses)) {
                        Ok(()) => "allows it".to_owned(),
                        Err(reason) => format!("does not: {reason}"),
                    };
                    self.note(format!("product {}", product.id), found);
                }
            }
            Step::Granted(grant) => {
                self.note("granted by", format!("product {}", grant.product.id));
            }
            Step::Stored(kind, id) => {
                let what = format!("stored {}", kind.as_str());
                let found = format!(
                    "{id}: only the running service knows whose it is; another client's is 404"
                );
                self.note(what, found);
            }
            Step::OutputLimit(limit) => {
                let found = format!("at most {limit} tokens, the client's limit");
                self.note("output", found);
            }
        }
    }
}

impl Explanation {
    fn presented(
        &mut self,
        headers: &PresentedHeaders<'_>,
        certificate: &PresentedCertificate<'_>,
        takes_certificates: bool,
    ) {
        if certificate.is_there() {
            let found = match takes_certificates {
                true => "a certificate, with the chain that was presented",
                false => {
                    "a certificate, which is ignored: `listen.client_certificates` is not there"
                }
            };
            self.note("credential", found);
        }
        match headers.credential() {
            Ok(Credential::Key(key)) => {
                self.note("credential", describe_key(key, headers.is_bearer()));
            }
            Ok(Credential::Token(token)) => self.note("credential", describe_token(token)),
            Err(_) => {}
        }
    }

    fn caller(&mut self, caller: &Caller) {
        let user = caller
            .user
            .as_deref()
            .map(|user| format!(", user {user:?}"));
        let (client, kind) = (&caller.client.id, caller.credential);
        let found = format!("client {client} by its {kind}{}", user.unwrap_or_default());
        self.note("caller", found);
        let has = caller.entitlements();
        for (what, names) in [
            ("scopes", &has.scopes),
            ("roles", &has.roles),
            ("groups", &has.groups),
        ] {
            if !names.is_empty() {
                self.note(what, format!("{names:?}"));
            }
        }
    }

    fn deployment(&mut self, path: Option<&Deployment>, model: Option<&str>) {
        let found = match (path, model) {
            (Some(path), None) => format!("{path}, from the path"),
            (Some(path), Some(model)) if model == path.as_str() => {
                format!("{path}, from path and body")
            }
            (Some(path), Some(model)) => {
                format!("{path}, from the path, which decides; {model:?} in the body")
            }
            (None, Some(model)) => format!("{model:?}, from the body's `model`"),
            (None, None) => "the body has no `model`".to_owned(),
        };
        self.note("deployment", found);
    }
}

/// The part of a key that is not secret.
fn describe_key(key: &str, is_bearer: bool) -> String {
    match KeyDigest::of_presented(key) {
        Ok(_) => {
            let id = key.split('_').nth(1).unwrap_or_default();
            format!("a key of tollgate's, id {id}")
        }
        Err(_) if is_bearer && !KeyDigest::is_meant(key) => {
            "neither a key of tollgate's nor a token with dots".to_owned()
        }
        Err(error) => format!("a key, but {error}"),
    }
}

#[cfg(test)]
mod tests;
