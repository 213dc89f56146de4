//! The reasons why a request is not allowed to this client, or to nobody.

use super::{Reason, Refusal};
use crate::access::{
    AccessError, BodyError, Denied, ObjectKind, OptionError, PathError, UseNotAllowed,
};

impl From<PathError> for Reason {
    fn from(error: PathError) -> Self {
        match error {
            PathError::TooLong => Self::PathTooLong,
            PathError::NotCanonical => Self::PathNotCanonical,
            PathError::MalformedQuery => Self::QueryMalformed,
            PathError::KeyInQuery => Self::KeyInQuery,
            PathError::ApiVersion => Self::ApiVersion,
            PathError::Unknown => Self::PathUnknown,
            PathError::Method => Self::MethodNotAllowed,
        }
    }
}

impl From<Denied> for Refusal {
    fn from(denied: Denied) -> Self {
        let refusal = match &denied.reason {
            AccessError::OperationNotAllowed => Reason::OperationNotAllowed.into(),
            AccessError::DeploymentNotAllowed => Reason::DeploymentNotAllowed.into(),
            AccessError::EntitlementMissing => Reason::EntitlementMissing.into(),
            AccessError::NetworkNotAllowed => Reason::NetworkNotAllowed.into(),
            AccessError::OutsideHours => Reason::OutsideHours.into(),
            AccessError::UseNotAllowed(what) => {
                let reason = match what {
                    UseNotAllowed::Tool(_) => Reason::ToolNotAllowed,
                    UseNotAllowed::DataSource(_) => Reason::DataSourceNotAllowed,
                    UseNotAllowed::Background => Reason::BackgroundNotAllowed,
                    UseNotAllowed::UnreportedUsage => Reason::UsageNotReported,
                };
                Self::about(reason, what)
            }
        };
        Self {
            product: denied.product.map(|id| id.to_shared()),
            ..refusal
        }
    }
}

impl From<OptionError> for Refusal {
    fn from(error: OptionError) -> Self {
        let reason = match error {
            OptionError::ApiVersion => Reason::ApiVersionNotAllowed,
            OptionError::User => Reason::UserMalformed,
            OptionError::NoNumber(_) => Reason::MaxOutputTokensMalformed,
            OptionError::TooManyTokens { .. } => Reason::MaxOutputTokensExceeded,
        };
        Self::about(reason, capitalised(&error.to_string()))
    }
}

impl From<BodyError> for Refusal {
    fn from(error: BodyError) -> Self {
        let BodyError::Malformed(why) = error;
        Self::about(Reason::BodyMalformed, why)
    }
}

impl Refusal {
    /// A stored object that is not this client's.
    pub(crate) fn object_not_found(kind: ObjectKind, id: &str) -> Self {
        let reason = match kind {
            ObjectKind::Response => Reason::ResponseNotFound,
            ObjectKind::File => Reason::FileNotFound,
            ObjectKind::Batch => Reason::BatchNotFound,
            ObjectKind::Item => Reason::ItemNotFound,
            ObjectKind::Container => Reason::ContainerNotFound,
        };
        Self::about(reason, id)
    }
}

fn capitalised(sentence: &str) -> String {
    let mut letters = sentence.chars();
    let first = letters.next().map(|letter| letter.to_ascii_uppercase());
    first.into_iter().chain(letters).collect()
}
