//! A caller and a request in, allowed or the reason why not out.

mod client;
mod decision;
mod request;

pub use client::{
    AllowedVersion, ClientId, ClientLimits, ClientOptions, ClientRules, EndUsers, Entitlements,
    LabelError, Labels, MAX_LABEL_NAME, MAX_LABEL_VALUE_BYTES, MAX_LABELS, Network, NetworkError,
    OptionError, ProductId, ProductRules, Requirements, UserSource, is_label_name, limit_output,
};
pub use decision::{
    AccessError, AccessRequest, AllowedUses, AskedBy, BatchInput, Begun, Client, Denied,
    Deployments, Grant, Hours, Known, Later, Minute, NoPlace, ObjectChange, ObjectOwners,
    PatternError, Place, Places, Product, Remembered, Sampling, Stored, ToolKind, Unsettled,
    UseNotAllowed, Wanted, authorize_any_deployment, authorize_deployment, authorize_operation,
};
pub use request::{
    ApiShape, ApiVersion, BATCH_PURPOSE, BatchBody, BatchLine, BodyError, BodyKind, BodyLimits,
    DataSource, Deployment, Edit, Endpoint, Form, HostedTool, IncludeUsage, MAX_BODY_BYTES,
    MAX_GROWTH_BYTES, MediaRequest, Model, ObjectKind, Operation, OutputMembers, PathError,
    References, RequestBody, Span, StoredAction, Target, Uses, batch_lines, with_api_version,
};
pub(crate) use request::{service_tier, word};
