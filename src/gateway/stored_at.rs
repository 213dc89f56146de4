//! Where a request has to go because of what it refers to: what the service stores is at one backend.

use std::sync::Arc;

use super::refusal::{Reason, Refusal};

/// The backend that has what a request refers to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum StoredAt {
    /// It refers to nothing.
    #[default]
    Anywhere,
    /// This one; the first where that was not kept, as of what is from before there were several.
    Backend(Option<Arc<str>>),
}

impl StoredAt {
    /// With something else that the request refers to.
    ///
    /// # Errors
    /// The refusal where that is elsewhere: no backend has both.
    pub(super) fn and(&mut self, backend: Option<Arc<str>>, id: &str) -> Result<(), Refusal> {
        match self {
            Self::Backend(known) if *known != backend => {
                Err(Refusal::about(Reason::StoredApart, id))
            }
            _ => {
                *self = Self::Backend(backend);
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_goes_where_all_is_that_it_refers_to() {
        let mut at = StoredAt::default();
        let (sweden, east) = (Some("sweden".into()), Some("east".into()));
        assert_eq!(at.and(sweden.clone(), "resp_1"), Ok(()));
        assert_eq!(at.and(sweden.clone(), "file-1"), Ok(()));
        for other in [east, None] {
            let refused = at.and(other, "file-2").expect_err("it is elsewhere");
            assert!(
                refused.message().contains("file-2"),
                "{}",
                refused.message()
            );
        }
        assert_eq!(at, StoredAt::Backend(sweden));
    }
}
