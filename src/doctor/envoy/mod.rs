//! The running Envoy: whether what it runs with is what tollgate needs, in the parts that matter.
//!
//! What is wanted is what `tollgate envoy` writes from the same tollgate.yaml; what is there is Envoy's own dump of
//! its configuration. An Envoy of one's own may differ in all that is not asked about here.

mod admin;
mod bypass;
mod cluster;
mod dump;
mod filter;
mod listener;
mod place;
mod route;
mod rule;
mod sending;
mod tls;
mod tracing;
mod updates;
mod value;
mod version;
mod wanted;

use super::finding::{Checks, Subject};
use crate::auth::Url;
use crate::envoy_config::Settings;
use admin::Running;
use dump::{Dump, Manager};
use wanted::Wanted;

/// Looks at the Envoy behind an admin endpoint.
pub(super) async fn examine(admin: Option<Url>, settings: Settings) -> Checks {
    let mut subject = Subject::new("envoy");
    let Some(admin) = admin else {
        let at = format!("{}:{}", settings.admin.address, settings.admin.port);
        let said = format!("it is looked at with --envoy-admin http://{at}");
        subject.skipped("admin", said);
        return subject.into_checks();
    };
    if let Some(running) = admin::ask(&admin, &mut subject).await {
        compare(&running, settings, &mut subject);
    }
    subject.into_checks()
}

fn compare(running: &Running, settings: Settings, subject: &mut Subject) {
    let (dump, named) = (&running.dump, settings.version);
    let wanted = match Wanted::of(settings, dump, running.version) {
        Ok(wanted) => wanted,
        Err(error) => {
            let advice = "this is a bug of tollgate: please report it";
            return subject.error("filters", error, advice);
        }
    };
    version::examine(running.version, named, &wanted, subject);
    updates::examine(dump, running.refused.as_ref(), subject);
    let managers = own(dump, &wanted);
    if managers.is_empty() {
        subject.error(
            "filters",
            "no listener of this Envoy has the filters ext_authz and ext_proc",
            "start Envoy with what `tollgate envoy` writes, or add its parts to your own (docs/envoy.md)",
        );
        return;
    }
    for manager in managers {
        listener::examine(&manager, &wanted, subject);
        tracing::examine(&manager, &wanted, subject);
        filter::examine(&manager, &wanted, subject);
        route::examine(dump, &manager, &wanted, subject);
        cluster::examine_tollgate(dump, &manager, &wanted, subject);
    }
    cluster::examine_backends(dump, &wanted, subject);
}

/// The connection managers that ask this tollgate; where none does, all that ask anybody.
fn own<'a>(dump: &'a Dump, wanted: &Wanted) -> Vec<Manager<'a>> {
    let asks =
        |it: &Manager<'_>| it.filter(filter::AUTHZ).is_some() || it.filter(filter::PROC).is_some();
    let all: Vec<_> = dump.managers().into_iter().filter(asks).collect();
    let is_own = |it: &&Manager<'_>| cluster::leads_to_tollgate(dump, it, wanted);
    let own: Vec<_> = all.iter().filter(is_own).cloned().collect();
    match own.is_empty() {
        true => all,
        false => own,
    }
}

#[cfg(test)]
mod tests;
