//! Who used what, and for how much.

use serde_json::Value;
use tollgate_integration::stack::{Failure, poll_for};

use crate::gateway::Gateway;
use crate::screen::Screen;
use crate::tool;

/// The report, and whether it has each request that Azure OpenAI has served.
pub async fn step(screen: &mut Screen, gateway: &Gateway) -> Result<(), Failure> {
    screen.step("What was used, and what it costs");
    let served = gateway.served;
    // The ledger's file is filled a moment after a request has ended.
    poll_for("the ledger", async || {
        let report = tool::quiet(gateway, &["usage", "--format", "json"]).await;
        (report.ok().and_then(|it| requests(&it)) == Some(served)).then_some(())
    })
    .await?;
    let words = ["usage", "--by", "client,model"];
    let said = tool::run(screen, gateway, &words).await?;
    screen.check("it has a cost for what has a price", said.contains("USD"));
    let words = ["usage", "--by", "key", "--where", "label:team=mobile"];
    let said = tool::run(screen, gateway, &words).await?;
    screen.check(
        "it is by key, of one team",
        said.contains(&gateway.key.id()),
    );
    Ok(())
}

fn requests(report: &str) -> Option<u64> {
    let report: Value = serde_json::from_str(report).ok()?;
    let rows = report.as_array().or_else(|| report["rows"].as_array())?;
    rows.iter().map(|row| row["requests"].as_u64()).sum()
}
