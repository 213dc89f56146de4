//! Lists that are fetched from where certificates say.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tollgate_integration::stack::poll_for;

use super::{IDENTITY, Pki, assert_refused, chat, stack};
use crate::pki::{FACTORY, ca_params, leaf_params};
use crate::support::{metric, send};

/// A port on which nobody answers yet.
pub(super) async fn serve_later() -> (TcpListener, u16) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    (listener, port)
}

/// Serves the same bytes to whoever comes, and counts them.
async fn serve(lists: Vec<(&'static str, Vec<u8>)>) -> (u16, Arc<AtomicUsize>) {
    let (listener, port) = serve_later().await;
    (port, serve_on(listener, lists))
}

pub(super) fn serve_on(
    listener: TcpListener,
    lists: Vec<(&'static str, Vec<u8>)>,
) -> Arc<AtomicUsize> {
    let count = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&count);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            counted.fetch_add(1, Ordering::Relaxed);
            let mut request = [0; 4096];
            let read = stream.read(&mut request).await.unwrap_or(0);
            let request = String::from_utf8_lossy(&request[..read]).into_owned();
            let path = request.split(' ').nth(1).unwrap_or_default().to_owned();
            let found = lists.iter().find(|(name, _)| *name == path);
            let (status, body) = found.map_or(("404 Not Found", Vec::new()), |(_, body)| {
                ("200 OK", body.clone())
            });
            let head = format!(
                "HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
                body.len()
            );
            let _ = stream.write_all(&[head.into_bytes(), body].concat()).await;
        }
    });
    count
}

#[tokio::test]
async fn lists_are_fetched_from_allowed_distribution_points_only() {
    let pki = Pki::new();
    let (elsewhere, strangers) = serve(Vec::new()).await;
    let lists = vec![
        ("/root.crl", pki.root.crl(1, &[], 2049).into_bytes()),
        ("/sub.crl", pki.sub.crl(1, &[9], 2049).into_bytes()),
    ];
    let (port, _) = serve(lists).await;
    let point = |port: u16, name: &str| rcgen::CrlDistributionPoint {
        uris: vec![format!("http://127.0.0.1:{port}/{name}")],
    };
    let revocation = format!(
        "{{ crl: required, distribution_hosts: [\"127.0.0.1:{port}\"], urls: [\"http://127.0.0.1:{port}/root.crl\"], refresh: 200ms }}"
    );
    let stack = stack(&pki.authority(&revocation), IDENTITY).await;
    let foreign = pki.leaf(|it| it.crl_distribution_points = vec![point(elsewhere, "sub.crl")]);
    assert_refused(
        &stack,
        &foreign,
        "certificate_revocation_unknown",
        "a point elsewhere",
    )
    .await;
    let good = pki.leaf(|it| it.crl_distribution_points = vec![point(port, "sub.crl")]);
    let served = async || (send(chat(&stack, &good)).await.status() == 200).then_some(());
    poll_for("the list of the distribution point", served)
        .await
        .expect("fetched");
    let revoked = pki.leaf(|it| {
        it.serial_number = Some(9_u64.into());
        it.crl_distribution_points = vec![point(port, "sub.crl")];
    });
    assert_refused(
        &stack,
        &revoked,
        "certificate_revoked",
        "on the list that was fetched",
    )
    .await;
    assert_eq!(
        strangers.load(Ordering::Relaxed),
        0,
        "another host was asked"
    );
}

#[tokio::test]
async fn the_first_request_is_refused_where_only_certificates_say_where_the_lists_are() {
    let pki = Pki::new();
    let listener = serve_later().await;
    let point = |name: &str| rcgen::CrlDistributionPoint {
        uris: vec![format!("http://127.0.0.1:{}/{name}", listener.1)],
    };
    let mut params = ca_params("issuer");
    params.crl_distribution_points = vec![point("root.crl")];
    let sub = pki.root.intermediate(params);
    let mut leaf = leaf_params(FACTORY);
    leaf.crl_distribution_points = vec![point("sub.crl")];
    let good = sub.leaf(&leaf, &[&sub.pem]);
    let revocation = format!(
        "{{ crl: required, distribution_hosts: [\"127.0.0.1:{}\"] }}",
        listener.1
    );
    let stack = stack(&pki.authority(&revocation), IDENTITY).await;
    let (_, text) = stack.tollgate().admin("/readyz").await.expect("an answer");
    assert!(
        text.contains("authority devices: no revocation list"),
        "{text}"
    );
    let reason = "certificate_revocation_unknown";
    assert_refused(&stack, &good, reason, "the first contact").await;
    let lists = vec![
        ("/root.crl", pki.root.crl(1, &[], 2049).into_bytes()),
        ("/sub.crl", sub.crl(1, &[], 2049).into_bytes()),
    ];
    let _ = serve_on(listener.0, lists);
    let served = async || (send(chat(&stack, &good)).await.status() == 200).then_some(());
    poll_for("the lists", served).await.expect("fetched");
    let (_, text) = stack.tollgate().admin("/readyz").await.expect("an answer");
    assert_eq!(text, "ready\n");
    let name = "tollgate_certificate_authority_crl_fresh";
    let fresh = metric(&stack, name, &["devices"]).await;
    assert!((fresh - 1.0).abs() < f64::EPSILON, "{fresh}");
}
