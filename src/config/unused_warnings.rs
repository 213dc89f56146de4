//! What nothing else in the file refers to.

use std::collections::HashSet;
use std::time::SystemTime;

use super::moment;
use super::problem::Problem;
use super::problems::Problems;
use super::spanned::Spanned;
use super::written::{Credential, File, Pool, Product};
use crate::access::{Deployment, Deployments};

/// Products, issuers, authorities, backends and pools that no request can come to, and keys that have expired.
pub(super) fn unused(file: &File) -> Problems {
    let mut warnings = Problems::new();
    let clients = || file.clients.iter();
    let products: HashSet<_> = clients()
        .flat_map(|it| &it.products.value)
        .map(|it| it.value.as_str())
        .collect();
    for product in &file.products {
        let help = "name it in the `products` of a client, or remove it";
        warnings.extend(named(
            &products,
            "product",
            &product.id,
            "no client has it",
            help,
        ));
    }
    let credentials = || clients().flat_map(|it| &it.credentials.value);
    let issuers = file.issuers.iter().filter(|it| it.default_client.is_none());
    let of_tokens = credentials().filter_map(|it| it.token.as_ref());
    let of_tokens: HashSet<_> = of_tokens.map(|it| it.value.issuer.value.as_str()).collect();
    for issuer in issuers {
        let help = "name it in a `token` of a client, give it a `default_client`, or remove it";
        let why = "no client has its tokens";
        warnings.extend(named(&of_tokens, "issuer", &issuer.name, why, help));
    }
    let of_certificates = credentials().filter_map(|it| it.certificate.as_ref());
    let of_certificates: HashSet<_> = of_certificates
        .filter_map(|it| it.value.authority.as_ref())
        .map(|it| it.value.as_str())
        .collect();
    for authority in &file.certificate_authorities {
        let help = "name it in a `certificate` of a client, or remove it";
        let why = "no client has a certificate of it";
        let what = "certificate authority";
        warnings.extend(named(&of_certificates, what, &authority.name, why, help));
    }
    warnings.extend(
        file.pools
            .iter()
            .filter_map(|pool| unasked(pool, &file.products)),
    );
    warnings.extend(idle_backends(file));
    warnings.extend(credentials().filter_map(|it| expired(it, SystemTime::now())));
    warnings
}

/// Something that has none of the names which are used.
fn named(
    used: &HashSet<&str>,
    what: &str,
    name: &Spanned<String>,
    why: &str,
    help: &str,
) -> Option<Problem> {
    let message = format!("{what} `{}` is unused: {why}", name.value);
    let is_used = used.contains(name.value.as_str());
    (!is_used).then(|| Problem::at(name.referenced, message).help(help))
}

/// A pool of a deployment that no product allows.
fn unasked(pool: &Pool, products: &[Product]) -> Option<Problem> {
    let name = &pool.deployment;
    let deployment = Deployment::parse(&name.value)?;
    let is_asked = products.iter().any(|it| allowed(it).contains(&deployment));
    let message = format!(
        "the pool of `{}` is unused: no product allows this deployment",
        name.value
    );
    let help = "add it to the `deployments` of a product, or remove the pool";
    (!is_asked).then(|| Problem::at(name.referenced, message).help(help))
}

/// Backends in no pool, where every deployment that is allowed has one.
fn idle_backends(file: &File) -> Problems {
    let pooled: HashSet<_> = file
        .pools
        .iter()
        .map(|it| it.deployment.value.as_str())
        .collect();
    let mut asked = file.products.iter().flat_map(|it| &it.deployments.value);
    let is_of_pools = |name: &Spanned<String>| pooled.contains(name.value.as_str());
    if file.pools.is_empty() || !asked.all(is_of_pools) {
        return Problems::new();
    }
    let members = file.pools.iter().flat_map(|it| &it.backends.value);
    let members: HashSet<_> = members.map(|it| it.name.value.as_str()).collect();
    let why = "no pool has it, and every deployment of a product has a pool";
    let help = "add it to a pool, or remove it";
    let backends = file.backends.value.iter();
    backends
        .filter_map(|it| named(&members, "backend", &it.name, why, help))
        .collect()
}

fn allowed(product: &Product) -> Deployments {
    let mut allowed = Deployments::default();
    for name in &product.deployments.value {
        // What is wrong with it is a mistake, and said.
        let _ = allowed.add(&name.value);
    }
    allowed
}

/// A key that can't be used any more.
fn expired(credential: &Credential, now: SystemTime) -> Option<Problem> {
    let until = credential.key.as_ref()?.not_after.as_ref()?;
    let is_over = moment::parse(&until.value)? <= now;
    let help = "remove it, or give the client another one: `tollgate key generate`";
    is_over.then(|| Problem::at(until.referenced, "this key has expired").help(help))
}

#[cfg(test)]
mod tests {
    use crate::config::tests::{GOOD, parse, warned};

    /// What the good file with more in it is warned of.
    fn warnings(more: &str) -> Vec<String> {
        let good = GOOD.replacen(
            "{ name: sweden }",
            "{ name: sweden, endpoint: \"https://a.example\" }",
            1,
        );
        warned(&parse(&format!("{good}{more}\n")).unwrap_or_else(|error| panic!("{error}")))
    }

    #[test]
    fn what_nothing_refers_to_is_said() {
        let root = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/integration/testdata/devices-root.pem"
        );
        let authority = format!(
            "certificate_authorities: [ {{ name: devices, trust: [\"{root}\"], revocation: {{ crl: off }} }} ]"
        );
        assert_eq!(warnings(""), Vec::<String>::new());
        for (more, said) in [
            (
                "issuers: [ { name: entra, issuer: \"https://a.example\", audiences: [a] } ]",
                "tollgate.yaml:14:20: issuer `entra` is unused: no client has its tokens (in issuers[0].name)",
            ),
            (
                "pools: [ { deployment: gpt-5, backends: [ { name: sweden } ] } ]",
                "tollgate.yaml:14:24: the pool of `gpt-5` is unused: no product allows this deployment",
            ),
        ] {
            let found = warnings(more);
            assert_eq!(found.len(), 1, "{found:?}");
            assert!(found.concat().contains(said), "{found:?}");
        }
        for (from, to, said) in [
            (
                "products:\n  - {",
                "products:\n  - { id: other, deployments: [x], operations: [embeddings] }\n  - {",
                "10:11: product `other` is unused: no client has it",
            ),
            (
                "- { name: sweden }",
                "- { name: sweden, endpoint: \"https://a.example\" }\n  - { name: east, endpoint: \"https://b.example\" }\npools: [ { deployment: gpt-4o, backends: [ { name: sweden } ] } ]",
                "13:13: backend `east` is unused: no pool has it",
            ),
            (
                "slot: primary",
                "slot: primary, not_after: 2020-01-01",
                "this key has expired",
            ),
            (
                "clients:\n",
                &format!("{authority}\nclients:\n"),
                "certificate authority `devices` is unused: no client has a certificate of it",
            ),
        ] {
            let mut text = GOOD.replacen(from, to, 1);
            if to.contains("certificate_authorities") {
                let pin = format!("pinned_sha256: \"{}\"", "b".repeat(64));
                text = text
                    .replacen("admin: ", "client_certificates: xfcc, admin: ", 1)
                    .replacen(
                        "    credentials:\n",
                        &format!("    credentials:\n      - {{ certificate: {{ {pin} }} }}\n"),
                        1,
                    );
            }
            let config = parse(&text).unwrap_or_else(|error| panic!("{error}"));
            let found = warned(&config);
            assert_eq!(found.len(), 1, "{found:?}");
            assert!(found.concat().contains(said), "{found:?}");
        }
    }
}
