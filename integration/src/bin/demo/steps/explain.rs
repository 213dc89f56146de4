//! Why a request is refused, without sending it.

use tollgate_integration::stack::{CHAT_PATH, Failure};

use crate::gateway::Gateway;
use crate::screen::Screen;
use crate::tool;

/// The request that was just refused, step by step.
pub async fn step(screen: &mut Screen, gateway: &Gateway) -> Result<(), Failure> {
    screen.step("tollgate explain says why, by the service's own rules");
    let words = ["explain", "--path", CHAT_PATH, "--credential", "-"];
    let key = ("echo $SEARCH_KEY", gateway.search_key.text.as_str());
    let said = tool::run_with(screen, gateway, &words, key).await?;
    screen.check(
        "it names the refusal that the caller got",
        said.contains("operation_not_allowed"),
    );
    screen.check("it does not repeat the key", !said.contains(key.1));
    Ok(())
}
