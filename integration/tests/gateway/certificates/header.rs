//! Whose word counts: the header, the connection, another credential beside it.

use tollgate_integration::stack::{CHAT_PATH, EnvoyConfig, Options, Stack};

use super::{IDENTITY, Pki, chat, stack, with};
use crate::pki::{FACTORY, leaf_params, self_signed};
use crate::support::{
    assert_backend_untouched, assert_no_violations, hello, refused, send, settled,
};

#[tokio::test]
async fn a_header_that_a_caller_writes_means_nothing() {
    let pki = Pki::new();
    let good = pki.leaf(|_| {});
    let encoded = good
        .chain
        .replace('\n', "%0A")
        .replace('+', "%2B")
        .replace('=', "%3D");
    let header = format!("Chain=\"{encoded}\"");
    let stack = stack(&pki.authority("{ crl: off }"), IDENTITY).await;
    let ask = |client: &reqwest::Client, stack: &Stack| {
        client
            .post(stack.callers.url(CHAT_PATH))
            .header("x-forwarded-client-cert", &header)
            .json(&hello())
    };
    let got = refused(ask(stack.callers.http1(), &stack)).await;
    assert_eq!(
        got,
        (401, "missing_credential".to_owned()),
        "without a certificate"
    );
    let stranger = self_signed(&leaf_params(FACTORY));
    let stranger = stack
        .callers
        .with_certificate(&stranger.chain, &stranger.key)
        .expect("a client");
    let got = refused(ask(&stranger, &stack)).await;
    assert_eq!(
        got,
        (401, "invalid_certificate".to_owned()),
        "beside one of its own"
    );
    assert_backend_untouched(&stack);
}

#[tokio::test]
async fn a_listener_that_does_not_sanitise_is_not_believed() {
    let pki = Pki::new();
    let good = pki.leaf(|_| {});
    let encoded = good
        .chain
        .replace('\n', "%0A")
        .replace('+', "%2B")
        .replace('=', "%3D");
    let authority = pki.authority("{ crl: off }");
    let options = Options::default()
        .mtls()
        .edit_envoy(EnvoyConfig::plaintext_listener);
    let options = options.edit_config(move |yaml| with(&yaml, &authority, IDENTITY));
    let stack = Stack::start(options).await;
    let url = format!("http://{}{CHAT_PATH}", stack.envoy.address());
    let request = reqwest::Client::new().post(url).json(&hello());
    let request = request.header("x-forwarded-client-cert", format!("Cert=\"{encoded}\""));
    let got = refused(request).await;
    assert!(got.0 == 400 || got.0 == 401, "{got:?}");
    assert_backend_untouched(&stack);
}

#[tokio::test]
async fn a_key_beside_a_certificate_is_ambiguous_and_alone_it_is_good() {
    let pki = Pki::new();
    let stack = stack(&pki.authority("{ crl: off }"), IDENTITY).await;
    for certified in [
        pki.leaf(|_| {}),
        self_signed(&leaf_params("spiffe://other")),
    ] {
        let request = chat(&stack, &certified).header("api-key", stack.key.text());
        let got = refused(request).await;
        assert_eq!(got, (400, "ambiguous_credential".to_owned()));
    }
    let response = send(stack.chat(&hello())).await;
    assert_eq!(response.status(), 200, "a key without a certificate");
}

#[tokio::test]
async fn where_certificates_are_not_accepted_they_are_no_credential() {
    let pki = Pki::new();
    let stack = Stack::start(Options::default().mtls()).await;
    let good = pki.leaf(|_| {});
    let got = refused(chat(&stack, &good)).await;
    assert_eq!(got, (401, "missing_credential".to_owned()));
    let response = send(chat(&stack, &good).header("api-key", stack.key.text())).await;
    assert_eq!(response.status(), 200);
    settled(&stack, 1).await;
    assert_no_violations(&stack);
}
