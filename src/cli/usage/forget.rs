//! `tollgate usage forget`: an end user's name is taken out of the ledger.

use std::io;
use std::process::ExitCode;

use super::super::say;
use super::failed;
use super::location::LedgerLocation;
use crate::usage::UsageStore;

pub(super) async fn run(location: &LedgerLocation, user: &str) -> Result<ExitCode, String> {
    if user.is_empty() {
        return Err("--user names nobody".to_owned());
    }
    let opened = location.open().await?;
    // What was written before there were pseudonyms has the name itself.
    let pseudonym = opened.end_users.kept(user.into());
    let names = [Some(user), pseudonym.as_deref().filter(|it| *it != user)];
    let mut forgotten = forget(&opened.store, &names).await?;
    // What waits to be copied to the server has it, too.
    if let Some(own) = LedgerLocation::open_own(opened.own.as_deref()).await? {
        forgotten = forgotten.max(forget(&own, &names).await?);
    }
    say(
        &mut io::stdout(),
        &format!(
            "{forgotten} requests name no end user any more; what they used stays with their client.\n\
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
