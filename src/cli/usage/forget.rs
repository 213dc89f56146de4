//! `tollgate usage forget`: an end user's name is taken out of the ledger.

use std::process::ExitCode;

use super::super::{output, say};
use super::failed;
use super::location::LedgerLocation;
use crate::usage::UsageStore;

pub(super) async fn run(location: &LedgerLocation, user: &str) -> Result<ExitCode, String> {
    if user.is_empty() {
        return Err("--user names nobody".to_owned());
    }
    if !location.has_config() {
        return Err(
            "forget takes the key of pseudonyms from a configuration: pass --config FILE"
                .to_owned(),
        );
    }
    let opened = location.open().await?;
    // What was written before there were pseudonyms has the name itself.
    let pseudonym = opened.end_users.kept(user.into());
    let names = [Some(user), pseudonym.as_deref().filter(|it| *it != user)];
    // What is copied to the server from now on has no name any more.
    let own = match LedgerLocation::open_own(opened.own.as_deref()).await? {
        Some(own) => forget(&own, &names).await?,
        None => 0,
    };
    let forgotten = forget(&opened.store, &names).await?.max(own);
    say(
        &mut output::stdout(),
        &format!(
            "{forgotten} requests name no end user any more; what they used stays with their client.\n\
             A background response or a batch that is open is charged with its user: run this again when it has ended.\n\
             The audit log, exports, backups and the ledgers of other replicas are yours to look through.\n"
        ),
    );
    Ok(ExitCode::SUCCESS)
}

async fn forget(store: &UsageStore, names: &[Option<&str>]) -> Result<u64, String> {
    let mut forgotten = 0;
    for name in names.iter().copied().flatten() {
        let changed = store.forget_user(name).await;
        forgotten += changed.map_err(|error| failed(&error))?;
    }
    Ok(forgotten)
}
