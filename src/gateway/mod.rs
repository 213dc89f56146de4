//! The pipeline of a request, which knows no Envoy: decide on its headers, decide on its body, forward it
//! with the identity, account for it, refuse it.

mod attribution;
mod background;
mod basis;
mod body;
mod content;
mod decide;
mod ending;
mod forward;
mod keys;
mod limit_book;
mod limited;
mod made;
mod observer;
mod outgoing;
mod pending;
mod reach;
mod reasoning;
mod refusal;
mod renewal;
mod request_headers;
mod route;
mod share;
mod standings;
mod state;
mod stored_at;
mod transaction;
mod unsettled;

pub(crate) use background::collect;
pub(crate) use basis::Basis;
pub(crate) use body::decide_body;
pub(crate) use content::check_content;
pub(crate) use decide::{Allowed, Head, Owners, Rules, SUBPROTOCOLS, decide_head};
pub(crate) use forward::{
    Decided, Forwarded, MAX_BODY_READ_HERE_BYTES, Rejected, create, without_body,
};
pub(crate) use limit_book::{foresee, intent};
pub(crate) use limited::{UsedBy, lines_of};
pub(crate) use observer::{Observer, Step};
pub(crate) use outgoing::{Answered, End};
pub(crate) use pending::{Admitted, DecisionId};
pub(crate) use reach::Reach;
pub(crate) use refusal::{Reason, Refusal};
pub(crate) use request_headers::is_passed_on;
pub(crate) use route::{Attempt, FAILURES, Hop, REFUSALS, Repeats, Way};
pub(crate) use share::Lease;
pub(crate) use standings::standings;
pub use state::Gateway;
pub(crate) use state::Recorded;
pub(crate) use transaction::{Settlement, Transaction};
