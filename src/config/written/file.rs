//! The whole file.

use std::path::PathBuf;

use serde::Deserialize;
use serde_saphyr::Spanned;

use super::admin::Admin;
use super::authorities::Authority;
use super::backends::{Backend, Background, Pool};
use super::clients::Client;
use super::database::Database;
use super::envoy::Envoy;
use super::identity::Identity;
use super::issuers::Issuer;
use super::ledger::Ledger;
use super::limits::AllLimits;
use super::listen::Listen;
use super::prices::Price;
use super::products::Product;
use super::response_headers::ResponseHeaders;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct File {
    pub(in crate::config) listen: Listen,
    #[serde(default)]
    pub(in crate::config) admin: Admin,
    pub(in crate::config) identity: Spanned<Identity>,
    #[serde(default)]
    pub(in crate::config) certificate_authorities: Vec<Authority>,
    #[serde(default)]
    pub(in crate::config) issuers: Vec<Issuer>,
    #[serde(default)]
    pub(in crate::config) clients: Vec<Client>,
    #[serde(default)]
    pub(in crate::config) products: Vec<Product>,
    pub(in crate::config) backends: Spanned<Vec<Backend>>,
    #[serde(default)]
    pub(in crate::config) pools: Vec<Pool>,
    #[serde(default)]
    pub(in crate::config) background: Background,
    #[serde(default)]
    pub(in crate::config) envoy: Envoy,
    pub(in crate::config) ledger: Option<Spanned<Ledger>>,
    #[serde(default)]
    pub(in crate::config) prices: Vec<Spanned<Price>>,
    pub(in crate::config) limits: Option<AllLimits>,
    #[serde(default)]
    pub(in crate::config) response_headers: ResponseHeaders,
    pub(in crate::config) drain_timeout: Option<Spanned<String>>,
    pub(in crate::config) max_request_bytes: Option<Spanned<usize>>,
    pub(in crate::config) max_audio_request_bytes: Option<Spanned<usize>>,
    pub(in crate::config) data_directory: Option<Spanned<PathBuf>>,
    pub(in crate::config) database: Option<Spanned<Database>>,
}
