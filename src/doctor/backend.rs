//! One backend: its address, whose certificate it has, the clock, keys, and the gateway's identity there.

use super::call::{examine_identity, examine_keys};
use super::clock;
use super::finding::{Checks, Subject};
use super::identity::{self, Token};
use super::patience::{in_time, within};
use crate::auth::FetchError;
use crate::upstream::{Backend, Presented, Resource};

const REFUSED: &str = "a rule of tollgate's own keeps it from addresses of this machine behind a name (loopback), and from link-local, multicast, unspecified and metadata addresses";

/// Asks a backend with a key that is nobody's, and then with the gateway's identity.
pub(super) async fn examine(backend: &Backend, common: &Option<Token>) -> Checks {
    let mut subject = Subject::new(format!("backend {}", backend.name));
    let Some(resource) = &backend.resource else {
        let said = "only Envoy knows where it is: write `endpoint` to have it tried";
        subject.skipped("connection", said);
        return subject.into_checks();
    };
    if !examine_connection(resource, &mut subject).await {
        subject.skipped("access", "it can't be reached");
        return subject.into_checks();
    }
    let own = match &backend.identity {
        Some(config) => Some(identity::fetch(config, &mut subject).await),
        None => None,
    };
    match own.as_ref().unwrap_or(common) {
        Some(token) => examine_access(resource, token, &mut subject).await,
        None => subject.skipped("access", "there is no token to ask it with"),
    }
    subject.into_checks()
}

/// Whether it answers at all.
async fn examine_connection(resource: &Resource, subject: &mut Subject) -> bool {
    let endpoint = resource.endpoint();
    let error = match in_time(resource.list_models(&Presented::DummyKey)).await {
        Ok(Ok(answer)) => {
            let said = format!("{endpoint} answers, and its certificate is trusted");
            subject.ok("connection", said);
            clock::examine(answer.date.as_deref(), subject);
            examine_keys(&answer, subject);
            return true;
        }
        Ok(Err(FetchError::Address(..))) => {
            subject.error(
                "connection",
                format!("{endpoint} is not asked: {REFUSED}"),
                "see what the name in `endpoint` resolves to here; a server on this machine is tried where its address is written, such as https://127.0.0.1:8443",
            );
            return false;
        }
        Ok(Err(error)) => error.to_string(),
        Err(late) => late,
    };
    subject.error(
        "connection",
        format!("{endpoint} can't be reached: {error}"),
        remedy(&error),
    );
    false
}

async fn examine_access(resource: &Resource, token: &Token, subject: &mut Subject) {
    let presented = Presented::Identity(token.authorization.clone());
    let host = resource.endpoint().host_str().unwrap_or_default();
    match within(resource.list_models(&presented)).await {
        Ok(answer) => examine_identity(&answer, &token.claims, host, subject),
        Err(error) => {
            let advice = remedy(&error);
            subject.error("access", format!("it does not answer: {error}"), advice);
        }
    }
}

/// What to do where there is no connection, by what the connection's layers say.
fn remedy(error: &str) -> &'static str {
    let error = error.to_ascii_lowercase();
    let has = |part: &str| error.contains(part);
    if has("certificate") {
        "set `ca_file` of the backend to the authority that has issued its certificate, or see that no proxy is in between; a certificate for another name means another `endpoint`"
    } else if has("dns") || has("lookup") {
        "see that the name in `endpoint` is right, and that it resolves here: private endpoints need their DNS zone linked to this network"
    } else if has("refused") || has("unreachable") || has("timed out") || has("within") {
        "see that `endpoint` is right, and that firewalls and routes let this machine connect to it"
    } else {
        "see that `endpoint` is right, and that the resource is up"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_failure_of_a_connection_has_its_own_advice() {
        for (error, part) in [
            ("invalid peer certificate: UnknownIssuer", "ca_file"),
            (
                "dns error: failed to lookup address information",
                "DNS zone",
            ),
            (
                "tcp connect error: Connection refused (os error 111)",
                "firewalls",
            ),
            ("no answer within 10 s", "firewalls"),
            ("connection closed before message completed", "is up"),
        ] {
            assert!(remedy(error).contains(part), "{error}: {}", remedy(error));
        }
    }
}
