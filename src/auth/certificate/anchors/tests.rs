use std::sync::Mutex;

use super::super::testing::{self, Ca, URI, authority, ca_params, leaf_params, lists_in_files};
use super::super::{Authority, Certificates, CrlMode, ExtendedKeyUsage};
use super::*;

/// A vault that answers as it is told.
struct Scripted {
    name: &'static str,
    answer: Mutex<Result<Vec<CertificateDer<'static>>, String>>,
}

impl Scripted {
    fn new(name: &'static str) -> Arc<Self> {
        let answer = Mutex::new(Err("away".to_owned()));
        Arc::new(Self { name, answer })
    }

    fn say(&self, answer: Result<Vec<CertificateDer<'static>>, &str>) {
        *self.answer.lock().expect("unpoisoned") = answer.map_err(str::to_owned);
    }
}

impl AnchorSource for Scripted {
    fn name(&self) -> &str {
        self.name
    }

    fn refresh(&self) -> Duration {
        Duration::from_secs(3600)
    }

    fn fetch(&self) -> FetchedAnchors<'_> {
        Box::pin(async { self.answer.lock().expect("unpoisoned").clone() })
    }
}

fn of(sources: Vec<Arc<dyn AnchorSource>>) -> Authority {
    let certificates = Certificates {
        sources,
        ..Certificates::default()
    };
    let revocation = lists_in_files(CrlMode::Off, Vec::new()).expect("no lists");
    Authority::new(
        "devices".into(),
        certificates,
        ExtendedKeyUsage::ClientAuth,
        5,
        revocation,
    )
    .expect("good")
}

fn verify(authority: &Authority, ca: &Ca) -> Result<(), CertificateError> {
    testing::verify(authority, &[ca.leaf(&leaf_params(URI))])
}

async fn ask(authority: &Authority) -> Result<(), String> {
    let trust = authority.trust();
    trust.ask(trust.held.first().expect("a source")).await
}

#[tokio::test]
async fn anchors_of_a_vault_come_change_and_outlast_its_outages() {
    let (first, second) = (Ca::root(ca_params("a")), Ca::root(ca_params("b")));
    let vault = Scripted::new("https://a/certificates/x");
    let source: Arc<dyn AnchorSource> = vault.clone();
    let authority = of(vec![source]);
    assert!(ask(&authority).await.is_err());
    assert_eq!(verify(&authority, &first), Err(CertificateError::NoAnchors));
    vault.say(Ok(vec![first.der.clone()]));
    let before = authority.generation();
    ask(&authority).await.expect("taken");
    assert_ne!(authority.generation(), before, "verdicts would stay");
    assert_eq!(verify(&authority, &first), Ok(()));
    let leaf = first.leaf(&leaf_params(URI));
    for (what, answer) in [
        ("an outage", Err("away")),
        ("nothing", Ok(Vec::new())),
        ("garbage", Ok(vec![vec![1, 2, 3].into()])),
        ("a leaf", Ok(vec![second.der.clone(), leaf])),
    ] {
        vault.say(answer);
        assert!(ask(&authority).await.is_err(), "{what} was taken");
        assert_eq!(verify(&authority, &first), Ok(()), "after {what}");
        let untrusted = Err(CertificateError::Untrusted);
        assert_eq!(verify(&authority, &second), untrusted, "after {what}");
    }
    vault.say(Ok(vec![second.der.clone()]));
    ask(&authority).await.expect("taken");
    assert_eq!(verify(&authority, &second), Ok(()), "the new anchor");
    assert_eq!(
        verify(&authority, &first),
        Err(CertificateError::Untrusted),
        "the old anchor is gone"
    );
    assert_eq!(authority.trust().refreshes(), (2, 5));
}

/// A vault that takes the request and never answers.
struct Hanging;

impl AnchorSource for Hanging {
    fn name(&self) -> &str {
        "https://a/x"
    }

    fn refresh(&self) -> Duration {
        Duration::from_secs(3600)
    }

    fn fetch(&self) -> FetchedAnchors<'_> {
        Box::pin(std::future::pending())
    }
}

#[tokio::test]
async fn a_vault_that_hangs_does_not_keep_the_service_from_ending() {
    let stop = CancellationToken::new();
    let authority = of(vec![Arc::new(Hanging)]);
    let asking =
        tokio::spawn(Arc::clone(authority.trust()).keep_fresh("a".to_owned(), stop.clone()));
    tokio::task::yield_now().await;
    stop.cancel();
    asking.await.expect("ended");
}

#[tokio::test(start_paused = true)]
async fn a_vault_without_anchors_is_asked_again_sooner() {
    let root = Ca::root(ca_params("root"));
    let vault = Scripted::new("https://a/x");
    let authority = of(vec![vault.clone()]);
    let stop = CancellationToken::new();
    let asking =
        tokio::spawn(Arc::clone(authority.trust()).keep_fresh("a".to_owned(), stop.clone()));
    let failures = async |seconds: u64| {
        tokio::time::sleep(Duration::from_secs(seconds)).await;
        authority.trust().refreshes()
    };
    assert_eq!(failures(12).await, (0, 3), "at 0, 5 and 10 s");
    vault.say(Ok(vec![root.der.clone()]));
    assert_eq!(failures(5).await, (1, 3), "at 15 s");
    vault.say(Err("away"));
    assert_eq!(
        failures(3600 + 60).await,
        (1, 6),
        "after an hour, and each 30 s"
    );
    stop.cancel();
    asking.await.expect("ended");
}

#[tokio::test]
async fn a_new_configuration_begins_with_the_anchors_of_the_same_source() {
    let root = Ca::root(ca_params("root"));
    let (here, elsewhere) = (Scripted::new("https://a/x"), Scripted::new("https://b/x"));
    here.say(Ok(vec![root.der.clone()]));
    let old = of(vec![here]);
    ask(&old).await.expect("taken");
    let same = of(vec![Scripted::new("https://a/x")]);
    same.adopt(&old);
    assert_eq!(verify(&same, &root), Ok(()));
    let other = of(vec![elsewhere]);
    other.adopt(&old);
    assert_eq!(verify(&other, &root), Err(CertificateError::NoAnchors));
    let without = authority(
        &Ca::root(ca_params("root")),
        ExtendedKeyUsage::ClientAuth,
        5,
    );
    without.adopt(&old);
    assert_eq!(verify(&without, &root), Err(CertificateError::Untrusted));
}
