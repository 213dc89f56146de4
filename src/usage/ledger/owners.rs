//! Who owns the responses that the service has stored, after a restart.

use crate::database::{DatabaseError, UsageStore};

/// A response that the service may have stored for a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredResponse {
    /// Its id.
    pub id: String,
    /// The client that made it.
    pub client: String,
    /// It is made in the background and was not counted by then: the deployment and the product.
    pub background: Option<(Option<String>, Option<String>)>,
}

/// The newest stored responses of a ledger, the oldest of them first: what comes later about an id
/// holds.
///
/// # Errors
/// The database's.
pub async fn stored_responses(
    ledger: &UsageStore,
    limit: i64,
) -> Result<Vec<StoredResponse>, DatabaseError> {
    let mut found = ledger.responses(limit).await?;
    found.reverse();
    Ok(found
        .into_iter()
        .map(|row| StoredResponse {
            id: row.response_id.unwrap_or_default(),
            client: row.client,
            background: (row.source == "none").then_some((row.deployment, row.product)),
        })
        .collect())
}
