//! What of backends and pools is allowed and may not be meant.

use std::collections::BTreeSet;

use super::pins::pins;
use super::problem::Problem;
use super::problems::Problems;
use super::written::{File, Pool};
use crate::upstream::is_choice;

/// A request on /openai/v1/ has one body for all its attempts, so it goes on only where the name in it is known.
pub(super) fn names(pool: &Pool) -> Option<Problem> {
    let called = &pool.deployment;
    let members = pool.backends.value.iter();
    let name = |member: &super::written::Member| {
        let own = member.deployment.as_ref();
        own.map_or(called.value.clone(), |it| it.value.clone())
    };
    let names: BTreeSet<String> = members.clone().map(name).collect();
    let backends: BTreeSet<&String> = members.map(|it| &it.name.value).collect();
    if names.len() < 2 || backends.len() < 2 {
        return None;
    }
    let names: Vec<_> = names.into_iter().collect();
    let message = format!(
        "backends call `{}` by different names ({}): a request on /openai/v1/ that one fails does not go on to one with another name",
        called.value,
        names.join(", ")
    );
    let help = "give the deployments one name, or let clients use paths that name the deployment; the next request goes to the next backend";
    Some(Problem::at(called.referenced, message).help(help))
}

/// A deployment without a pool is asked for at every backend that its product may use, also where it is not.
pub(super) fn without_pool(file: &File) -> Option<Problem> {
    let backends = &file.backends.value;
    let has_pool = |name: &str| file.pools.iter().any(|it| it.deployment.value == name);
    let has_choice = |product: &&super::written::Product| {
        let allowed = pins(product, backends, &mut Problems::new());
        allowed.map_or(backends.len(), |it| it.len()) > 1
    };
    let products = file.products.iter().filter(has_choice);
    let listed = products.flat_map(|it| &it.deployments.value);
    let mut without = listed.filter(|it| !it.value.contains('*') && !has_pool(&it.value));
    let first = without.next()?;
    let mut names: BTreeSet<&str> = without.map(|it| &*it.value).collect();
    names.insert(&first.value);
    let names: Vec<_> = names.into_iter().collect();
    let message = format!(
        "no pool of {}: every backend is asked for it, by this name",
        names.join(", ")
    );
    let help = "write a pool with the backends that have it, unless all of them do";
    Some(Problem::at(first.referenced, message).help(help))
}

/// Envoy's configuration for a choice has the address of each backend, and a request goes to no other.
pub(super) fn without_endpoint(file: &File) -> Option<Problem> {
    let backends = &file.backends.value;
    let has_choice = is_choice(backends.len(), file.pools.len());
    let without = backends.iter().find(|it| it.endpoint.is_none())?;
    let message = format!(
        "the backend `{}` has no `endpoint`: there is a choice of backends, and `tollgate envoy` can't write it",
        without.name.value
    );
    let help = "write `endpoint: https://NAME.openai.azure.com`";
    has_choice.then(|| Problem::at(without.name.referenced, message).help(help))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use crate::config::tests::read;

    fn warnings(more: &str) -> Vec<String> {
        let text = format!(
            "listen: {{ grpc: \"127.0.0.1:9000\", admin: \"127.0.0.1:9090\" }}\nidentity: {{ managed_identity: {{}} }}\n{more}\n"
        );
        let config = read("tollgate.yaml", &text, Path::new("/nowhere"));
        let config = config.unwrap_or_else(|error| panic!("{error}"));
        let mut warnings = crate::config::tests::warned(&config);
        warnings.retain(|it| !it.contains("is unused"));
        warnings
    }

    #[test]
    fn names_that_differ_are_said_where_there_is_somebody_to_go_on_to() {
        let with = |members: &str| {
            warnings(&format!(
                "backends: [ {{ name: a, endpoint: \"https://a.example\" }}, {{ name: b, endpoint: \"https://b.example\" }} ]\npools: [ {{ deployment: gpt-4o, backends: [ {members} ] }} ]"
            ))
        };
        let found = with("{ name: a, deployment: gpt-4o-ptu }, { name: b }").concat();
        let said =
            "tollgate.yaml:4:24: backends call `gpt-4o` by different names (gpt-4o, gpt-4o-ptu)";
        assert!(found.contains(said), "{found}");
        for alike in [
            "{ name: a }, { name: b }",
            "{ name: a, deployment: x }, { name: b, deployment: x }",
            "{ name: a, deployment: x }, { name: a, deployment: y }",
        ] {
            assert_eq!(with(alike), Vec::<String>::new(), "{alike}");
        }
    }

    #[test]
    fn a_listed_deployment_without_a_pool_is_said_where_there_is_a_choice() {
        let with = |backends: &str, product: &str| {
            warnings(&format!(
                "backends: [ {backends} ]\npools: [ {{ deployment: gpt-4o, backends: [ {{ name: a }} ] }} ]\nproducts: [ {{ id: p, operations: [chat.completions], {product} }} ]"
            ))
        };
        let two = "{ name: a, endpoint: \"https://a.example\" }, { name: b, endpoint: \"https://b.example\" }";
        let found = with(two, "deployments: [gpt-4o, o3, \"x*\", o1]").concat();
        assert!(found.contains("tollgate.yaml:5:"), "{found}");
        assert!(found.contains("no pool of o1, o3: "), "{found}");
        for (backends, product) in [
            (
                "{ name: a, endpoint: \"https://a.example\" }",
                "deployments: [o3]",
            ),
            (two, "deployments: [gpt-4o, \"*\"]"),
            (two, "deployments: [o3], backends: { names: [b] }"),
        ] {
            let found = with(backends, product);
            assert_eq!(found, Vec::<String>::new(), "{product}");
        }
    }

    #[test]
    fn a_choice_needs_the_address_of_each_backend() {
        for (more, is_said) in [
            ("backends: [ { name: a } ]", false),
            (
                "backends: [ { name: a, endpoint: \"https://a.example\" }, { name: b } ]",
                true,
            ),
            (
                "backends: [ { name: b } ]\npools: [ { deployment: gpt-4o, backends: [ { name: b } ] } ]",
                true,
            ),
        ] {
            let said = warnings(more).concat();
            assert_eq!(
                said.contains("the backend `b` has no `endpoint`"),
                is_said,
                "{said}"
            );
        }
    }
}
