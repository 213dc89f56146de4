//! The file as it is written: a shape for each section, and nothing about what it means.

mod admin;
mod audit;
mod authorities;
mod backends;
mod clients;
mod content_log;
mod credentials;
mod database;
mod decisions;
mod envoy;
mod file;
mod grpc_tls;
mod hours;
mod identity;
mod issuers;
mod ledger;
mod limits;
mod listen;
mod metrics;
mod prices;
mod products;
mod requires;
mod response_headers;
mod secret;
mod text;
mod trust;
mod uses;

pub(super) use admin::Admin;
pub(super) use audit::Audit;
pub(super) use authorities::{Authority, Mode, Revocation, Usage};
pub(super) use backends::{Backend, BackendTier, Member, Pool};
pub(super) use clients::{Client, UserFrom};
pub(super) use content_log::{ContentLog, Redact, Sampled};
pub(super) use credentials::{Certificate, Credential, Key, TokenCredential};
pub(super) use database::Database;
pub(super) use decisions::Decisions;
pub(super) use envoy::{Envoy, Gateway, Kubernetes, Service, Sidecars, Tracing};
pub(super) use file::File;
pub(super) use grpc_tls::GrpcTls;
pub(super) use hours::{Day, Hours};
pub(super) use identity::{ClientSecret, Identity, ManagedIdentity};
pub(super) use issuers::{Issuer, OneOrMany};
pub(super) use ledger::{Durability, EndUsers, Ledger, OnFailure};
pub(super) use limits::{
    AllLimits, Limits, Period as LimitsPeriod, Priority, Queue, Quota, Redis, WhenUnavailable,
};
pub(super) use listen::{ClientCertificates, Listen};
pub(super) use metrics::Metrics;
pub(super) use prices::{Price, ServiceTier, Tier};
pub(super) use products::Product;
pub(super) use requires::Requires;
pub(super) use secret::SecretRef;
pub(super) use trust::{KeyVault, Trust};
pub(super) use uses::Tool;
