//! A stored object as its row, and a row as what it says of the object.

use std::sync::Arc;

use super::columns::row;
use super::row::plain;
use crate::access::{
    AskedBy, BatchInput, ClientId, Deployment, Known, ObjectChange, ObjectKind, Operation,
    ProductId, Unsettled,
};

/// A file whose lines a batch may run.
const BATCH_INPUT: &str = "batch_input";
/// A batch whose lines have not been counted.
const BATCH: &str = "batch";
/// A file that a batch has written.
const BATCH_OUTPUT: &str = "batch_output";
/// A response whose usage has not been counted.
const BACKGROUND: &str = "background";

row! {
    /// Something that the service stores for a client.
    #[derive(Clone, PartialEq, Eq, prost::Message)]
    pub struct ObjectRow {
        /// What it is.
        #[prost(string, tag = "1")]
        kind: String,
        /// Its id.
        #[prost(string, tag = "2")]
        id: String,
        /// The client that made it.
        #[prost(string, tag = "3")]
        client: String,
        /// When the request came that has changed it last, in milliseconds since 1970.
        #[prost(int64, tag = "4")]
        created_ms: i64,
        /// What is known of it: `batch_input`, `batch`, `batch_output`, `background`, or nothing.
        #[prost(string, optional, tag = "5")]
        known: Option<String>,
        /// What the lines of a file ask for.
        #[prost(string, optional, tag = "6")]
        operation: Option<String>,
        /// The deployment of a file's lines, or of a response.
        #[prost(string, optional, tag = "7")]
        deployment: Option<String>,
        /// The product that allows it.
        #[prost(string, optional, tag = "8")]
        product: Option<String>,
        /// The request whose client is charged later for a response or a batch, as JSON; of a file's
        /// lines their number and size.
        #[prost(string, optional, tag = "10")]
        asked_by: Option<String>,
        /// The batch that has written a file.
        #[prost(string, optional, tag = "11")]
        batch: Option<String>,
        /// The backend that has it.
        #[prost(string, optional, tag = "12")]
        backend: Option<String>,
        /// 1 once it is deleted.
        #[prost(int64, tag = "9")]
        deleted: i64,
    }
}

impl ObjectRow {
    /// What a request that came at this moment has changed.
    pub fn new(change: &ObjectChange, at_ms: i64) -> Self {
        let row = Self {
            kind: kind_name(change.kind).to_owned(),
            id: plain(&change.id),
            client: plain(change.owner.as_str()),
            created_ms: at_ms,
            backend: change.backend.as_deref().map(plain),
            deleted: i64::from(change.known.is_none()),
            ..Self::default()
        };
        match &change.known {
            Some(Known::Input(input)) => Self {
                known: Some(BATCH_INPUT.to_owned()),
                operation: Some(input.operation.as_str().to_owned()),
                deployment: Some(input.deployment.as_str().to_owned()),
                product: Some(plain(input.product.as_str())),
                asked_by: written(&AskedBy {
                    request_bytes: input.bytes,
                    lines: input.lines,
                    ..AskedBy::default()
                }),
                ..row
            },
            Some(Known::Output(batch)) => Self {
                known: Some(BATCH_OUTPUT.to_owned()),
                batch: Some(plain(batch)),
                ..row
            },
            Some(known @ (Known::Background(response) | Known::Batch(response)))
                if !response.is_counted() =>
            {
                Self::of_unsettled(row, known, response)
            }
            Some(Known::Background(_) | Known::Batch(_) | Known::Nothing) | None => row,
        }
    }

    fn of_unsettled(row: Self, known: &Known, response: &Unsettled) -> Self {
        Self {
            known: Some(match known {
                Known::Batch(_) => BATCH.to_owned(),
                _ => BACKGROUND.to_owned(),
            }),
            deployment: response
                .deployment
                .as_ref()
                .map(|it| it.as_str().to_owned()),
            product: response.product.as_ref().map(|it| plain(it.as_str())),
            asked_by: written(&response.asked_by),
            ..row
        }
    }

    /// What the row says; `None` for one that this program has not written.
    pub fn change(&self) -> Option<ObjectChange> {
        let kind = ObjectKind::ALL
            .into_iter()
            .find(|kind| kind_name(*kind) == self.kind)?;
        Some(ObjectChange {
            kind,
            id: self.id.clone(),
            owner: ClientId::new(self.client.as_str()),
            known: match self.deleted {
                0 => Some(self.what_is_known()?),
                _ => None,
            },
            backend: self.backend.as_deref().map(Arc::from),
        })
    }

    fn what_is_known(&self) -> Option<Known> {
        let deployment = self.deployment.as_deref().and_then(Deployment::parse);
        let product = self.product.as_deref().map(ProductId::new);
        Some(match self.known.as_deref() {
            None => Known::Nothing,
            Some(BACKGROUND) => Known::Background(Arc::new(Unsettled::new(
                deployment,
                product,
                self.who_asked(),
            ))),
            Some(BATCH) => Known::Batch(Arc::new(Unsettled::new(
                deployment,
                product,
                self.who_asked(),
            ))),
            Some(BATCH_OUTPUT) => Known::Output(self.batch.as_deref()?.into()),
            Some(BATCH_INPUT) => {
                let name = self.operation.as_deref()?;
                let operation = Operation::ALL.into_iter().find(|it| it.as_str() == name)?;
                Known::Input(Arc::new(BatchInput {
                    operation,
                    deployment: deployment?,
                    product: product?,
                    bytes: self.who_asked().request_bytes,
                    lines: self.who_asked().lines,
                }))
            }
            Some(_) => return None,
        })
    }

    /// The request that asked for it; what is not known of one from before it was kept is left out.
    fn who_asked(&self) -> AskedBy {
        let written = self.asked_by.as_deref();
        let read = written.and_then(|text| serde_json::from_str(text).ok());
        read.unwrap_or_else(|| AskedBy {
            at_ms: u64::try_from(self.created_ms).unwrap_or(0),
            ..AskedBy::default()
        })
    }
}

fn written(asked_by: &AskedBy) -> Option<String> {
    let text = serde_json::to_string(asked_by).ok();
    text.map(|text| plain(&text))
}

/// The name of a kind in the table.
pub(super) const fn kind_name(kind: ObjectKind) -> &'static str {
    match kind {
        ObjectKind::Response => "response",
        ObjectKind::File => "file",
        ObjectKind::Batch => "batch",
        ObjectKind::Item => "item",
        ObjectKind::Container => "container",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is known after a restart, as text.
    fn again(kind: ObjectKind, known: Option<Known>) -> String {
        let change = ObjectChange {
            kind,
            id: "id_1".to_owned(),
            owner: ClientId::new("app"),
            known,
            backend: Some("sweden".into()),
        };
        let read = ObjectRow::new(&change, 7).change().expect("a row of ours");
        assert_eq!(read.kind, kind);
        assert_eq!(read.backend.as_deref(), Some("sweden"));
        assert_eq!(
            (read.id.as_str(), read.owner.as_str()),
            ("id_1", "app"),
            "{kind:?}"
        );
        format!("{:?}", read.known)
    }

    #[test]
    fn a_row_says_again_what_was_known() {
        for kind in ObjectKind::ALL {
            assert_eq!(again(kind, Some(Known::Nothing)), "Some(Nothing)");
            assert_eq!(again(kind, None), "None");
        }
        let input = Known::Input(Arc::new(BatchInput {
            operation: Operation::Responses,
            deployment: Deployment::parse("gpt-4o").expect("a name"),
            product: ProductId::new("standard"),
            bytes: 12_345,
            lines: 67,
        }));
        let output = Some(Known::Output("batch_1".into()));
        assert_eq!(
            again(ObjectKind::File, output.clone()),
            format!("{output:?}")
        );
        assert_eq!(
            again(ObjectKind::File, Some(input.clone())),
            format!("{:?}", Some(input))
        );
        let response = Arc::new(Unsettled::new(
            Deployment::parse("gpt-4o"),
            Some(ProductId::new("standard")),
            AskedBy {
                at_ms: 1_790_000_000_000,
                request_id: "r-1".into(),
                credential: "key.primary".into(),
                key_id: Some("0123456789".into()),
                key_sha256: Some("0e5751c026e543b2".into()),
                user: Some("alice \" \0".into()),
                labels: Some(r#"{"team":"search"}"#.into()),
                service_tier: Some("priority".into()),
                request_bytes: 70,
                max_output_tokens: Some(500),
                operation: Some("embeddings".into()),
                lines: 3,
            },
        ));
        let batch = Some(Known::Batch(Arc::clone(&response)));
        assert_eq!(
            again(ObjectKind::Batch, batch.clone()),
            format!("{batch:?}")
        );
        let background = Some(Known::Background(Arc::clone(&response)));
        assert_eq!(
            again(ObjectKind::Response, background.clone()),
            format!("{background:?}")
        );
        assert!(response.count());
        assert_eq!(again(ObjectKind::Response, background), "Some(Nothing)");
    }

    #[test]
    fn a_response_of_before_the_request_was_kept_is_charged_to_its_client() {
        let row = ObjectRow {
            kind: "response".to_owned(),
            known: Some(BACKGROUND.to_owned()),
            created_ms: 1_790_000_000_000,
            ..ObjectRow::default()
        };
        let Some(Known::Background(response)) = row.change().and_then(|it| it.known) else {
            panic!("not in the background: {row:?}");
        };
        assert_eq!(response.asked_by.at_ms, 1_790_000_000_000);
        assert_eq!(response.asked_by.user, None);
    }

    #[test]
    fn a_row_of_a_later_version_says_nothing() {
        let row = |kind: &str, known: Option<&str>| ObjectRow {
            kind: kind.to_owned(),
            known: known.map(str::to_owned),
            ..ObjectRow::default()
        };
        assert!(row("vector_store", None).change().is_none());
        assert!(row("file", Some("other")).change().is_none());
        assert!(row("file", Some(BATCH_INPUT)).change().is_none());
        assert!(row("file", None).change().is_some());
    }
}
