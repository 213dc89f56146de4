//! The last look at a decision, when the request goes out.
//!
//! Between ext_authz and the swap lies the time that the body takes, which the caller chooses. A key that is
//! revoked meanwhile, a token that expires, a certificate that a new list names, a product that is taken
//! away: none of them gets the identity.

use std::sync::Arc;
use std::time::SystemTime;

use super::basis::Basis;
use super::decide::decide_again;
use super::pending::Admitted;
use super::refusal::Refusal;
use super::state::Gateway;

impl Gateway {
    /// Looks at the credential once more; and where another policy is in force by now, at all that it
    /// decides.
    ///
    /// # Errors
    /// The refusal.
    pub(super) fn renew(&self, admitted: &mut Admitted) -> Result<(), Refusal> {
        let policy = self.policy();
        let Some(basis) = &admitted.basis else {
            return Ok(());
        };
        let Basis {
            policy: decided_by,
            proof,
        } = basis;
        let issued = self.issued.as_deref();
        let caller = policy.authenticate_again(issued, proof, SystemTime::now());
        let caller = caller.inspect_err(|error| admitted.context.detail = error.detail())?;
        if std::ptr::eq(decided_by.as_ptr(), Arc::as_ptr(&policy)) {
            return Ok(());
        }
        decide_again(
            &self.rules(&policy),
            &mut admitted.decision,
            caller,
            &mut admitted.context,
        )
    }
}
