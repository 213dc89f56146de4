//! Every case of NIST's Public Key Interoperability Test Suite, against RFC 5280.
//!
//! No case that must fail may pass. What we refuse though it is valid is in [`STRICTER`], by reason;
//! a row that no longer holds fails the test too.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rustls_pki_types::CertificateDer;
use serde::Deserialize;

use crate::auth::certificate::testing::{lists_in_files, orders, verify_at, with_anchors};
use crate::auth::certificate::{CertificateError, CrlMode, ExtendedKeyUsage};

const SUITE: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/tests/testdata/pkits/suite.json"
);
/// 1 January 2026: the suite's certificates are of 2010 to 2030.
const NOW: Duration = Duration::from_secs(1_767_225_600);

#[derive(Deserialize)]
struct Suite {
    certificates: BTreeMap<String, String>,
    lists: BTreeMap<String, String>,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    name: String,
    /// With the suite's default settings: any policy will do, none has to be there.
    valid: bool,
    leaf: String,
    intermediates: Vec<String>,
    lists: Vec<String>,
}

/// Valid by the suite, refused by us: the reason, and the cases.
const STRICTER: &[(CertificateError, &[&str])] = &[
    // DSA: no longer for new signatures (FIPS 186-5).
    (
        CertificateError::Algorithm,
        &[
            "ValidDSAParameterInheritanceTest5",
            "ValidDSASignaturesTest4",
        ],
    ),
    // The end entity is an authority: never a client of ours.
    (
        CertificateError::CaAsLeaf,
        &[
            "OverlappingPoliciesTest6",
            "ValidonlyContainsCACertsCRLTest13",
            "ValidpathLenConstraintTest14",
            "ValidpathLenConstraintTest8",
        ],
    ),
    // The list is signed by another key than the certificate (sections 6.3.3 (f) and 4.4 of the suite):
    // the path of that key would have to be built.
    (
        CertificateError::CrlUntrusted,
        &[
            "ValidBasicSelfIssuedCRLSigningKeyTest6",
            "ValidBasicSelfIssuedNewWithOldTest4",
            "ValidSeparateCertificateandCRLKeysTest19",
        ],
    ),
    // Unique identifiers, which RFC 5280 forbids to issue (section 4.1.2.8); a date before 1970.
    (
        CertificateError::Malformed,
        &[
            "ValidNameChainingUIDsTest6",
            "Validpre2000UTCnotBeforeDateTest3",
        ],
    ),
    // Indirect lists: not taken, so that there is none.
    (
        CertificateError::RevocationUnknown,
        &[
            "ValidIDPwithindirectCRLTest22",
            "ValidIDPwithindirectCRLTest24",
            "ValidIDPwithindirectCRLTest25",
            "ValidcRLIssuerTest28",
            "ValidcRLIssuerTest29",
            "ValidcRLIssuerTest30",
            "ValidcRLIssuerTest33",
        ],
    ),
    // Key rollover through a self-issued certificate.
    (
        CertificateError::SelfIssued,
        &[
            "ValidBasicSelfIssuedNewWithOldTest3",
            "ValidBasicSelfIssuedOldWithNewTest1",
        ],
    ),
    // Name constraints on directory names, e-mail addresses and URIs.
    (
        CertificateError::UnsupportedConstraint,
        &[
            "ValidDNandRFC822nameConstraintsTest27",
            "ValidDNnameConstraintsTest1",
            "ValidDNnameConstraintsTest11",
            "ValidDNnameConstraintsTest14",
            "ValidDNnameConstraintsTest18",
            "ValidDNnameConstraintsTest4",
            "ValidDNnameConstraintsTest5",
            "ValidDNnameConstraintsTest6",
            "ValidRFC822nameConstraintsTest21",
            "ValidRFC822nameConstraintsTest23",
            "ValidRFC822nameConstraintsTest25",
            "ValidURInameConstraintsTest34",
            "ValidURInameConstraintsTest36",
        ],
    ),
    // Policies: constraints, critical mappings, inhibited anyPolicy.
    (
        CertificateError::UnsupportedExtension,
        &[
            "AllCertificatesAnyPolicyTest11",
            "AllCertificatesSamePoliciesTest10",
            "AllCertificatesSamePoliciesTest13",
            "AnyPolicyTest14",
            "UserNoticeQualifierTest18",
            "ValidPolicyMappingTest1",
            "ValidPolicyMappingTest11",
            "ValidPolicyMappingTest12",
            "ValidPolicyMappingTest13",
            "ValidPolicyMappingTest14",
            "ValidPolicyMappingTest3",
            "ValidPolicyMappingTest5",
            "ValidPolicyMappingTest6",
            "ValidPolicyMappingTest9",
            "ValidRequireExplicitPolicyTest1",
            "ValidRequireExplicitPolicyTest2",
            "ValidRequireExplicitPolicyTest4",
            "ValidSelfIssuedinhibitAnyPolicyTest7",
            "ValidSelfIssuedinhibitAnyPolicyTest9",
            "ValidSelfIssuedinhibitPolicyMappingTest7",
            "ValidSelfIssuedrequireExplicitPolicyTest6",
            "ValidinhibitAnyPolicyTest2",
            "ValidinhibitPolicyMappingTest2",
            "ValidinhibitPolicyMappingTest4",
            "inhibitAnyPolicyTest3",
        ],
    ),
    // Names that differ in case, spacing or string type (section 7.1); paths through several
    // self-issued certificates.
    (
        CertificateError::Untrusted,
        &[
            "ValidNameChainingCapitalizationTest5",
            "ValidNameChainingWhitespaceTest3",
            "ValidNameChainingWhitespaceTest4",
            "ValidRolloverfromPrintableStringtoUTF8StringTest10",
            "ValidSelfIssuedDNnameConstraintsTest19",
            "ValidSelfIssuedpathLenConstraintTest15",
            "ValidSelfIssuedpathLenConstraintTest17",
            "ValidUTF8StringCaseInsensitiveMatchTest11",
        ],
    ),
];

fn decode(of: &BTreeMap<String, String>, name: &str) -> Vec<u8> {
    let text = of.get(name).unwrap_or_else(|| panic!("no {name}"));
    STANDARD.decode(text).expect("base64")
}

impl Suite {
    fn certificate(&self, name: &str) -> CertificateDer<'static> {
        decode(&self.certificates, name).into()
    }

    /// Our verdict about a case, which no order of its lists changes. Lists that are not taken are not
    /// there.
    fn judge(&self, case: &Case) -> Result<(), CertificateError> {
        let root = self.certificate("TrustAnchorRootCertificate");
        let leaf = self.certificate(&case.leaf);
        let mut chain = vec![leaf];
        chain.extend(case.intermediates.iter().map(|name| self.certificate(name)));
        // The suite's leaves are for no purpose in particular.
        let usage = ExtendedKeyUsage::ClientAuthIfPresent;
        let verdicts: Vec<_> = orders(&case.lists)
            .iter()
            .map(|lists| {
                let revocation = lists_in_files(CrlMode::Required, Vec::new()).expect("no lists");
                let authority = with_anchors(vec![root.clone()], usage, 8, revocation);
                for (at, list) in lists.iter().enumerate() {
                    // Lists are held in the order of their sources' names.
                    let source = format!("{at}");
                    let taken = authority.revocation();
                    let _ = taken.take(&source, &decode(&self.lists, list));
                }
                verify_at(&authority, &chain, NOW)
            })
            .collect();
        let first = verdicts.first().copied().expect("a verdict");
        let same = verdicts.iter().all(|verdict| *verdict == first);
        assert!(same, "{}: the order matters: {verdicts:?}", case.name);
        first
    }
}

#[test]
fn every_case_of_pkits_has_the_outcome_of_the_suite_or_a_stricter_one_that_is_explained() {
    let text = std::fs::read_to_string(SUITE).expect("the file");
    let suite: Suite = serde_json::from_str(&text).expect("the suite");
    assert_eq!(suite.cases.len(), 224, "cases are missing");
    let explained: BTreeSet<(String, String)> = STRICTER
        .iter()
        .flat_map(|(reason, names)| names.iter().map(move |name| (reason, name)))
        .map(|(reason, name)| (format!("{reason:?}"), (*name).to_owned()))
        .collect();
    let mut refused = BTreeSet::new();
    let (mut accepted, mut passed) = (0, Vec::new());
    for case in &suite.cases {
        match (case.valid, suite.judge(case)) {
            (true, Ok(())) => accepted += 1,
            (true, Err(reason)) => {
                refused.insert((format!("{reason:?}"), case.name.clone()));
            }
            (false, Err(_)) => {}
            (false, Ok(())) => passed.push(case.name.as_str()),
        }
    }
    assert!(passed.is_empty(), "must fail and passed: {passed:?}");
    let unexplained: Vec<_> = refused.difference(&explained).collect();
    assert!(
        unexplained.is_empty(),
        "valid and refused: {unexplained:#?}"
    );
    let stale: Vec<_> = explained.difference(&refused).collect();
    assert!(stale.is_empty(), "no longer refused so: {stale:#?}");
    assert_eq!(accepted, 37, "valid and accepted");
}
