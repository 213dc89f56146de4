//! Commands about keys to the running service.

use std::process::ExitCode;
use std::time::SystemTime;

use tonic::transport::Channel;
use zeroize::Zeroizing;

use super::super::output;
use super::super::remote::{Control, said};
use super::super::say;
use super::{Issue, KeyCommand, Move, One, Rotate, shown};
use crate::auth::KeySlot;
use crate::config::{duration, moment};
use crate::control::v1;
use crate::control::v1::keys_client::KeysClient;
use crate::unix_time;

pub(super) async fn run(command: KeyCommand) -> Result<ExitCode, String> {
    let text = answer(command).await?;
    say(&mut output::stdout(), &text);
    Ok(ExitCode::SUCCESS)
}

/// What to print. It may have a key in the clear.
async fn answer(command: KeyCommand) -> Result<Zeroizing<String>, String> {
    Ok(Zeroizing::new(match command {
        // They are answered elsewhere.
        KeyCommand::Generate { .. } | KeyCommand::List(_) | KeyCommand::Unused(_) => String::new(),
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
        KeyCommand::Move(asked) => relocate(asked).await?,
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
        without_end: asked.without_end,
    };
    let rotated = connect(&asked.control).await?.rotate(request).await;
    let rotated = rotated.map_err(said)?.into_inner();
    let secret = Zeroizing::new(rotated.secret);
    let key = rotated.key.unwrap_or_default();
    let text = shown::issued(&key, &secret, rotated.old.as_ref());
    Ok(text + &shown::end_of_rotated(&key, rotated.old_end_ms))
}

async fn relocate(asked: Move) -> Result<String, String> {
    let request = v1::MoveRequest {
        from: asked.from.unwrap_or_default(),
        id: asked.id.unwrap_or_default(),
        to: asked.to,
    };
    let moved = connect(&asked.control).await?.r#move(request).await;
    Ok(shown::moved(&moved.map_err(said)?.into_inner().keys))
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
