//! Outboxes whose collector is away, refuses, or is not wanted any more.

use std::future::Future;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::*;

const EVENT: &[u8] = b"{}";

/// Answers one request after the other with these statuses, then with the last one.
async fn collector(statuses: &'static [u16]) -> (Arc<Target>, Arc<AtomicU64>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}/", listener.local_addr().expect("an address"));
    let asked = Arc::<AtomicU64>::default();
    let count = Arc::clone(&asked);
    tokio::spawn(async move {
        let mut statuses = statuses.iter().peekable();
        while let Ok((mut stream, _)) = listener.accept().await {
            // All of it: what is closed with something unread is reset.
            let mut request = Vec::new();
            while !request.ends_with(EVENT)
                && stream.read_buf(&mut request).await.is_ok_and(|it| it > 0)
            {}
            count.fetch_add(1, Ordering::Relaxed);
            let status = match statuses.len() {
                1 => statuses.peek().copied(),
                _ => statuses.next(),
            };
            let status = status.expect("there is one");
            let answer =
                format!("HTTP/1.1 {status} x\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
            let _ = stream.write_all(answer.as_bytes()).await;
        }
    });
    (
        Arc::new(Target::parse(&url, None).expect("loopback")),
        asked,
    )
}

fn outcomes(state: &OutboxState) -> [u64; 3] {
    state.outcomes().map(|(_, count)| count)
}

async fn within<T>(work: impl Future<Output = T>) -> T {
    timeout(Duration::from_secs(60), work)
        .await
        .expect("it ends")
}

#[tokio::test]
async fn what_is_not_taken_is_sent_again_until_it_is_and_what_is_refused_is_not() {
    let (target, asked) = collector(&[503, 429, 200, 400, 200]).await;
    let (outbox, sending) = Outbox::new(move || Some(Arc::clone(&target))).expect("TLS");
    for _ in 0..3 {
        outbox.put(EVENT.to_vec());
    }
    let state = Arc::clone(outbox.state());
    drop(outbox);
    within(sending.run(CancellationToken::new())).await;
    assert_eq!(outcomes(&state), [2, 1, 0]);
    assert_eq!(asked.load(Ordering::Relaxed), 5);
}

#[tokio::test]
async fn what_there_is_no_room_for_is_dropped_and_nobody_waits() {
    let (outbox, sending) = Outbox::new(|| None).expect("TLS");
    for _ in 0..MAX_WAITING + 7 {
        outbox.put(EVENT.to_vec());
    }
    assert_eq!(outcomes(outbox.state()), [0, 0, 7]);
    // Nobody wants the others any more.
    let state = Arc::clone(outbox.state());
    drop(outbox);
    within(sending.run(CancellationToken::new())).await;
    assert_eq!(outcomes(&state), [0, 0, 7]);
}

#[tokio::test]
async fn what_waits_when_the_service_ends_is_tried_once() {
    let (target, _) = collector(&[503, 200]).await;
    let (outbox, sending) = Outbox::new(move || Some(Arc::clone(&target))).expect("TLS");
    let stop = CancellationToken::new();
    stop.cancel();
    for _ in 0..3 {
        outbox.put(EVENT.to_vec());
    }
    let state = Arc::clone(outbox.state());
    drop(outbox);
    within(sending.run(stop)).await;
    let [sent, refused, dropped] = outcomes(&state);
    assert_eq!((sent + dropped, refused), (3, 0));
    assert!(sent >= 2, "one was not taken");
}
