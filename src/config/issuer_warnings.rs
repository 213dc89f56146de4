//! What an issuer's entry allows and may not mean.

use super::problem::Problem;
use super::written::{Client, Issuer, OneOrMany, TokenCredential};

/// Hosts of Entra ID, in the clouds that it has
/// (<https://learn.microsoft.com/entra/identity-platform/authentication-national-cloud>).
const ENTRA_HOSTS: [&str; 3] = [
    "https://login.microsoftonline.com/",
    "https://login.microsoftonline.us/",
    "https://login.partner.microsoftonline.cn/",
];
/// Claims that access tokens of Entra ID's version 2 have and ID tokens do not
/// (<https://learn.microsoft.com/entra/identity-platform/access-token-claims-reference>).
const OF_ACCESS_TOKENS: [&str; 3] = ["azp", "azpacr", "scp"];

/// Keys that come without TLS are those of whoever is on the way.
pub(super) fn plain_http(issuer: &Issuer) -> Option<Problem> {
    let name = &issuer.name;
    let message = format!(
        "issuer `{}` has `allow_http`: whoever is on the way to it can replace its keys",
        name.value
    );
    let help = "it is for tests; fetch keys over https";
    issuer
        .allow_http
        .then(|| Problem::at(name.referenced, message).help(help))
}

/// In version 2 of Entra ID's tokens, the audience of an access token is the registration's client id, and so
/// is that of an ID token for the same registration. An ID token can have roles, too.
pub(super) fn id_tokens(issuer: &Issuer, clients: &[Client]) -> Option<Problem> {
    let address = issuer.issuer.value.as_str();
    let is_entra = ENTRA_HOSTS.iter().any(|host| address.starts_with(host));
    if !is_entra || !address.trim_end_matches('/').ends_with("/v2.0") {
        return None;
    }
    let tells = |name: &str| OF_ACCESS_TOKENS.contains(&name);
    if issuer.required_claims.keys().any(|name| tells(name)) {
        return None;
    }
    let maps = |mapped: Option<&OneOrMany>, default: &str| match mapped {
        None => tells(default),
        Some(OneOrMany::One(name)) => tells(name),
        Some(OneOrMany::Many(names)) => matches!(names.as_slice(), [name] if tells(name)),
    };
    let has_client = maps(issuer.claims.client.as_ref(), "azp");
    let is_open = |token: &TokenCredential| {
        let by_client = token.client.is_some() && has_client;
        token.issuer.value == issuer.name.value
            && !by_client
            && !token.claims.keys().any(|name| tells(name))
    };
    let mut credentials = clients.iter().flat_map(|it| &it.credentials.value);
    let open_rule = credentials.any(|it| it.token.as_ref().is_some_and(|it| is_open(&it.value)));
    let open_default = issuer.default_client.as_ref().is_some_and(|it| {
        let asks_for_scopes = !it.requires.scopes.is_empty();
        !asks_for_scopes || !maps(issuer.claims.scopes.as_ref(), "scope")
    });
    let message = format!(
        "issuer `{}`: an ID token can pass as an access token, for both have the same `aud`",
        issuer.name.value
    );
    let help =
        "add `required_claims: { azp: [] }`, which ID tokens do not have: docs/authentication.md";
    (open_rule || open_default).then(|| Problem::at(issuer.name.referenced, message).help(help))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use crate::config::tests::read;

    /// An issuer at an address, with more members, and a client with a credential.
    fn warnings(address: &str, more: &str, credential: &str) -> Vec<String> {
        let text = format!(
            r#"
listen: {{ grpc: "unix:/run/tollgate/tollgate.sock", admin: "127.0.0.1:9090" }}
identity: {{ managed_identity: {{}} }}
issuers:
  - {{ name: it, issuer: "{address}", audiences: [a]{more} }}
clients:
  - {{ id: app, credentials: [ {{ token: {{ issuer: it, {credential} }} }} ], products: [standard] }}
products:
  - {{ id: standard, deployments: [gpt-4o], operations: [chat.completions] }}
backends: [ {{ name: sweden }} ]
"#
        );
        let config = read("t.yaml", &text, Path::new("."));
        crate::config::tests::warned(&config.unwrap_or_else(|error| panic!("{error}")))
    }

    #[test]
    fn an_issuer_without_tls_is_named() {
        let found = warnings("http://idp.example", ", allow_http: true", "client: a");
        assert!(found.len() == 1 && found[0].contains("issuer `it` has `allow_http`"));
        let found = warnings("https://idp.example", "", "client: a");
        assert!(found.is_empty(), "{found:?}");
    }

    #[test]
    fn id_tokens_that_pass_as_access_tokens_of_entra_id_are_named() {
        const V2: &str =
            "https://login.microsoftonline.com/11111111-1111-4111-8111-111111111111/v2.0";
        const V1: &str = "https://sts.windows.net/11111111-1111-4111-8111-111111111111/";
        let default = ", default_client: { client: app, requires: { roles: [x] } }";
        let scoped =
            ", claims: { scopes: scp }, default_client: { client: app, requires: { scopes: [x] } }";
        let all_scoped = ", default_client: { client: app, requires: { scopes: [x] } }";
        let asking = format!("{default}, required_claims: {{ azp: [] }}");
        for (address, more, credential, expected) in [
            (V2, default, "client: a", true),
            (V2, "", "client: a", false),
            (V2, ", claims: { client: aud }", "client: a", true),
            (V2, "", "claims: { tid: x }", true),
            (V2, "", "claims: { azp: x }", false),
            (V2, scoped, "client: a", false),
            (V2, all_scoped, "client: a", true),
            (V2, asking.as_str(), "claims: { tid: x }", false),
            (V1, default, "client: a", false),
            ("https://idp.example/v2.0", default, "client: a", false),
        ] {
            let found = warnings(address, more, credential);
            let is_named = found.iter().any(|it| it.contains("an ID token can pass"));
            assert_eq!(
                is_named, expected,
                "{address}{more} {credential}: {found:?}"
            );
        }
    }
}
