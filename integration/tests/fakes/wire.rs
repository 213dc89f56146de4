//! Bytes: pieces, line endings, compression, and TLS.

use crate::rig::{Rig, ask, events, json_of, send, stream, text};
use flate2::read::GzDecoder;
use reqwest::{Certificate, Client, Version};
use serde_json::json;
use std::io::Read;
use tollgate_integration::fakes::azure::AzureOptions;
use tollgate_integration::fakes::certificates::CertificateAuthority;
use tollgate_integration::fakes::server::{ANY_LOCAL_PORT, Listen};

fn unzipped(bytes: &[u8]) -> String {
    let mut text = String::new();
    let read = GzDecoder::new(bytes).read_to_string(&mut text);
    read.expect("gzip");
    text
}

/// The bytes of a stream with this script.
async fn bytes(rig: &Rig, script: &[(&str, &str)]) -> Vec<u8> {
    let request = rig.chat(&stream("Grüezi, 改善?"));
    let request = script.iter().fold(request, |request, (name, value)| {
        request.header(*name, *value)
    });
    let body = send(request).await.bytes().await;
    body.expect("a whole stream").to_vec()
}

#[tokio::test]
async fn however_it_is_cut_the_stream_says_the_same() {
    let rig = Rig::start().await;
    let plain = String::from_utf8(bytes(&rig, &[]).await).expect("text");
    let said = text(&events(&plain));
    for script in [
        ("x-fake-split", "1"),
        ("x-fake-split", "7"),
        ("x-fake-coalesce", "1"),
    ] {
        let body = String::from_utf8(bytes(&rig, &[script]).await).expect("text");
        assert_eq!(text(&events(&body)), said, "{script:?}");
    }
}

#[tokio::test]
async fn pieces_arrive_apart() {
    let rig = Rig::http2().await;
    let request = rig.chat(&stream("Grüezi")).header("x-fake-split", "100");
    let mut response = send(request).await;
    let mut largest = 0;
    while let Some(chunk) = response.chunk().await.expect("a chunk") {
        largest = largest.max(chunk.len());
    }
    assert_eq!(largest, 100, "pieces were put together");
}

#[tokio::test]
async fn lines_may_end_in_three_ways() {
    let rig = Rig::start().await;
    let crlf = bytes(&rig, &[("x-fake-line-ending", "crlf")]).await;
    assert!(crlf.ends_with(b"data: [DONE]\r\n\r\n"));
    let cr = bytes(&rig, &[("x-fake-line-ending", "cr")]).await;
    assert!(cr.ends_with(b"data: [DONE]\r\r"));
    assert!(!cr.contains(&b'\n'), "a line feed");
}

#[tokio::test]
async fn a_stream_may_be_compressed_though_nobody_asked() {
    let rig = Rig::start().await;
    let zipped = bytes(&rig, &[("x-fake-gzip", "1"), ("x-fake-split", "3")]).await;
    assert!(unzipped(&zipped).ends_with("data: [DONE]\n\n"));
}

#[tokio::test]
async fn long_json_is_compressed_for_who_accepts_it() {
    let rig = Rig::start().await;
    let body = ask("hello", &json!({"max_tokens": 400}));
    let request = || rig.chat(&body).header("x-fake-output-tokens", "400");
    let zipped = send(request().header("accept-encoding", "gzip, br")).await;
    assert_eq!(zipped.headers()["content-encoding"], "gzip");
    let zipped = zipped.bytes().await.expect("a body");
    let answer: serde_json::Value = serde_json::from_str(&unzipped(&zipped)).expect("JSON");
    assert_eq!(answer["usage"]["completion_tokens"], 400);
    let plain = send(request()).await;
    assert!(!plain.headers().contains_key("content-encoding"));
    assert_eq!(json_of(plain).await["usage"], answer["usage"]);
}

#[tokio::test]
async fn tls_serves_both_versions_of_http() {
    let authority = CertificateAuthority::new("test").expect("an authority");
    let server = authority.server(&["127.0.0.1"]).expect("a certificate");
    let options = || AzureOptions {
        listen: Listen {
            address: ANY_LOCAL_PORT,
            tls: Some(server.server_config().expect("a configuration")),
        },
        ..AzureOptions::default()
    };
    let root = Certificate::from_pem(authority.certificate_pem().as_bytes()).expect("PEM");
    let client = || Client::builder().tls_certs_only([root.clone()]);
    for (client, version) in [
        (client(), Version::HTTP_2),
        (client().http1_only(), Version::HTTP_11),
    ] {
        let rig = Rig::with(options(), client.build().expect("a client")).await;
        let response = send(rig.chat(&ask("hello", &json!({})))).await;
        assert_eq!(
            (response.status().as_u16(), response.version()),
            (200, version)
        );
    }
}
