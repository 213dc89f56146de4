//! A revocation list from a file or an address, and what it may change.

use std::time::SystemTime;

use tollgate::auth::{CertificateError, PresentedCertificate};

use crate::Fixture;

/// Whatever a source gives, the good certificate stays good and the revoked one revoked: only the
/// authority's own lists decide about its certificates.
pub(crate) fn run(data: &[u8]) -> bool {
    let fixture = Fixture::get();
    let ring = &fixture.certificates;
    let authority = ring.authorities().first().expect("an authority");
    let taken = authority.revocation().take("fuzz", data);
    assert_eq!(
        taken.is_ok(),
        authority.revocation().take("fuzz", data).is_ok(),
        "the same list once more has another result"
    );
    let judge = |leaf: &str| {
        let presented = PresentedCertificate::new(leaf);
        let caller = ring.authenticate(&presented, SystemTime::now());
        caller.map(|caller| caller.client.id.to_string())
    };
    assert_eq!(judge(&fixture.leaf).as_deref(), Ok("factory-7"));
    assert_eq!(judge(&fixture.revoked), Err(CertificateError::Revoked));
    taken.is_ok()
}
