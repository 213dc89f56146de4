//! How many tokens a client may ask for in one request.
//!
//! Every answer that a request asks for counts: `n` of a chat, and of completions the larger of `n`
//! and `best_of`, for each of the prompts. What the client asks for, times these, must be within its
//! limit; where it leaves the number out the gateway writes what the limit leaves for each answer.

use std::num::NonZeroU32;

use super::OptionError;
use crate::access::request::{ApiShape, Edit, Operation, RequestBody, Span, Target};

/// The first dated version of the API that knows `max_completion_tokens`
/// (<https://learn.microsoft.com/azure/ai-services/openai/how-to/reasoning>).
const FIRST_VERSION_WITH_MAX_COMPLETION_TOKENS: &str = "2024-09-01";
/// What the service takes for completions where `max_tokens` is left out
/// (<https://learn.microsoft.com/azure/ai-services/openai/reference#completions>).
const DEFAULT_COMPLETION_TOKENS: u64 = 16;

/// A member with its value.
type Member = (&'static str, Option<Span>);

/// Checks what a request asks for, and says what to write where it asks for nothing. Operations
/// whose answers are not text have no limit.
///
/// # Errors
/// [`OptionError::NoNumber`] and [`OptionError::TooManyTokens`].
pub fn limit_output(
    limit: NonZeroU32,
    target: &Target,
    parsed: &RequestBody,
    body: &[u8],
) -> Result<Option<Edit>, OptionError> {
    let members = &parsed.output;
    let max_tokens = ("max_tokens", members.max_tokens);
    let max_completion_tokens = ("max_completion_tokens", members.max_completion_tokens);
    let number = |member| number(member, body);
    let several = |member| Ok(number(member)?.unwrap_or(1));
    let n = ("n", members.n);
    match target.endpoint.operation() {
        Operation::ChatCompletions => {
            let share = Share::of(limit, several(n)?)?;
            let (old, new) = (number(max_tokens)?, number(max_completion_tokens)?);
            share.check(old)?;
            share.check(new)?;
            // A version that does not know the newer member may pass over it: the older one binds.
            let knows_new = knows_max_completion_tokens(target) && !parsed.has_data_sources;
            Ok(match (knows_new, old, new) {
                (true, None, None) => Some(write(max_completion_tokens, share.each)),
                (false, None, _) => Some(write(max_tokens, share.each)),
                _ => None,
            })
        }
        Operation::Completions => {
            let answers = several(n)?.max(several(("best_of", members.best_of))?);
            let answers = answers.saturating_mul(members.prompts);
            let share = Share::of(limit, answers)?;
            let asked = number(max_tokens)?;
            share.check(asked)?;
            let default = share.each.min(DEFAULT_COMPLETION_TOKENS);
            Ok(asked.is_none().then(|| write(max_tokens, default)))
        }
        // A summary of a conversation has no limit that a request could say.
        Operation::Responses => {
            let share = Share::of(limit, 1)?;
            let member = ("max_output_tokens", members.max_output_tokens);
            let asked = number(member)?;
            share.check(asked)?;
            Ok(asked.is_none().then(|| write(member, share.each)))
        }
        _ => Ok(None),
    }
}

/// What a limit leaves for each answer.
struct Share {
    limit: u32,
    answers: u64,
    each: u64,
}

impl Share {
    fn of(limit: NonZeroU32, answers: u64) -> Result<Self, OptionError> {
        let share = Self {
            limit: limit.get(),
            answers,
            each: u64::from(limit.get()).checked_div(answers).unwrap_or(0),
        };
        // Not even one token for each.
        share.check(Some(1)).map(|()| share)
    }

    fn check(&self, asked: Option<u64>) -> Result<(), OptionError> {
        match asked.is_some_and(|asked| asked > self.each) {
            true => Err(OptionError::TooManyTokens {
                limit: self.limit,
                each: self.each,
                answers: self.answers,
            }),
            false => Ok(()),
        }
    }
}

fn knows_max_completion_tokens(target: &Target) -> bool {
    let version = target.api_version.as_ref();
    target.shape == ApiShape::V1
        || version.is_some_and(|it| it.is_at_least(FIRST_VERSION_WITH_MAX_COMPLETION_TOKENS))
}

/// A positive whole number; `null` is the same as nothing.
fn number((name, span): Member, body: &[u8]) -> Result<Option<u64>, OptionError> {
    match span.map(|span| span.text(body)) {
        None | Some("null") => Ok(None),
        Some(written) => match written.parse() {
            Ok(number) if number > 0 => Ok(Some(number)),
            _ => Err(OptionError::NoNumber(name)),
        },
    }
}

/// Writes a number in place of nothing or of `null`.
fn write((name, span): Member, number: u64) -> Edit {
    match span {
        Some(null) => Edit::Replace(null, number.to_string().into()),
        None => Edit::Add(format!(r#""{name}":{number}"#).into()),
    }
}

#[cfg(test)]
mod tests;
