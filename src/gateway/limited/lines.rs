//! The limits that a request must pass.

use std::sync::Arc;

use crate::access::{Client, ClientId, Deployment, Product, ProductId};
use crate::gateway::body::BodyDecision;
use crate::gateway::decide::Decision;
use crate::limits::{LimitSettings, Line, Rule, Subject};
use crate::policy::Policy;

/// Who asks for what: what decides which limits hold.
pub(super) struct Asking<'a> {
    pub(super) client: &'a Client,
    pub(super) product: Option<&'a Arc<Product>>,
    pub(super) deployment: Option<&'a Deployment>,
    pub(super) user: Option<&'a Arc<str>>,
}

impl<'a> Asking<'a> {
    /// As its headers say it.
    pub(super) fn of_headers(decision: &'a Decision) -> Self {
        let grant = decision.grant.as_ref();
        Self {
            client: &decision.caller.client,
            product: grant.map(|it| &it.product),
            deployment: grant.map(|it| &it.deployment),
            user: decision.caller.user.as_ref(),
        }
    }

    /// As its body says it.
    pub(super) fn of_body(decision: &'a Decision, asked: &'a BodyDecision) -> Self {
        let client = &decision.caller.client;
        Self {
            client,
            product: product_of(client, asked.product.as_ref()),
            deployment: asked.deployment.as_ref(),
            user: asked.user.as_ref().or(decision.caller.user.as_ref()),
        }
    }

    /// The limits that it must pass, the narrowest first: what one client asks for in vain is not set aside of
    /// what all share, not even for an instant.
    pub(super) fn lines(&self, settings: &LimitSettings) -> Vec<Line> {
        let mut lines = Vec::new();
        let client = self.client;
        let mut add = |subject: Subject, rules: &Arc<[Rule]>| {
            if !rules.is_empty() {
                lines.push(Line {
                    percent: settings.reserves.percent(&subject, client.limits.priority),
                    subject,
                    rules: Arc::clone(rules),
                });
            }
        };
        let id = || client.id.to_shared();
        if let Some(user) = self.user.filter(|_| !client.limits.per_user.is_empty()) {
            let subject = Subject::User {
                client: id(),
                user: Some(Arc::clone(user)),
            };
            add(subject, &client.limits.per_user);
        }
        if !client.limits.own.is_empty() {
            add(Subject::Client(id()), &client.limits.own);
        }
        if let Some(product) = self.product {
            let name = || product.id.to_shared();
            let subject = Subject::ProductClient {
                product: name(),
                client: id(),
            };
            add(subject, &product.limits.per_client);
            add(Subject::Product(name()), &product.limits.shared);
        }
        let of_deployment = self.deployment.and_then(|name| {
            let found = settings.deployments.get_key_value(name.as_str());
            found.map(|(name, rules)| (Subject::Deployment(Arc::clone(name)), rules))
        });
        if let Some((subject, rules)) = of_deployment {
            add(subject, rules);
        }
        add(Subject::Everything, &settings.everything);
        lines
    }
}

/// By whom something was used, and through what.
pub(crate) struct UsedBy {
    pub(crate) client: Arc<str>,
    pub(crate) product: Option<Arc<str>>,
    pub(crate) deployment: Option<Arc<str>>,
    pub(crate) user: Option<Arc<str>>,
}

/// The limits that it counts for.
pub(crate) fn lines_of(policy: &Policy, by: &UsedBy) -> Vec<Line> {
    let client = ClientId::new(Arc::clone(&by.client));
    let Some(client) = policy.clients.get(&client) else {
        return Vec::new();
    };
    let product = by.product.as_ref().map(|id| ProductId::new(Arc::clone(id)));
    let deployment = by.deployment.as_deref().and_then(Deployment::parse);
    let asking = Asking {
        client,
        product: product_of(client, product.as_ref()),
        deployment: deployment.as_ref(),
        user: by.user.as_ref(),
    };
    asking.lines(&policy.limits)
}

/// The product of this name, if the client has it.
pub(super) fn product_of<'a>(
    client: &'a Client,
    id: Option<&ProductId>,
) -> Option<&'a Arc<Product>> {
    let id = id?;
    client.products.iter().find(|product| product.id == *id)
}
