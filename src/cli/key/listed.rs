//! Which keys there are, and which of them nobody uses.

use std::io;
use std::process::ExitCode;
use std::time::SystemTime;

use tokio_stream::StreamExt;

use super::super::output;
use super::super::remote::{Control, said};
use super::super::say;
use super::{List, Unused, shown};
use crate::config::duration;
use crate::control::v1;
use crate::control::v1::keys_client::KeysClient;
use crate::unix_time;

/// The exit status where there are keys that nobody uses.
const SOME_ARE_UNUSED: u8 = 3;

/// What the service knows of its keys.
struct Listed {
    keys: Vec<v1::Key>,
    uses: v1::LastUses,
}

async fn ask(
    control: &Control,
    client: Option<String>,
    with_configured: bool,
) -> Result<Listed, String> {
    let asked = v1::ListRequest {
        client: client.unwrap_or_default(),
        with_configured,
    };
    let mut service = KeysClient::new(control.connect().await?);
    let listed = service.list(asked).await;
    let mut stream = listed.map_err(said)?.into_inner();
    let (mut keys, mut uses) = (Vec::new(), None);
    while let Some(next) = stream.next().await {
        let next = next.map_err(said)?;
        keys.extend(next.key);
        uses = uses.or(next.last_uses);
    }
    let uses = uses.unwrap_or_else(|| v1::LastUses {
        unknown: "the running service is of another version".to_owned(),
        ..v1::LastUses::default()
    });
    Ok(Listed { keys, uses })
}

/// `tollgate key list`
pub(super) async fn list(asked: List) -> Result<ExitCode, String> {
    let Listed { keys, uses } = ask(&asked.control, asked.client, asked.configured).await?;
    let text = match asked.json {
        true => shown::json(&keys, uses.since_ms)?,
        false => shown::table(&keys, uses.since_ms),
    };
    say(&mut output::stdout(), &text);
    if uses.since_ms.is_none() {
        let note = format!("last uses are not known: {}\n", uses.unknown);
        say(&mut io::stderr(), &note);
    }
    Ok(ExitCode::SUCCESS)
}

/// `tollgate key unused`
pub(super) async fn unused(asked: Unused) -> Result<ExitCode, String> {
    let since = &asked.since;
    let age = duration::parse(since).and_then(|it| i64::try_from(it.as_millis()).ok());
    let age =
        age.ok_or_else(|| format!("--since: `{since}` is not a duration: write 30d, 12h or 30m"))?;
    let now = unix_time::millis(SystemTime::now());
    let Listed { mut keys, uses } = ask(&asked.control, asked.client, true).await?;
    let known_since = uses
        .since_ms
        .ok_or_else(|| format!("which keys are used is not known: {}", uses.unknown))?;
    let border = now.saturating_sub(age);
    keys.retain(|key| is_unused(key, now, border));
    let text = match asked.json {
        true => shown::unused_json(&keys, border, known_since)?,
        false if keys.is_empty() => {
            format!("every key that is good was used or issued within {since}\n")
        }
        false => shown::table(&keys, Some(known_since)),
    };
    say(&mut output::stdout(), &text);
    if known_since > border && !keys.is_empty() {
        let known_since = shown::moment(known_since);
        let note = format!(
            "last uses are written down since {known_since}: a key that was used before is listed, too\n"
        );
        say(&mut io::stderr(), &note);
    }
    Ok(match keys.is_empty() {
        true => ExitCode::SUCCESS,
        false => ExitCode::from(SOME_ARE_UNUSED),
    })
}

/// Whether somebody could use a key, and nobody has done so from `border` on, though there was time to.
fn is_unused(key: &v1::Key, now: i64, border: i64) -> bool {
    let is_over = key.state() == v1::State::Revoked || key.not_after_ms.is_some_and(|it| it <= now);
    let begins = key.not_before_ms.unwrap_or(i64::MIN).max(key.issued_at_ms);
    !is_over && key.last_used_ms.unwrap_or(begins) < border
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_unused_that_could_have_been_used() {
        let (now, border) = (1000, 400);
        let key = |change: fn(&mut v1::Key)| {
            let mut key = v1::Key {
                issued_at_ms: 100,
                state: v1::State::Active.into(),
                ..v1::Key::default()
            };
            change(&mut key);
            is_unused(&key, now, border)
        };
        assert!(key(|_| ()), "issued long ago, and never used");
        assert!(key(|it| it.last_used_ms = Some(399)), "used long ago");
        assert!(!key(|it| it.last_used_ms = Some(400)), "used since");
        assert!(!key(|it| it.issued_at_ms = 400), "issued since");
        assert!(!key(|it| it.not_before_ms = Some(900)), "good since");
        assert!(!key(|it| it.not_before_ms = Some(2000)), "not good yet");
        assert!(!key(|it| it.not_after_ms = Some(1000)), "expired");
        assert!(key(|it| it.not_after_ms = Some(1001)), "good still");
        assert!(!key(|it| it.state = v1::State::Revoked.into()), "revoked");
        assert!(
            key(|it| it.state = v1::State::Suspended.into()),
            "may be resumed"
        );
        assert!(
            key(|it| (it.is_configured, it.issued_at_ms) = (true, 0)),
            "of the file, and never used"
        );
    }
}
