//! Three replicas behind one Envoy, over the network: they share all there is, and one of them dies.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};

use reqwest::Response;
use tokio::task::JoinSet;
use tollgate_integration::postgres::Postgres;
use tollgate_integration::redis::Redis;
use tollgate_integration::stack::{Options, Stack, Tollgate, wait_for};

use super::{Others, PASSWORD_VARIABLE, sharing};
use crate::shared_tollgate::Mesh;
use crate::support::{assert_no_violations, hello, hello_stream, send};

/// Streams that are under way when a replica dies.
const STREAMS: usize = 12;
/// Requests of each caller, and callers at once.
const REQUESTS: usize = 60;
const CALLERS: usize = 6;

/// The id of a request whose answer came whole, and what it was otherwise.
async fn whole(mut answer: Response) -> Result<String, String> {
    let id = answer.headers()["x-request-id"]
        .to_str()
        .expect("text")
        .to_owned();
    if answer.status() != 200 {
        return Err(format!("{} {:?}", answer.status(), answer.text().await));
    }
    let mut text = Vec::new();
    loop {
        match answer.chunk().await {
            Ok(Some(piece)) => text.extend_from_slice(&piece),
            Ok(None) => break,
            Err(error) => return Err(error.to_string()),
        }
    }
    let is_stream = text.starts_with(b"data:");
    let is_whole = !is_stream || String::from_utf8_lossy(&text).contains("data: [DONE]");
    is_whole.then_some(id).ok_or_else(|| "cut".to_owned())
}

async fn active(tollgate: &Tollgate) -> usize {
    let metrics = tollgate.metrics().await.expect("metrics");
    let line = metrics
        .lines()
        .find_map(|it| it.strip_prefix("tollgate_active_requests "));
    line.and_then(|it| it.parse().ok()).unwrap_or(0)
}

/// Ids of the requests that have records, with how many.
fn recorded(postgres: &Postgres) -> BTreeMap<String, usize> {
    let rows = postgres
        .query("SELECT request_id FROM usage_records")
        .expect("records");
    let mut counts = BTreeMap::new();
    for id in rows.lines() {
        *counts.entry(id.to_owned()).or_default() += 1;
    }
    counts
}

#[tokio::test]
async fn one_of_three_replicas_dies_under_load_and_nothing_is_lost() {
    let (postgres, redis) = (
        Postgres::start().expect("PostgreSQL"),
        Redis::start().expect("Redis"),
    );
    let mesh = Mesh::new(3);
    let shared = format!(
        "data_directory: data\ndatabase: {{ url: \"{}\", password: {{ env: {PASSWORD_VARIABLE} }} }}\n\
         limits: {{ redis: {{ url: \"{}\", replicas: 3 }}, everything: {{ requests_per_minute: 100000 }} }}\n",
        postgres.url(),
        redis.url()
    );
    let options = mesh.options(sharing(Options::default()));
    let options = options
        .tollgate_env(PASSWORD_VARIABLE, Postgres::PASSWORD)
        .edit_config(move |yaml| yaml + &shared)
        .dont_wait_until_ready();
    let mut stack = Stack::start(options).await;
    stack.tollgate_mut().ready().await.expect("it is ready");
    let others = Others::new(2);
    let first = mesh.listen(mesh.ports[0]);
    let next = AtomicUsize::new(1);
    let own_port = |yaml: String| {
        let port = mesh.ports[next.fetch_add(1, Ordering::Relaxed)];
        yaml.replace(&first, &mesh.listen(port))
    };
    let mut replicas = others.start(&stack, own_port).await;
    let mut streams = JoinSet::new();
    for _ in 0..STREAMS {
        let slow = stack
            .chat(&hello_stream())
            .header("x-fake-output-tokens", "100");
        let answer = send(slow.header("x-fake-token-delay-ms", "30")).await;
        streams.spawn(whole(answer));
    }
    let mut each = vec![active(stack.tollgate()).await];
    for replica in &replicas {
        each.push(active(replica).await);
    }
    assert_eq!(each.iter().sum::<usize>(), STREAMS, "{each:?}");
    assert!(
        each.iter().all(|it| *it > 0),
        "every replica has some: {each:?}"
    );
    let mut callers = JoinSet::new();
    for _ in 0..CALLERS {
        let requests: Vec<_> = [stack.chat(&hello()), stack.chat(&hello_stream())].into();
        callers.spawn(async move {
            let mut answers = Vec::new();
            for request in requests.iter().cycle().take(REQUESTS) {
                let request = request.try_clone().expect("a request of bytes");
                answers.push(whole(send(request).await).await);
            }
            answers
        });
    }
    let mut dead = replicas.pop().expect("the third one");
    wait_for("some requests", async || {
        (stack.azure.requests().len() > 60).then_some(())
    })
    .await;
    dead.child().kill().await.expect("killed");
    let mut answers: Vec<Result<String, String>> = streams.join_all().await;
    let survived = answers.iter().filter(|it| it.is_ok()).count();
    assert!(
        survived >= STREAMS - each[2],
        "{survived} of {each:?}: {answers:?}"
    );
    answers.extend(callers.join_all().await.into_iter().flatten());
    let failed: Vec<_> = answers.iter().filter_map(|it| it.as_ref().err()).collect();
    // Those that the dead one had under way.
    assert!(failed.len() <= each[2] + CALLERS, "{failed:?}");
    let _restarted = others.restart(&stack, 1).await;
    let ids: Vec<_> = answers.into_iter().flatten().collect();
    wait_for("the records", async || {
        let counts = recorded(&postgres);
        ids.iter().all(|id| counts.contains_key(id)).then_some(())
    })
    .await;
    let twice: Vec<_> = recorded(&postgres)
        .into_iter()
        .filter(|it| it.1 > 1)
        .collect();
    assert!(twice.is_empty(), "{twice:?}");
    assert_no_violations(&stack);
}
