//! Each way to run the servers.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tollgate::limits::*;
use tollgate_integration::redis::Redis;

use super::rig::*;

const DAILY: Span = Span::Period(Period::Day);
const USER: &str = "tollgate";
const PASSWORD: &str = "loopback-only";

/// What the user may do, as docs/limits.md says it: each command is a rule of an ACL.
fn documented_rights() -> Vec<String> {
    let row = include_str!("../../../docs/limits.md")
        .lines()
        .find(|line| line.starts_with("| `username`"))
        .expect("a row about it");
    let is_command = |word: &&str| {
        let is_sign = |sign: char| sign.is_ascii_uppercase() || sign == ' ';
        word.starts_with(char::is_alphabetic) && word.chars().all(is_sign)
    };
    // Every other part is between backticks.
    let commands = row.split('`').skip(1).step_by(2).filter(is_command);
    let rules = commands.map(|it| format!("+{}", it.to_lowercase().replace(' ', "|")));
    let all = ["on", "~*"].map(str::to_owned).into_iter();
    all.chain([format!(">{PASSWORD}")]).chain(rules).collect()
}

/// The same servers, as a user who may do what is documented.
fn as_user(servers: Servers) -> SharedOptions {
    SharedOptions {
        username: Some(USER.to_owned()),
        password: Some(PASSWORD.into()),
        ..of(servers)
    }
}

/// Two replicas share every kind of limit.
async fn is_shared(options: &SharedOptions) {
    let (one, other) = (
        Replica::shared(options.clone()).await,
        Replica::shared(options.clone()).await,
    );
    assert!(
        one.state().is_up() && other.state().is_up(),
        "{:?}",
        options.servers
    );
    for name in ["a", "b", "c", "d", "e", "f"] {
        let lines = [
            client(
                name,
                &[
                    rule(Measure::TotalTokens, Span::Minute, 100),
                    rule(Measure::TotalTokens, DAILY, 100),
                    rule(Measure::ConcurrentRequests, Span::AtOnce, 10),
                ],
            ),
            line(
                Subject::Product(name.into()),
                &[rule(Measure::Requests, Span::Minute, 50)],
            ),
        ];
        drop(sent(one.reserve(&lines, tokens(60, 0)).await));
        other
            .reserve(&lines, tokens(41, 0))
            .await
            .expect_err("40 are left");
        drop(sent(other.reserve(&lines, tokens(40, 0)).await));
        one.reserve(&lines, tokens(1, 0))
            .await
            .expect_err("used up");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_of_three() {
    let nodes = Redis::cluster().expect("a cluster");
    let urls = nodes
        .each_ref()
        .map(|node| ServerUrl::parse(&node.url()).expect("an address"));
    let rights = documented_rights();
    let rights: Vec<&str> = rights.iter().map(String::as_str).collect();
    for node in &nodes {
        node.make_user(USER, &rights).expect("a user");
    }
    is_shared(&as_user(Servers::Cluster(urls[..1].to_vec()))).await;
    let keys = nodes
        .each_ref()
        .map(|node| node.ask(&["dbsize"]).expect("an answer"));
    assert!(
        keys.iter().all(|keys| keys != "0"),
        "each has some: {keys:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_database_that_the_address_names() {
    let server = Redis::start().expect("a Redis");
    let rights = documented_rights();
    let rights: Vec<&str> = rights.iter().map(String::as_str).collect();
    server.make_user(USER, &rights).expect("a user");
    let url = format!("{}/2", server.url());
    let url = ServerUrl::parse(&url).expect("an address");
    is_shared(&as_user(Servers::Single(url))).await;
    let keyspace = server.ask(&["info", "keyspace"]).expect("an answer");
    assert!(keyspace.contains("db2:"), "{keyspace}");
    assert!(!keyspace.contains("db0:"), "{keyspace}");
}

#[tokio::test(flavor = "multi_thread")]
async fn tls_with_an_authority_of_ones_own_and_a_password() {
    let directory = tempfile::tempdir().expect("a directory");
    let rights = documented_rights();
    let rights: Vec<&str> = rights.iter().map(String::as_str).collect();
    let server = Redis::with_tls(directory.path(), USER, &rights).expect("a Redis");
    let authority = std::fs::read(directory.path().join(Redis::AUTHORITY)).expect("a certificate");
    let good = SharedOptions {
        trust: Some(authority),
        ..as_user(Servers::Single(
            ServerUrl::parse(&server.tls_url()).expect("an address"),
        ))
    };
    is_shared(&good).await;
    for bad in [
        SharedOptions {
            password: Some("other".into()),
            ..good.clone()
        },
        SharedOptions {
            trust: None,
            ..good.clone()
        },
        SharedOptions {
            servers: Servers::Single(ServerUrl::parse(&server.url()).expect("an address")),
            trust: None,
            ..good.clone()
        },
    ] {
        assert!(!Replica::shared(bad).await.state().is_up());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sentinels_say_who_goes_on_when_the_primary_dies() {
    let primary = Redis::start().expect("a Redis");
    let follower = primary.follower().expect("a follower");
    let sentinel = Redis::sentinel_of(&primary).expect("a sentinel");
    let rights = documented_rights();
    let rights: Vec<&str> = rights.iter().map(String::as_str).collect();
    for server in [&primary, &follower] {
        server.make_user(USER, &rights).expect("a user");
    }
    let options = as_user(Servers::Sentinel {
        sentinels: vec![ServerUrl::parse(&sentinel.url()).expect("an address")],
        name: "main".to_owned(),
    });
    let replica = Replica::shared(options).await;
    assert!(replica.state().is_up());
    let lines = [client(
        "app",
        &[rule(Measure::TotalTokens, Span::Minute, 1_000)],
    )];
    drop(sent(replica.reserve(&lines, tokens(900, 0)).await));
    primary.kill();
    wait_for(|| {
        let said = follower.ask(&["role"]).expect("an answer");
        said.starts_with("master")
    })
    .await;
    // Alone, its share is used up.
    let passes = async {
        loop {
            let refused = replica.reserve(&lines, tokens(101, 0)).await;
            refused.expect_err("900 are used");
            match replica.reserve(&lines, tokens(100, 0)).await {
                Ok(reservation) => return reservation,
                Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
            }
        }
    };
    let passed = tokio::time::timeout(Duration::from_secs(30), passes).await;
    drop(passed.expect("the other server goes on"));
    assert!(replica.state().is_up());
}

/// The connections of the user at a server, by their ids.
fn connections(server: &Redis) -> BTreeSet<String> {
    let all = server.ask(&["client", "list"]).expect("an answer");
    let own = all
        .lines()
        .filter(|it| it.contains(&format!("user={USER} ")));
    let ids = own.filter_map(|it| it.split(' ').find(|field| field.starts_with("id=")));
    ids.map(str::to_owned).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_replaced_before_the_server_ends_its_connection() {
    let server = Redis::start().expect("a Redis");
    let url = ServerUrl::parse(&server.url()).expect("an address");
    let token = Arc::<Mutex<Option<&str>>>::default();
    let renewed: RenewedPassword = {
        let token = Arc::clone(&token);
        Arc::new(move || token.lock().expect("no poison").map(Into::into))
    };
    let set = |to| *token.lock().expect("no poison") = Some(to);
    let options = SharedOptions {
        username: Some(USER.to_owned()),
        ..of(Servers::Single(url))
    };
    let rights = ["on", "~*", "+@all", ">first"];
    server.make_user(USER, &rights).expect("a user");
    let replica = Replica::shared_with(options, Some(renewed)).await;
    assert!(!replica.state().is_up(), "it has no token yet");
    set("first");
    wait_for(|| replica.state().is_up()).await;
    let before = connections(&server);
    let failed = replica.state().failed;
    // As with Entra ID, both tokens are good for a while.
    server.make_user(USER, &[">second"]).expect("a user");
    set("second");
    wait_for(|| {
        let now = connections(&server);
        !now.is_empty() && now.is_disjoint(&before)
    })
    .await;
    assert!(replica.state().is_up());
    assert_eq!(replica.state().failed, failed, "no call was lost");
    // One that is not taken changes nothing while the other one is good.
    set("third");
    let second = connections(&server);
    wait_for(|| {
        let log = server.ask(&["acl", "log"]).expect("an answer");
        log.contains("auth")
    })
    .await;
    assert!(replica.state().is_up());
    assert_eq!(connections(&server), second);
}
