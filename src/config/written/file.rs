//! The whole file.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Deserialize;

use super::admin::Admin;
use super::audit::Audit;
use super::authorities::Authority;
use super::backends::{Backend, Background, Pool};
use super::clients::Client;
use super::content_log::ContentLog;
use super::database::Database;
use super::decisions::Decisions;
use super::envoy::Envoy;
use super::identity::Identity;
use super::issuers::Issuer;
use super::ledger::Ledger;
use super::limits::AllLimits;
use super::listen::Listen;
use super::metrics::Metrics;
use super::prices::Price;
use super::products::Product;
use super::response_headers::ResponseHeaders;
use crate::config::spanned::Spanned;

/// The configuration of tollgate.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "tollgate.yaml")]
pub(in crate::config) struct File {
    /// Where the service listens.
    pub(in crate::config) listen: Listen,
    /// How decisions travel from one replica to another; without it they don't.
    pub(in crate::config) decisions: Option<Decisions>,
    /// What the admin port has besides health and metrics.
    #[serde(default)]
    pub(in crate::config) admin: Admin,
    /// The gateway's own identity, whose token it puts on requests: exactly one source.
    pub(in crate::config) identity: Spanned<Identity>,
    /// Authorities of client certificates, with their trust anchors and how revocation is checked.
    #[serde(default)]
    pub(in crate::config) certificate_authorities: Vec<Authority>,
    /// Issuers whose tokens are accepted.
    #[serde(default)]
    pub(in crate::config) issuers: Vec<Issuer>,
    /// Who may call, with which credentials, and which products they have.
    #[serde(default)]
    pub(in crate::config) clients: Vec<Client>,
    /// What clients may do: deployments, operations, and under which conditions.
    #[serde(default)]
    pub(in crate::config) products: Vec<Product>,
    /// The resources of Azure OpenAI that requests go to.
    pub(in crate::config) backends: Spanned<Vec<Backend>>,
    /// Which backends have a deployment, where there is a choice of several.
    #[serde(default)]
    pub(in crate::config) pools: Vec<Pool>,
    /// What the gateway asks backends for itself: background responses and batches.
    #[serde(default)]
    pub(in crate::config) background: Background,
    /// For `tollgate envoy` alone: what it can't know from the rest of the file.
    #[serde(default)]
    pub(in crate::config) envoy: Envoy,
    /// How usage is kept; needs `data_directory`.
    pub(in crate::config) ledger: Option<Spanned<Ledger>>,
    /// The price list: each line is for a model or a deployment.
    #[serde(default)]
    pub(in crate::config) prices: Vec<Spanned<Price>>,
    /// The limits of all together, and how limits are counted.
    pub(in crate::config) limits: Option<AllLimits>,
    /// What callers see of the headers of answers.
    #[serde(default)]
    pub(in crate::config) response_headers: ResponseHeaders,
    /// How much the metrics tell apart.
    pub(in crate::config) metrics: Option<Metrics>,
    /// A file for the audit log, besides standard output.
    pub(in crate::config) audit: Option<Audit>,
    /// A file for prompts and answers of the products that ask for it; without it none are written.
    pub(in crate::config) content_log: Option<ContentLog>,
    /// How long live streams may go on after SIGTERM, such as `30s`, the default.
    pub(in crate::config) drain_timeout: Option<Spanned<String>>,
    /// The largest request body in bytes, from 1024 to 62914560; 16777216 if absent.
    pub(in crate::config) max_request_bytes: Option<Spanned<usize>>,
    /// The same for the audio of transcriptions and translations; 27262976 if absent.
    pub(in crate::config) max_audio_request_bytes: Option<Spanned<usize>>,
    /// Where the files of this process are: the ledger, and SQLite for issued keys.
    pub(in crate::config) data_directory: Option<Spanned<PathBuf>>,
    /// The PostgreSQL that replicas share.
    pub(in crate::config) database: Option<Spanned<Database>>,
}
