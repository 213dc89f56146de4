//! A response in the background: asked for until it has ended.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;

use super::Outcome;
use super::ask::{AskError, admitted, age, is_over, or_give_up};
use super::schedule::Task;
use super::settle::{Charge, assumed, close};
use crate::access::{AskedBy, Operation};
use crate::gateway::state::Gateway;
use crate::gateway::unsettled::assumed_output;
use crate::upstream::Asked;
use crate::usage::{
    BodyFormat, Collected, EstimateInput, EstimateReason, FinishReason, Meter, Metered, Prompt,
    UsageSource, estimate,
};

/// Longest that one answer may take.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(60);
/// Tokens that a model is taken to write in a second, of a response that is cancelled and says neither
/// text nor numbers.
const CANCELLED_TOKENS_PER_S: u64 = 100;

/// Asks once, and charges what has ended.
pub(super) async fn ask(gateway: &Arc<Gateway>, task: &Task) -> Outcome {
    let asked = timeout(ANSWER_TIMEOUT, retrieve(gateway, task)).await;
    match asked.unwrap_or(Err(AskError::Timeout)) {
        Ok(response) if !is_over(&response) => {
            gateway.collector.answered();
            or_give_up(gateway, task).await
        }
        Ok(response) => {
            gateway.collector.answered();
            charge(gateway, task, response).await;
            Outcome::Settled
        }
        Err(error) => error.outcome(gateway, task).await,
    }
}

/// Reads the response as it comes.
async fn retrieve(gateway: &Gateway, task: &Task) -> Result<Metered, AskError> {
    let (_, id) = &task.key;
    let (resource, authorization) = admitted(gateway, task)?;
    let mut document = resource.get(Asked::Response(id), authorization).await?;
    let mut meter = Meter::new(Operation::Responses, BodyFormat::Json, false);
    while let Some(piece) = document.chunk().await? {
        meter.feed(&piece, false);
        let _ = meter.take_shown();
    }
    let response = meter.finish();
    match response.id.as_ref() == Some(id) && response.status.is_some() {
        true => Ok(response),
        false => Err(AskError::Unreadable),
    }
}

/// Charges what has ended: by the service's numbers or, where it says none, by what was asked and said.
async fn charge(gateway: &Arc<Gateway>, task: &Task, response: Metered) {
    let (_, id) = &task.key;
    let (how, source) = match response.counts {
        Some(_) => (Collected::Retrieved, UsageSource::Reported),
        None => (
            Collected::Estimated,
            UsageSource::Estimated(EstimateReason::NotReported),
        ),
    };
    let counts = match response.counts {
        Some(counts) => counts,
        None => {
            let input = to_estimate(task, &response);
            let counted = tokio::task::spawn_blocking(move || estimate(&input)).await;
            counted.unwrap_or_else(|_| assumed(&task.work.asked_by))
        }
    };
    let charge = Charge {
        metered: Metered {
            counts: Some(counts),
            ..response
        },
        ..Charge::new(id.clone(), source)
    };
    if close(gateway, task, charge).await {
        gateway.collector.settled(how);
    }
}

fn to_estimate(task: &Task, response: &Metered) -> EstimateInput {
    let asked_by = &task.work.asked_by;
    let deployment = task.work.deployment.as_ref().map(|it| it.to_shared());
    EstimateInput {
        operation: Operation::Responses,
        model: deployment.unwrap_or_default(),
        prompt: Prompt::Length(usize::try_from(asked_by.request_bytes).unwrap_or(usize::MAX)),
        text: response.text.clone(),
        dropped_text_bytes: response.dropped_text_bytes,
        thinking: None,
        output_at_least: match response.finish_reason {
            Some(FinishReason::Cancelled) => cancelled_output(asked_by),
            _ => 0,
        },
    }
}

/// What a cancelled response is taken to have written until now, as it says nothing itself.
fn cancelled_output(asked_by: &AskedBy) -> u64 {
    let most = age(asked_by).as_secs().saturating_add(1);
    assumed_output(asked_by).min(most.saturating_mul(CANCELLED_TOKENS_PER_S))
}
