//! Commands about keys to the running service.

use std::io;
use std::process::ExitCode;
use std::time::SystemTime;

use tokio_stream::StreamExt;
use tonic::transport::Channel;
use zeroize::Zeroizing;

use super::super::remote::{Control, said};
use super::super::say;
use super::{Issue, KeyCommand, One, Rotate, shown};
use crate::auth::KeySlot;
use crate::config::{duration, moment};
use crate::control::v1;
use crate::control::v1::keys_client::KeysClient;
use crate::unix_time;

pub(super) fn run(command: KeyCommand) -> Result<ExitCode, String> {
    let text = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| format!("the runtime could not be started: {error}"))?
        .block_on(answer(command))?;
    say(&mut io::stdout(), &text);
    Ok(ExitCode::SUCCESS)
}

/// What to print. It may have a key in the clear.
async fn answer(command: KeyCommand) -> Result<Zeroizing<String>, String> {
    Ok(Zeroizing::new(match command {
        KeyCommand::Generate { .. } => String::new(),
        KeyCommand::Issue(asked) => issue(asked).await?,
        KeyCommand::Rotate(asked) => rotate(asked).await?,
        KeyCommand::Revoke(One { id, control }) => {
            let asked = v1::RevokeRequest { id };
            let changed = connect(&control).await?.revoke(asked).await;
            shown::changed(changed.map_err(said)?.into_inner().key)
        }
        KeyCommand::Suspend(One { id, control }) => {
            let asked = v1::SuspendRequest { id };
            let changed = connect(&control).await?.suspend(asked).await;
            shown::changed(changed.map_err(said)?.into_inner().key)
        }
        KeyCommand::Resume(One { id, control }) => {
            let asked = v1::ResumeRequest { id };
            let changed = connect(&control).await?.resume(asked).await;
            shown::changed(changed.map_err(said)?.into_inner().key)
        }
        KeyCommand::List {
            client,
            json,
            control,
        } => {
            let keys = list(&control, client.unwrap_or_default()).await?;
            match json {
                true => shown::json(&keys)?,
                false => shown::table(&keys),
            }
        }
    }))
}

async fn issue(asked: Issue) -> Result<String, String> {
    let request = v1::IssueRequest {
        client: asked.client,
        slot: slot_message(asked.slot.into()).into(),
        not_before_ms: moment_ms("--not-before", asked.not_before.as_deref())?,
        not_after_ms: moment_ms("--not-after", asked.not_after.as_deref())?,
    };
    let issued = connect(&asked.control).await?.issue(request).await;
    let v1::IssueResponse { key, secret } = issued.map_err(said)?.into_inner();
    Ok(shown::issued(
        &key.unwrap_or_default(),
        &Zeroizing::new(secret),
        None,
    ))
}

async fn rotate(asked: Rotate) -> Result<String, String> {
    let request = v1::RotateRequest {
        id: asked.id,
        grace_ms: grace_ms(&asked.grace)?,
        not_after_ms: moment_ms("--not-after", asked.not_after.as_deref())?,
    };
    let rotated = connect(&asked.control).await?.rotate(request).await;
    let v1::RotateResponse { key, secret, old } = rotated.map_err(said)?.into_inner();
    let key = key.unwrap_or_default();
    Ok(shown::issued(&key, &Zeroizing::new(secret), old.as_ref()))
}

async fn list(control: &Control, client: String) -> Result<Vec<v1::Key>, String> {
    let asked = v1::ListRequest { client };
    let listed = connect(control).await?.list(asked).await;
    let mut stream = listed.map_err(said)?.into_inner();
    let mut keys = Vec::new();
    while let Some(next) = stream.next().await {
        keys.extend(next.map_err(said)?.key);
    }
    Ok(keys)
}

async fn connect(control: &Control) -> Result<KeysClient<Channel>, String> {
    Ok(KeysClient::new(control.connect().await?))
}

fn slot_message(slot: KeySlot) -> v1::Slot {
    match slot {
        KeySlot::Primary => v1::Slot::Primary,
        KeySlot::Secondary => v1::Slot::Secondary,
    }
}

fn moment_ms(option: &str, text: Option<&str>) -> Result<Option<i64>, String> {
    let Some(text) = text else {
        return Ok(None);
    };
    let is_since_1970 = |at: &SystemTime| *at >= SystemTime::UNIX_EPOCH;
    let moment = moment::parse(text).filter(is_since_1970);
    moment.map(|at| Some(unix_time::millis(at))).ok_or_else(|| {
        format!("{option}: `{text}` is not a date or time: write 2027-01-01 (0:00 UTC), or 2027-01-01T12:00:00Z")
    })
}

fn grace_ms(text: &str) -> Result<i64, String> {
    let millis = duration::parse(text).and_then(|it| i64::try_from(it.as_millis()).ok());
    millis.ok_or_else(|| format!("--grace: `{text}` is not a duration: write 24h, 30m or 0s"))
}
