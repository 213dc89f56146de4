//! Lists by example, each set of them in every order.

use std::sync::Arc;

use proptest::prelude::*;
use x509_cert::ext::pkix::CrlReason;
use x509_cert::ext::pkix::crl::dp::{DistributionPoint, IssuingDistributionPoint, Reasons};
use x509_cert::ext::pkix::name::{DistributionPointName, GeneralName};
use x509_cert::name::{Name, RdnSequence};

use super::super::super::testing::list::{everything, named, point_at};
use super::super::super::testing::{Ca, ListParams, NOW, ca_params, orders};
use super::*;

/// Where the lists of two partitions are.
const A: &str = "http://crl.example.com/a.crl";
const B: &str = "http://crl.example.com/b.crl";
const HOLD: Option<CrlReason> = Some(CrlReason::CertificateHold);
const REMOVED: Option<CrlReason> = Some(CrlReason::RemoveFromCRL);

fn issuer() -> RdnSequence {
    "CN=root".parse().expect("a name")
}

fn read(ca: &Ca, params: &ListParams) -> Arc<List> {
    let lists = List::read_all(&ca.list(params), NOW).expect("a list");
    Arc::new(lists.into_iter().next().expect("one"))
}

/// The standing of the leaf 7 with these distribution points, which no order changes.
fn standing(points: &[DistributionPoint], lists: &[ListParams]) -> Standing {
    thread_local! {
        static ROOT: Ca = Ca::root(ca_params("root"));
    }
    let lists: Vec<_> = ROOT.with(|root| lists.iter().map(|it| read(root, it)).collect());
    let subject = Subject {
        serial: &[7],
        is_authority: false,
        points: &Point::of(points, &issuer()),
    };
    let mut found: Vec<Standing> = Vec::new();
    for order in orders(&lists) {
        found.push(judge(&subject, &order, NOW));
    }
    found.dedup();
    let [standing] = found.as_slice() else {
        panic!("the order matters: {found:?}");
    };
    *standing
}

fn scoped(scope: IssuingDistributionPoint, list: ListParams) -> ListParams {
    ListParams {
        scope: Some(scope),
        ..list
    }
}

/// The list of a partition.
fn partition(uri: &str, number: u64, revoked: &[u64]) -> ListParams {
    let distribution_point = Some(named(&[uri]));
    let scope = IssuingDistributionPoint {
        distribution_point,
        ..everything()
    };
    scoped(scope, ListParams::of(number, revoked))
}

fn expired(list: ListParams) -> ListParams {
    ListParams {
        last_year: 2025,
        ..list
    }
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table")]
fn a_partition_says_nothing_good_of_a_certificate_that_does_not_name_it() {
    use Standing as S;
    let whole = |revoked: &[u64]| ListParams::of(1, revoked);
    let (a, b) = (partition(A, 1, &[]), partition(B, 1, &[]));
    let none: &[DistributionPoint] = &[];
    let names_a = &[point_at(&[A])];
    let names_both = &[point_at(&[A, B])];
    for (what, points, lists, expected) in [
        ("no list", none, vec![], S::Unknown),
        (
            "a partition that is not named",
            none,
            vec![a.clone()],
            S::Unknown,
        ),
        ("both", none, vec![a.clone(), b.clone()], S::Unknown),
        (
            "both and the whole",
            none,
            vec![a.clone(), b.clone(), whole(&[])],
            S::Good,
        ),
        (
            "both, and on the whole",
            none,
            vec![a.clone(), b.clone(), whole(&[7])],
            S::Revoked,
        ),
        (
            "on a partition that is not named",
            none,
            vec![a.clone(), partition(B, 1, &[7]), whole(&[])],
            S::Revoked,
        ),
        ("the one that is named", names_a, vec![a.clone()], S::Good),
        ("the other", names_a, vec![b.clone()], S::Unknown),
        (
            "on the whole, not on the one that is named",
            names_a,
            vec![a.clone(), b.clone(), whole(&[7])],
            S::Revoked,
        ),
        (
            "on one of two that are named",
            names_both,
            vec![a.clone(), partition(B, 1, &[7])],
            S::Revoked,
        ),
        (
            "an expired one",
            names_a,
            vec![expired(a.clone()), b.clone()],
            S::Expired,
        ),
        (
            "an expired one, and a current whole",
            names_a,
            vec![expired(a), whole(&[])],
            S::Good,
        ),
        (
            "on an expired one, and a current whole",
            names_a,
            vec![expired(partition(A, 1, &[7])), whole(&[])],
            S::Revoked,
        ),
    ] {
        assert_eq!(standing(points, &lists), expected, "{what}");
    }
}

#[test]
fn the_newest_list_of_a_scope_counts_and_of_two_as_new_the_worse() {
    let of = ListParams::of;
    for (what, lists, expected) in [
        (
            "a newer one revokes",
            [of(1, &[]), of(2, &[7])],
            Standing::Revoked,
        ),
        (
            "a newer one releases",
            [of(1, &[7]), of(2, &[])],
            Standing::Good,
        ),
        ("two as new", [of(1, &[7]), of(1, &[8])], Standing::Revoked),
    ] {
        assert_eq!(standing(&[], &lists), expected, "{what}");
    }
}

#[test]
fn a_later_list_counts_although_its_number_is_smaller() {
    // A CA that was restored from a backup counts anew.
    let later = |number, revoked: &[u64]| ListParams {
        later_s: 1,
        ..ListParams::of(number, revoked)
    };
    let of = ListParams::of;
    for (what, lists, expected) in [
        (
            "revoked by the later",
            [of(5000, &[]), later(7, &[7])],
            Standing::Revoked,
        ),
        (
            "revoked by the other",
            [of(5000, &[7]), later(7, &[])],
            Standing::Revoked,
        ),
        ("by none", [of(5000, &[]), later(7, &[])], Standing::Good),
    ] {
        assert_eq!(standing(&[], &lists), expected, "{what}");
    }
}

#[test]
fn lists_of_leaves_and_of_authorities_speak_of_those() {
    let leaves = IssuingDistributionPoint {
        only_contains_user_certs: true,
        ..everything()
    };
    let authorities = IssuingDistributionPoint {
        only_contains_ca_certs: true,
        ..everything()
    };
    let list = || ListParams::of(1, &[]);
    assert_eq!(
        standing(&[], &[scoped(leaves.clone(), list())]),
        Standing::Good
    );
    let other = scoped(authorities.clone(), list());
    assert_eq!(standing(&[], &[other]), Standing::Unknown);
    let scope = |point: &IssuingDistributionPoint| {
        use x509_cert::der::Encode;
        let der = point.to_der().expect("encoded");
        super::super::scope::Scope::read(Some(&der), &issuer()).expect("good")
    };
    assert!(scope(&leaves).reasons_for(true, &[]).is_empty());
    assert!(!scope(&authorities).reasons_for(true, &[]).is_empty());
}

#[test]
fn lists_of_some_reasons_are_good_together_only() {
    let of = |reasons: ReasonFlags, revoked: &[u64]| {
        let scope = IssuingDistributionPoint {
            only_some_reasons: Some(reasons),
            ..everything()
        };
        scoped(scope, ListParams::of(1, revoked))
    };
    let compromises = Reasons::KeyCompromise | Reasons::CaCompromise;
    let compromise = of(compromises, &[]);
    let others = of(super::super::scope::all_reasons() - compromises, &[]);
    for (what, lists, expected) in [
        ("some", vec![compromise.clone()], Standing::Unknown),
        ("the others", vec![others.clone()], Standing::Unknown),
        (
            "all",
            vec![compromise.clone(), others.clone()],
            Standing::Good,
        ),
        (
            "all, some of them expired",
            vec![compromise.clone(), expired(others.clone())],
            Standing::Expired,
        ),
        (
            "revoked for one",
            vec![of(compromises, &[7]), others],
            Standing::Revoked,
        ),
        (
            "all of them on another list",
            vec![compromise, ListParams::of(1, &[])],
            Standing::Good,
        ),
    ] {
        assert_eq!(standing(&[], &lists), expected, "{what}");
    }
    // The certificate's own points can be for some reasons too.
    let mut some = point_at(&[A]);
    some.reasons = Some(Reasons::KeyCompromise.into());
    let mut rest = point_at(&[B]);
    rest.reasons = Some(super::super::scope::all_reasons() - Reasons::KeyCompromise);
    let points = [some, rest];
    let (a, b) = (partition(A, 1, &[]), partition(B, 1, &[]));
    assert_eq!(
        standing(&points, std::slice::from_ref(&a)),
        Standing::Unknown
    );
    assert_eq!(standing(&points, &[a, b]), Standing::Good);
}

#[test]
fn points_may_be_directory_names_whole_or_relative_to_the_issuers() {
    let directory = |name: &str| {
        let name: Name = name.parse().expect("a name");
        DistributionPointName::FullName(vec![GeneralName::DirectoryName(name)])
    };
    let relative = || {
        let name: RdnSequence = "CN=a".parse().expect("a name");
        let last = name.iter().next().expect("one").clone();
        DistributionPointName::NameRelativeToCRLIssuer(last)
    };
    let point = |name| DistributionPoint {
        distribution_point: Some(name),
        reasons: None,
        crl_issuer: None,
    };
    let list = |name| {
        let scope = IssuingDistributionPoint {
            distribution_point: Some(name),
            ..everything()
        };
        scoped(scope, ListParams::of(1, &[]))
    };
    let whole = || directory("CN=a,CN=root");
    for (what, point_name, list_name, expected) in [
        ("whole", whole(), whole(), Standing::Good),
        ("both relative", relative(), relative(), Standing::Good),
        ("whole and relative", whole(), relative(), Standing::Good),
        ("relative and whole", relative(), whole(), Standing::Good),
        (
            "another",
            directory("CN=b,CN=root"),
            whole(),
            Standing::Unknown,
        ),
        (
            "in another case",
            directory("CN=A,CN=root"),
            whole(),
            Standing::Unknown,
        ),
    ] {
        assert_eq!(
            standing(&[point(point_name)], &[list(list_name)]),
            expected,
            "{what}"
        );
    }
    let mut of_another = point(whole());
    of_another.crl_issuer = Some(vec![GeneralName::DirectoryName(
        "CN=other".parse().expect("a name"),
    )]);
    assert_eq!(
        standing(&[of_another], &[list(whole())]),
        Standing::Unknown,
        "a point of another issuer's list"
    );
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table")]
fn a_delta_revokes_and_releases_only_what_was_on_hold() {
    use Standing as S;
    let whole = |entries: &[(u64, Option<CrlReason>)]| ListParams {
        entries: entries.to_vec(),
        ..ListParams::of(5, &[])
    };
    let delta = ListParams::delta;
    let revoked = &[(7, None)];
    let held = &[(7, HOLD)];
    let removed = &[(7, REMOVED)];
    for (what, lists, expected) in [
        (
            "revoked",
            vec![whole(&[]), delta(6, 5, revoked)],
            S::Revoked,
        ),
        ("held", vec![whole(&[]), delta(6, 5, held)], S::Revoked),
        (
            "revoked for good by one delta, removed by a newer one",
            vec![whole(&[]), delta(6, 5, revoked), delta(7, 5, removed)],
            S::Revoked,
        ),
        (
            "held by one delta, removed by a newer one",
            vec![whole(&[]), delta(6, 5, held), delta(7, 5, removed)],
            S::Good,
        ),
        ("nothing new", vec![whole(&[]), delta(6, 5, &[])], S::Good),
        ("a delta alone", vec![delta(6, 5, &[])], S::Unknown),
        (
            "revoked by a delta alone",
            vec![delta(6, 5, revoked)],
            S::Revoked,
        ),
        (
            "revoked by an expired delta",
            vec![whole(&[]), expired(delta(6, 5, revoked))],
            S::Revoked,
        ),
        (
            "revoked by a delta of a base that is missing",
            vec![whole(&[]), delta(8, 7, revoked)],
            S::Revoked,
        ),
        ("released", vec![whole(held), delta(6, 5, removed)], S::Good),
        (
            "released of what was revoked for good",
            vec![whole(revoked), delta(6, 5, removed)],
            S::Revoked,
        ),
        (
            "released by an expired delta",
            vec![whole(held), expired(delta(6, 5, removed))],
            S::Revoked,
        ),
        (
            "released by a delta of a base that is missing",
            vec![whole(held), delta(8, 7, removed)],
            S::Revoked,
        ),
        (
            "released by a delta that is older than the list",
            vec![whole(held), delta(5, 4, removed)],
            S::Revoked,
        ),
        (
            "held by a delta that is older than the list",
            vec![whole(&[]), delta(4, 3, held)],
            S::Good,
        ),
        (
            "held, then released",
            vec![whole(&[]), delta(6, 5, held), delta(7, 5, removed)],
            S::Good,
        ),
        (
            "released, then held",
            vec![whole(held), delta(6, 5, removed), delta(7, 5, held)],
            S::Revoked,
        ),
        (
            "held and released by two as new",
            vec![whole(held), delta(6, 5, removed), delta(6, 5, held)],
            S::Revoked,
        ),
        (
            "revoked by an older delta, the newer one of a later base",
            vec![whole(&[]), delta(6, 5, revoked), delta(8, 6, &[])],
            S::Revoked,
        ),
        (
            "released by a delta of another scope",
            vec![
                whole(held),
                ListParams {
                    base: Some(5),
                    entries: removed.to_vec(),
                    ..partition(A, 6, &[])
                },
            ],
            S::Revoked,
        ),
        (
            "revoked by a delta of another scope",
            vec![
                whole(&[]),
                ListParams {
                    base: Some(5),
                    ..partition(A, 6, &[7])
                },
            ],
            S::Revoked,
        ),
        (
            "a current delta to an expired list",
            vec![expired(whole(&[])), delta(6, 5, &[])],
            S::Expired,
        ),
        (
            "removed from a complete list, where that can't be said",
            vec![whole(removed)],
            S::Revoked,
        ),
    ] {
        assert_eq!(standing(&[], &lists), expected, "{what}");
    }
}

/// Any list of an issuer that has two partitions.
fn any_list() -> impl Strategy<Value = ListParams> {
    let scope = prop::sample::select(vec![None, Some(A), Some(B)]);
    let entry = prop::sample::select(vec![
        vec![],
        vec![(7, None)],
        vec![(7, HOLD)],
        vec![(7, REMOVED)],
        vec![(8, None)],
    ]);
    let year = prop::sample::select(vec![2025, 2040]);
    let base = prop::option::of(1_u64..4);
    (scope, entry, year, base, 1_u64..5).prop_map(|(scope, entries, last_year, base, number)| {
        let scope = scope.map(|uri| IssuingDistributionPoint {
            distribution_point: Some(named(&[uri])),
            ..everything()
        });
        ListParams {
            base,
            entries,
            last_year,
            scope,
            ..ListParams::of(number, &[])
        }
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    /// `standing` judges by them in every order, and fails where two differ.
    #[test]
    fn no_order_changes_a_standing(lists in prop::collection::vec(any_list(), 0..5), names_a in any::<bool>()) {
        let points = names_a.then(|| point_at(&[A]));
        let standing = standing(points.as_slice(), &lists);
        let says_nothing_of_it = lists.iter().all(|it| it.entries.iter().all(|(serial, _)| *serial != 7));
        prop_assert!(!says_nothing_of_it || standing != Standing::Revoked);
    }
}
