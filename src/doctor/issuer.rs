//! One issuer of tokens: its documents, fetched as the service does, and whether its keys are of use.

use super::finding::{Checks, Subject};
use super::patience::LONGEST;
use crate::auth::{FetchError, RefreshError, Tokens};
use crate::config::KeyRefresh;

/// Fetches the keys of an issuer once.
pub(super) async fn examine(refresh: &KeyRefresh, tokens: &Tokens) -> Checks {
    let mut subject = Subject::new(format!("issuer {}", refresh.issuer));
    let origin = refresh.source.origin();
    let fetched = tokio::time::timeout(LONGEST, refresh.source.fetch()).await;
    let keys = match fetched.unwrap_or(Err(RefreshError::Timeout)) {
        Ok(keys) => keys,
        Err(error) => {
            let said = format!("its keys can't be fetched: {error}");
            subject.error("keys", said, remedy(&error));
            return subject.into_checks();
        }
    };
    let (usable, skipped) = (keys.len(), keys.skipped());
    let of_others = match skipped {
        0 => String::new(),
        skipped => format!(", and {skipped} that are for something else"),
    };
    if usable == 0 {
        subject.error(
            "keys",
            format!("{origin} has no key that tokens can be verified with{of_others}"),
            "let the issuer publish signing keys, each with a `kid`: RSA from 2048 bits, P-256, P-384, P-521 or Ed25519",
        );
        return subject.into_checks();
    }
    subject.ok("keys", format!("{origin} has {usable} keys{of_others}"));
    let mut issuers = tokens.issuers().iter();
    let issuer = issuers.find(|it| it.name() == &refresh.issuer);
    match issuer {
        Some(issuer) if !keys.has_any_for(issuer.algorithms()) => subject.error(
            "algorithms",
            "none of its keys is for an algorithm that its tokens may be signed with",
            "set `algorithms` of the issuer to those that it signs with",
        ),
        _ => subject.ok("algorithms", "its keys fit the algorithms that are allowed"),
    }
    subject.into_checks()
}

fn remedy(error: &RefreshError) -> &'static str {
    match error {
        RefreshError::Discovery(_) => {
            "write `issuer` as the document itself has it, to the letter (a slash at the end counts), or set `discovery` to this issuer's own document"
        }
        RefreshError::KeySet(_) => "see that `jwks_uri` or the file is a JSON Web Key Set",
        RefreshError::File(_) => "see that the file is there, and that this user may read it",
        RefreshError::Timeout => "see that the issuer is up, and that it can be reached from here",
        RefreshError::Fetch(error) => match error {
            FetchError::Scheme(_) => {
                "let the issuer's documents be at https addresses; `allow_http: true` is for tests"
            }
            FetchError::Address(..) => {
                "list the issuer's addresses in `allow_addresses`, if it is meant to be in a private network"
            }
            FetchError::Status(_, status) if status.as_u16() == 404 => {
                "see that `issuer` or `discovery` is right: there is no such document"
            }
            FetchError::Status(_, status) if status.is_redirection() => {
                "write the address that it leads to: redirects are not followed"
            }
            FetchError::Status(..) => "see that the issuer is up",
            FetchError::TooLarge(..) => "see that the address is that of the issuer's document",
            FetchError::Transport(_, said) if said.contains("certificate") => {
                "set `ca_file` of the issuer to the authority that has issued its certificate"
            }
            FetchError::Transport(..) => {
                "see that the issuer is up, and that it can be reached from here"
            }
        },
    }
}
