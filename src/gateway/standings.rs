//! What is used of all limits, for whoever operates the gateway.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::access::{Client, ClientId, Product};
use crate::control::SubjectStandings;
use crate::limits::{Limits, Line, Rule, Subject};
use crate::policy::Policy;

/// Of every subject that the configuration names: all, deployments, products, clients, and the clients of
/// products.
pub(crate) fn standings(limits: &Limits, policy: &Policy) -> Vec<SubjectStandings> {
    let mut all = Vec::new();
    let mut add = |subject: Subject, rules: &Arc<[Rule]>| {
        if !rules.is_empty() {
            all.push(of_subject(limits, policy, subject, rules));
        }
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
    }
    all
}

/// Those of the users of a client that have used something: the ones that have used the largest part of a limit
/// first, at most so many; and how many are left out.
pub(super) fn of_users(
    limits: &Limits,
    policy: &Policy,
    client: &Client,
    at_most: usize,
) -> (Vec<SubjectStandings>, usize) {
    let rules = &client.limits.per_user;
    if rules.is_empty() {
        return (Vec::new(), 0);
    }
    let users = limits.users_of(client.id.as_str()).into_iter();
    let mut all: Vec<_> = users
        .map(|user| of_subject(limits, policy, user, rules))
        .collect();
    all.sort_by_cached_key(|it| std::cmp::Reverse(largest_part(it)));
    let left_out = all.len().saturating_sub(at_most);
    all.truncate(at_most);
    (all, left_out)
}

/// How much of the limit of which most is used, in millionths.
fn largest_part(of: &SubjectStandings) -> u128 {
    let parts = of.standings.iter().map(|standing| {
        let used = u128::from(standing.used) * 1_000_000;
        used.checked_div(u128::from(standing.rule.most))
    });
    parts.flatten().max().unwrap_or(0)
}

fn of_subject(
    limits: &Limits,
    policy: &Policy,
    subject: Subject,
    rules: &Arc<[Rule]>,
) -> SubjectStandings {
    let line = Line {
        subject,
        rules: Arc::clone(rules),
        percent: 100,
    };
    SubjectStandings {
        standings: limits.standing(&line, &policy.limits),
        subject: line.subject,
    }
}
