//! What operators ask of the limits: what is used of them, and what would become of a request.

use std::sync::Arc;

use super::body::BodyDecision;
use super::decide::Decision;
use super::limited::wants_of;
use super::standings::{of_users, standings};
use super::state::Gateway;
use crate::access::{Client, ClientId, Deployment, ProductId};
use crate::control::{Foreseen, IntendedBody, Intent, LimitBook, ListedLimits, SubjectStandings};
use crate::limits::{Away, Limits, Subject};
use crate::policy::Policy;
use crate::usage::Prompt;

impl LimitBook for Gateway {
    fn list(&self, client: Option<&ClientId>, max_users: usize) -> Option<ListedLimits> {
        let policy = self.policy();
        let mut listed = ListedLimits {
            subjects: standings(&self.limits, &policy),
            currency: policy.prices.currency().map(Arc::clone),
            time_zone: policy.limits.calendar.zone().to_owned(),
            users_left_out: 0,
            away: away(&self.limits),
        };
        if let Some(id) = client {
            let client = policy.clients.get(id)?;
            listed.subjects.retain(|it| counts_for(client, &it.subject));
            let (users, left_out) = of_users(&self.limits, &policy, client, max_users);
            listed.subjects.extend(users);
            listed.users_left_out = left_out;
        }
        Some(listed)
    }

    fn foresee(&self, intent: &Intent) -> Option<Foreseen> {
        foresee(&self.limits, &self.policy(), intent)
    }
}

fn away(limits: &Limits) -> Option<Away> {
    limits.shared_state()?.away
}

/// Whether requests of a client can count for a subject.
fn counts_for(client: &Client, subject: &Subject) -> bool {
    match subject {
        Subject::Everything | Subject::Deployment(_) => true,
        Subject::Product(name) => {
            let mut products = client.products.iter();
            products.any(|product| product.id.as_str() == &**name)
        }
        Subject::ProductClient { client: id, .. }
        | Subject::Client(id)
        | Subject::User { client: id, .. } => client.id.as_str() == &**id,
    }
}

/// A request as its limits see it; with a body, and what that asks for, where it has one that is known.
pub(crate) fn intent(decision: &Decision, body: Option<(&BodyDecision, &[u8])>) -> Intent {
    let caller = &decision.caller;
    let mut intent = Intent {
        client: caller.client.id.to_shared(),
        product: decision.grant.as_ref().map(|it| it.product.id.to_shared()),
        deployment: decision.grant.as_ref().map(|it| it.deployment.to_shared()),
        user: caller.user.clone(),
        operation: decision.target.endpoint.operation(),
        body: None,
    };
    if let Some((asked, body)) = body {
        intent.product = asked.product.as_ref().map(ProductId::to_shared);
        intent.deployment = asked.deployment.as_ref().map(Deployment::to_shared);
        intent.user = asked.user.clone().or(intent.user);
        intent.body = Some(IntendedBody {
            text_bytes: u64::try_from(Prompt::text_bytes(body)).unwrap_or(u64::MAX),
            choices: asked.choices,
            output_at_most: asked.output_at_most,
            service_tier: asked.service_tier.clone(),
        });
    }
    intent
}

/// What would become of a request, by what has been used until now; `None` where its client is not known.
pub(crate) fn foresee(limits: &Limits, policy: &Policy, intent: &Intent) -> Option<Foreseen> {
    let client = ClientId::new(Arc::clone(&intent.client));
    let client = policy.clients.get(&client)?;
    let Some(wanted) = wants_of(limits, policy, client, intent) else {
        return Some(Foreseen::default());
    };
    let lines = wanted.demand.lines.iter();
    let of = lines.map(|line| SubjectStandings {
        subject: line.subject.clone(),
        standings: limits.standing(line, &policy.limits),
    });
    Some(Foreseen {
        amounts: wanted.demand.amounts,
        limits: of.collect(),
        exceeded: limits.foresee(&wanted.demand, &policy.limits).err(),
        away: away(limits),
    })
}
