use super::*;

fn fetcher(allow_http: bool, allowed: &[&str]) -> Fetcher {
    let allow_addresses = allowed
        .iter()
        .map(|it| it.parse().expect("a range"))
        .collect();
    let rules = FetchRules {
        allow_http,
        reach: Reach::Public(allow_addresses),
        ..FetchRules::default()
    };
    Fetcher::new(rules, None).expect("a client")
}

fn url(text: &str) -> Url {
    Url::parse(text).expect("a URL")
}

#[test]
fn literal_addresses_and_schemes_are_checked_before_anything_is_sent() {
    let strict = fetcher(false, &[]);
    assert!(
        strict
            .check(&url("https://login.microsoftonline.com/x"))
            .is_ok()
    );
    for wrong in [
        "http://login.microsoftonline.com/",
        "ftp://a.example/",
        "file:///etc/passwd",
        "https://user:secret@a.example/",
    ] {
        let refused = strict.check(&url(wrong));
        assert!(matches!(refused, Err(FetchError::Scheme(_))), "{wrong}");
    }
    for wrong in [
        "https://127.0.0.1/",
        "https://2130706433/",
        "https://0x7f.1/",
        "https://0177.0.0.1/",
        "https://[::1]/",
        "https://[::ffff:10.0.0.1]/",
        "https://169.254.169.254/metadata/identity/oauth2/token",
        "https://10.0.0.1:8443/",
    ] {
        let refused = strict.check(&url(wrong));
        assert!(matches!(refused, Err(FetchError::Address(..))), "{wrong}");
    }
}

#[tokio::test]
async fn a_name_of_a_private_address_is_refused_when_it_is_resolved() {
    let refused = fetcher(true, &[]).get(&url("http://localhost:1/")).await;
    assert!(
        matches!(refused, Err(FetchError::Address(..))),
        "{refused:?}"
    );
    let tried = fetcher(true, &["127.0.0.1", "::1"])
        .get(&url("http://localhost:1/"))
        .await;
    assert!(matches!(tried, Err(FetchError::Transport(..))), "{tried:?}");
}

#[tokio::test]
async fn what_the_operator_names_may_be_on_this_machine_and_never_a_metadata_endpoint() {
    let rules = FetchRules {
        allow_http: true,
        reach: Reach::Anywhere,
        ..FetchRules::default()
    };
    let fetcher = Fetcher::new(rules, None).expect("a client");
    for here in ["http://localhost:1/", "http://127.0.0.1:1/"] {
        let tried = fetcher.ask(&url(here), Default::default(), 1).await;
        assert!(matches!(tried, Err(FetchError::Transport(..))), "{tried:?}");
    }
    let metadata = url("http://169.254.169.254/metadata/identity");
    let refused = fetcher.ask(&metadata, Default::default(), 1).await;
    assert!(
        matches!(refused, Err(FetchError::Address(..))),
        "{refused:?}"
    );
}
