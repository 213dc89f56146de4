//! The tour, step by step.

mod accounts;
mod certificate;
mod embeddings;
mod explain;
mod hang_up;
mod key;
mod refusals;
mod rotation;
mod stream;
mod token;
mod usage;
mod whole;

use tollgate_integration::stack::{Failure, paths};

use super::gateway::Gateway;
use super::screen::Screen;

/// Walks through all steps. A check that fails is counted and the tour continues; what makes going on
/// pointless is the failure. `gateway` holds what runs from the moment that it does.
pub async fn tour(screen: &mut Screen, gateway: &mut Option<Gateway>) -> Result<(), Failure> {
    // First, so that what is missing is said before anything starts.
    paths::envoy()?;
    screen.title("tollgate: a tour");
    screen.say("The real Envoy and the real tollgate, in front of a fake Azure OpenAI.");
    let gateway = gateway.insert(key::step(screen).await?);
    whole::step(screen, gateway).await?;
    stream::step(screen, gateway).await?;
    refusals::wrong_keys(screen, gateway).await?;
    refusals::wrong_models(screen, gateway).await?;
    explain::step(screen, gateway).await?;
    token::step(screen, gateway).await?;
    certificate::step(screen, gateway).await?;
    embeddings::step(screen, gateway).await?;
    hang_up::step(screen, gateway).await?;
    accounts::step(screen, gateway).await?;
    rotation::step(screen, gateway).await?;
    usage::step(screen, gateway).await
}
