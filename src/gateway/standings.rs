//! What is used of all limits, for whoever operates the gateway.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::access::{Client, ClientId, Product};
use crate::limits::{Limits, Line, Rule, Standing, Subject};
use crate::policy::Policy;

/// A subject, and what is left of each of its limits.
pub(crate) struct SubjectStandings {
    pub(crate) subject: Subject,
    pub(crate) standings: Vec<Standing>,
}

/// Of every subject that the configuration names: all, deployments, products, clients, and the clients of
/// products. Of users, those of one client that have used something.
pub(crate) fn standings(
    limits: &Limits,
    policy: &Policy,
    users_of: Option<&ClientId>,
) -> Vec<SubjectStandings> {
    let mut all = Vec::new();
    let mut add = |subject: Subject, rules: &Arc<[Rule]>| {
        if rules.is_empty() {
            return;
        }
        let line = Line {
            subject,
            rules: Arc::clone(rules),
            percent: 100,
        };
        all.push(SubjectStandings {
            standings: limits.standing(&line, &policy.limits),
            subject: line.subject,
        });
    };
    add(Subject::Everything, &policy.limits.everything);
    let deployments: BTreeMap<_, _> = policy.limits.deployments.iter().collect();
    for (name, rules) in deployments {
        add(Subject::Deployment(Arc::clone(name)), rules);
    }
    let clients: BTreeMap<&ClientId, &Arc<Client>> = policy
        .clients
        .iter()
        .map(|client| (&client.id, client))
        .collect();
    let products: BTreeMap<_, &Arc<Product>> = clients
        .values()
        .flat_map(|client| &client.products)
        .map(|product| (&product.id, product))
        .collect();
    for (id, product) in products {
        add(Subject::Product(id.to_shared()), &product.limits.shared);
    }
    for (id, client) in clients {
        add(Subject::Client(id.to_shared()), &client.limits.own);
        for product in &client.products {
            let subject = Subject::ProductClient {
                product: product.id.to_shared(),
                client: id.to_shared(),
            };
            add(subject, &product.limits.per_client);
        }
        if users_of == Some(id) {
            for user in limits.users_of(id.as_str()) {
                add(user, &client.limits.per_user);
            }
        }
    }
    all
}
