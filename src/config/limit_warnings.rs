//! Limits that can't do what they seem to be meant for.

use super::spanned::Spanned;

use super::problem::Problem;
use super::problems::Problems;
use super::written::{Client, File, Limits, Priority, Product};
use crate::access::{Deployment, Deployments};
use crate::limits::ServerUrl;

/// What `tollgate check` says of the limits of a file that is good.
pub(super) fn limits(file: &File) -> Problems {
    let mut warnings = Problems::new();
    warnings.extend(forgotten_quotas(file));
    warnings.extend(file.clients.iter().filter_map(nobodys_users));
    warnings.extend(file.clients.iter().filter_map(too_long_answers));
    warnings.extend(limits_of_nothing(file));
    warnings.extend(
        file.products
            .iter()
            .filter_map(|product| idle_queue(file, product)),
    );
    warnings.extend(idle_reserve(file));
    warnings.extend(without_quotas(file));
    warnings.extend(readable_password(file));
    warnings.extend(
        file.clients
            .iter()
            .filter_map(|client| idle_priority(file, client)),
    );
    warnings
}

/// All limits of a file, with those in them.
fn all(file: &File) -> Vec<&Limits> {
    let clients = file.clients.iter().filter_map(|it| it.limits.as_ref());
    let products = file.products.iter().filter_map(|it| it.limits.as_ref());
    let mut found: Vec<_> = clients.chain(products).collect();
    let inner: Vec<_> = found
        .iter()
        .flat_map(|it| [&it.per_user, &it.per_client])
        .filter_map(|it| it.as_ref().map(|it| &*it.value))
        .collect();
    found.extend(inner);
    found.extend(shared_by_all(file));
    found
}

/// Those of everything and of deployments.
fn shared_by_all(file: &File) -> Vec<&Limits> {
    let written = file.limits.as_ref();
    let everything = written.and_then(|it| it.everything.as_ref());
    let deployments = written.into_iter().flat_map(|it| it.deployments.values());
    let deployments = deployments.map(|it| &it.value);
    everything.into_iter().chain(deployments).collect()
}

fn forgotten_quotas(file: &File) -> Option<Problem> {
    let is_kept = file.data_directory.is_some();
    let quota = all(file).into_iter().find_map(|it| it.quotas.first());
    quota.filter(|_| !is_kept).map(|quota| {
        let message = "without `data_directory` quotas begin anew with each start";
        let help = "what was used is read from the ledger: docs/limits.md, Where it counts";
        Problem::at(quota.referenced, message).help(help)
    })
}

fn nobodys_users(client: &Client) -> Option<Problem> {
    let per_user = client.limits.as_ref()?.per_user.as_ref()?;
    let mut credentials = client.credentials.value.iter();
    let names_users = client.user_from.is_some()
        || credentials.any(|it| it.token.is_some() || it.certificate.is_some());
    (!names_users).then(|| {
        let message = format!(
            "client `{}` has limits `per_user` and never names a user: they hold for nobody",
            client.id.value
        );
        let help = "say with `user_from` where it names them";
        Problem::at(per_user.referenced, message).help(help)
    })
}

fn limits_of_nothing(file: &File) -> Vec<Problem> {
    let mut allowed = Deployments::default();
    let names = file.products.iter().flat_map(|it| &it.deployments.value);
    for name in names {
        // What is wrong with it is a mistake, and said.
        let _ = allowed.add(&name.value);
    }
    let limits = file.limits.iter().flat_map(|it| &it.deployments);
    let is_of_nothing = |name: &str| {
        let deployment = Deployment::parse(name);
        deployment.is_some_and(|it| !allowed.contains(&it))
    };
    limits
        .filter(|(name, _)| is_of_nothing(name))
        .map(|(name, limits)| {
            let message =
                format!("no product allows the deployment `{name}`: its limits hold for nothing");
            let help = "deployments are limited by the names that callers use";
            Problem::at(limits.referenced, message).help(help)
        })
        .collect()
}

fn idle_queue(file: &File, product: &Product) -> Option<Problem> {
    let queue = product.queue.as_ref()?;
    let has_it = |client: &&Client| {
        let mut products = client.products.value.iter();
        products.any(|it| it.value == product.id.value)
    };
    let is_limited = product.limits.is_some()
        || !shared_by_all(file).is_empty()
        || file
            .clients
            .iter()
            .filter(has_it)
            .any(|it| it.limits.is_some());
    (!is_limited).then(|| {
        let message = format!(
            "product `{}` has a `queue`, and nothing limits its requests: none will wait",
            product.id.value
        );
        let help = "requests wait for room within limits: docs/limits.md";
        Problem::at(queue.max_wait.referenced, message).help(help)
    })
}

/// Whether several clients share a limit.
fn is_shared(file: &File) -> bool {
    let mut products = file.products.iter().filter_map(|it| it.limits.as_ref());
    !shared_by_all(file).is_empty() || products.any(is_any)
}

/// Whether it limits all that it is for together.
fn is_any(limits: &Limits) -> bool {
    let rates = [
        &limits.concurrent_requests,
        &limits.requests_per_second,
        &limits.requests_per_minute,
        &limits.tokens_per_minute,
        &limits.input_tokens_per_minute,
        &limits.output_tokens_per_minute,
    ];
    rates.iter().any(|it| it.is_some()) || !limits.quotas.is_empty()
}

fn reserved(file: &File) -> Option<&Spanned<u8>> {
    file.limits.as_ref()?.reserve.values().next()
}

fn idle_reserve(file: &File) -> Option<Problem> {
    // Of all backends but one that rest the last one can be kept.
    let kept: usize = file
        .limits
        .iter()
        .flat_map(|it| it.reserve.values())
        .map(|it| usize::from(it.value))
        .sum();
    let is_of_backends = file.backends.value.len() > 1 && kept * file.backends.value.len() >= 100;
    let reserve = reserved(file).filter(|_| !is_shared(file) && !is_of_backends)?;
    let message = "`reserve` keeps a part of limits that clients share, and there is none";
    let help = "limits of `everything`, of `deployments` and of products are shared; so are backends, if what is kept of them is one at least";
    Some(Problem::at(reserve.referenced, message).help(help))
}

/// What a client may ask for is set aside, and what is more than a whole limit never passes.
fn too_long_answers(client: &Client) -> Option<Problem> {
    let asked = u64::from(client.max_output_tokens.as_ref()?.value);
    let own = client.limits.as_ref()?;
    let per_user = own.per_user.as_ref().map(|it| &*it.value);
    let smaller = |limits: &Limits| {
        let quotas = limits.quotas.iter().map(|quota| &quota.value);
        let of_answers = quotas.clone().map(|quota| &quota.output_tokens);
        let of_answers = of_answers.chain([&limits.output_tokens_per_minute]);
        // The prompt needs some of these, too.
        let of_all = quotas.map(|quota| &quota.tokens);
        let of_all = of_all.chain([&limits.tokens_per_minute]);
        let of_answers = of_answers.flatten().filter(|it| it.value < asked);
        let of_all = of_all.flatten().filter(|it| it.value <= asked);
        of_answers.chain(of_all).map(|it| it.referenced).next()
    };
    let at = smaller(own).or_else(|| per_user.and_then(smaller))?;
    let message = format!(
        "client `{}` may ask for {asked} output tokens, which never fit into this limit: requests that ask for so many, or do not say how many, are refused",
        client.id.value
    );
    let help = "`max_output_tokens` is set aside for each request that does not ask for less: make it smaller than the limit";
    Some(Problem::at(at, message).help(help))
}

/// What is said about quotas where there is none.
fn without_quotas(file: &File) -> Option<Problem> {
    if all(file).iter().any(|it| !it.quotas.is_empty()) {
        return None;
    }
    let written = file.limits.as_ref()?;
    let events = written.events.as_ref().map(|it| it.referenced);
    let warn_at = written.warn_at.as_ref().map(|it| it.referenced);
    let time_zone = written.time_zone.as_ref().map(|it| it.referenced);
    let (at, message) = match (events, warn_at, time_zone) {
        (Some(at), ..) => (at, "there is no quota: no event will be sent"),
        (None, Some(at), _) => (at, "there is no quota: nothing reaches a threshold"),
        (None, None, Some(at)) => (at, "there is no quota: nothing depends on the time zone"),
        (None, None, None) => return None,
    };
    let help = "quotas are limits by the hour, day, week, month or year: docs/limits.md";
    Some(Problem::at(at, message).help(help))
}

fn readable_password(file: &File) -> Option<Problem> {
    let redis = &file.limits.as_ref()?.redis.as_ref()?.value;
    let password = redis.password.as_ref()?;
    let sentinels = redis.sentinel.iter().flat_map(|it| &it.urls);
    let cluster = redis.cluster.iter().flatten();
    let mut urls = redis.url.iter().chain(cluster).chain(sentinels);
    let is_open = |url: &str| {
        let url = ServerUrl::parse(url);
        url.is_ok_and(|url| !url.is_tls() && !url.is_loopback())
    };
    urls.any(|url| is_open(&url.value)).then(|| {
        let message = "without TLS the password can be read on its way to the servers";
        let help = "write `rediss://` in their addresses";
        Problem::at(password.referenced, message).help(help)
    })
}

fn idle_priority(file: &File, client: &Client) -> Option<Problem> {
    let priority = client.priority.as_ref()?;
    let is_other = matches!(priority.value, Priority::High | Priority::Low);
    let counts = reserved(file).is_some() || file.products.iter().any(|it| it.queue.is_some());
    (is_other && !counts).then(|| {
        let message = format!(
            "the `priority` of client `{}` changes nothing: nothing is reserved, and no product has a `queue`",
            client.id.value
        );
        let help = "say with `limits: { reserve }` what is kept for whom: docs/limits.md";
        Problem::at(priority.referenced, message).help(help)
    })
}
