//! Whose use is counted together.

use std::fmt;
use std::sync::Arc;

use serde::Serialize;

use super::rule::Rule;

/// Whose requests count together.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Subject {
    /// Everybody's.
    Everything,
    /// Those to one deployment.
    Deployment(Arc<str>),
    /// Those that one product allows.
    Product(Arc<str>),
    /// The ones of a client among those.
    ProductClient {
        /// The product.
        product: Arc<str>,
        /// The client.
        client: Arc<str>,
    },
    /// A client's.
    Client(Arc<str>),
    /// Those for an end user of a client.
    User {
        /// The client.
        client: Arc<str>,
        /// The user; `None` is all those together for whom there was no room.
        user: Option<Arc<str>>,
    },
}

/// The names of a subject, as members of an object for programs.
#[derive(Serialize)]
pub struct Names<'a> {
    scope: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    client: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    product: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    deployment: Option<&'a str>,
    /// `null`: all users that have no counter of their own.
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<Option<&'a str>>,
}

impl Subject {
    /// Its names, for programs.
    pub fn names(&self) -> Names<'_> {
        let (product, deployment, user) = match self {
            Self::Product(product) | Self::ProductClient { product, .. } => {
                (Some(&**product), None, None)
            }
            Self::Deployment(name) => (None, Some(&**name), None),
            Self::User { user, .. } => (None, None, Some(user.as_deref())),
            Self::Everything | Self::Client(_) => (None, None, None),
        };
        Names {
            scope: self.kind(),
            client: self.client().map(|it| &**it),
            product,
            deployment,
            user,
        }
    }

    /// Its kind, in metrics and events.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Everything => "everything",
            Self::Deployment(_) => "deployment",
            Self::Product(_) => "product",
            Self::ProductClient { .. } => "product_client",
            Self::Client(_) => "client",
            Self::User { .. } => "user",
        }
    }

    /// Whether nobody but the caller's own client uses it: what is left of it may be told to the caller.
    pub const fn is_own(&self) -> bool {
        matches!(
            self,
            Self::ProductClient { .. } | Self::Client(_) | Self::User { .. }
        )
    }

    /// The client whose it is.
    pub const fn client(&self) -> Option<&Arc<str>> {
        match self {
            Self::ProductClient { client, .. } | Self::Client(client) => Some(client),
            Self::User { client, .. } => Some(client),
            Self::Everything | Self::Deployment(_) | Self::Product(_) => None,
        }
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Everything => f.write_str("everything"),
            Self::Deployment(name) => write!(f, "deployment {name}"),
            Self::Product(name) => write!(f, "product {name}"),
            Self::ProductClient { product, client } => {
                write!(f, "client {client} in product {product}")
            }
            Self::Client(name) => write!(f, "client {name}"),
            Self::User { client, user } => match user {
                Some(user) => write!(f, "user {user} of client {client}"),
                None => write!(f, "other users of client {client}"),
            },
        }
    }
}

/// The limits of one subject that a request must pass.
#[derive(Clone, Debug)]
pub struct Line {
    /// Whose.
    pub subject: Subject,
    /// The limits.
    pub rules: Arc<[Rule]>,
    /// How many percent of them the caller may use; the rest is kept for callers of a higher priority.
    pub percent: u8,
}
