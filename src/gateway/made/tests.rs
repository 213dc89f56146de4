use std::sync::Arc;
use std::time::SystemTime;

use super::super::basis::Basis;
use super::super::decide::Decision;
use super::super::pending::Waiting;
use super::super::share::Lease;
use super::*;
use crate::access::{AskedBy, Client, Target, Unsettled};
use crate::auth::{Caller, CredentialKind, KeySlot};
use crate::telemetry::RequestContext;
use crate::usage::BodyFormat;

const RESPONSES: &str = "/openai/v1/responses";

/// A request of a client that is out.
fn request(client: &str, method: &str, path: &str) -> Outgoing {
    let client = Client::new(ClientId::new(client), Vec::new());
    let decision = Decision {
        pools: Arc::default(),
        path: String::new(),
        caller: Caller {
            client: Arc::new(client),
            credential: CredentialKind::Key(KeySlot::Primary),
            key: None,
            user: None,
            entitlements: None,
        },
        target: Target::parse(method, path).expect("a path"),
        grant: None,
        address: None,
        started: SystemTime::UNIX_EPOCH,
        max_body_bytes: usize::MAX,
        announced_bytes: 0,
    };
    let context = RequestContext::at(SystemTime::UNIX_EPOCH);
    let waiting = Waiting::new(decision, Basis::of_nothing(), None, context);
    let admitted = waiting.expect("random numbers");
    let admitted = admitted.admitted(Arc::new(Lease::of_nobody()));
    Outgoing::without_body(admitted, Known::Nothing)
}

/// Reads a whole answer; gives what is to be kept of it.
fn answer(owners: &ObjectOwners, outgoing: &Outgoing, status: u16, body: &str) -> Vec<String> {
    let operation = outgoing.admitted.decision.target.endpoint.operation();
    let mut meter = Meter::new(operation, BodyFormat::Json, false);
    let mut made = Made::default();
    for piece in body.as_bytes().chunks(7) {
        meter.feed(piece, false);
        made.note(owners, outgoing, None, &mut meter);
    }
    let changes = made.end(owners, outgoing, Some(status)).into_iter();
    let kept = |change: ObjectChange| {
        let fate = change.known.map_or("deleted", |_| "made");
        format!(
            "{} {} of {} {fate}",
            change.kind.as_str(),
            change.id,
            change.owner
        )
    };
    changes.map(kept).collect()
}

fn client(name: &str) -> ClientId {
    ClientId::new(name)
}

const RESPONSE: &str = r#"{"id":"resp_1","output":[{"id":"rs_1","type":"reasoning"},
    {"id":"ci_1","container_id":"cntr_1"},{"id":"msg_1","content":[{"id":"no"}]}]}"#;

#[test]
fn what_a_response_shows_is_its_clients() {
    let owners = ObjectOwners::default();
    let made = answer(&owners, &request("a", "POST", RESPONSES), 200, RESPONSE);
    assert_eq!(
        made,
        [
            "Response resp_1 of a made",
            "Item rs_1 of a made",
            "Item ci_1 of a made",
            "Container cntr_1 of a made",
            "Item msg_1 of a made",
        ]
    );
    for (kind, id) in [
        (ObjectKind::Response, "resp_1"),
        (ObjectKind::Item, "rs_1"),
        (ObjectKind::Container, "cntr_1"),
    ] {
        assert!(owners.owns(kind, &client("a"), id), "{id}");
        assert!(!owners.owns(kind, &client("b"), id), "{id}");
    }
}

#[test]
fn what_is_known_already_is_not_kept_again() {
    let owners = ObjectOwners::default();
    answer(&owners, &request("a", "POST", RESPONSES), 200, RESPONSE);
    let get = request("a", "GET", "/openai/v1/responses/resp_1");
    assert_eq!(answer(&owners, &get, 200, RESPONSE), [""; 0]);
    let more = RESPONSE.replace("msg_1", "msg_2");
    assert_eq!(
        answer(&owners, &get, 200, &more),
        ["Item msg_2 of a made"],
        "an item that was not there before"
    );
    let list = request("a", "GET", "/openai/v1/responses/resp_1/input_items");
    let body = r#"{"object":"list","data":[{"id":"msg_0"},{"id":"rs_1"}],"first_id":"no"}"#;
    assert_eq!(answer(&owners, &list, 200, body), ["Item msg_0 of a made"]);
}

#[test]
fn an_id_of_another_client_stays_that_clients() {
    let owners = ObjectOwners::default();
    answer(&owners, &request("a", "POST", RESPONSES), 200, RESPONSE);
    let list = request("b", "GET", "/openai/v1/responses/resp_2/input_items");
    let body = r#"{"data":[{"id":"msg_1"},{"id":"msg_2","container_id":"cntr_1"}]}"#;
    assert_eq!(answer(&owners, &list, 200, body), ["Item msg_2 of b made"]);
    assert!(owners.owns(ObjectKind::Item, &client("a"), "msg_1"));
    assert!(!owners.owns(ObjectKind::Item, &client("b"), "msg_1"));
    assert!(!owners.owns(ObjectKind::Container, &client("b"), "cntr_1"));
}

#[test]
fn only_answers_that_can_show_an_id_are_believed() {
    let owners = ObjectOwners::default();
    let body = r#"{"id":"x_1","output":[{"id":"msg_1"}],"data":[{"id":"msg_2"}],"output_file_id":"file-1"}"#;
    for (method, path, expected) in [
        ("POST", "/openai/v1/chat/completions", vec![]),
        ("POST", "/openai/v1/files", vec!["File x_1 of a made"]),
        (
            "POST",
            "/openai/v1/batches",
            vec!["Batch x_1 of a made", "File file-1 of a made"],
        ),
        (
            "POST",
            "/openai/v1/responses/compact",
            vec!["Item msg_1 of a made", "Item msg_2 of a made"],
        ),
        ("POST", "/openai/v1/responses/input_tokens", vec![]),
        ("GET", "/openai/v1/files/file-2", vec![]),
        ("GET", "/openai/v1/models", vec![]),
    ] {
        let made = answer(&owners, &request("a", method, path), 200, body);
        assert_eq!(made, expected, "{method} {path}");
    }
}

#[test]
fn what_is_deleted_is_forgotten_and_what_could_not_be_is_not() {
    let owners = ObjectOwners::default();
    let file = |owners: &ObjectOwners| owners.owns(ObjectKind::File, &client("a"), "file-1");
    owners.remember(ObjectKind::File, "file-1", &client("a"), Stored::default());
    let delete = request("a", "DELETE", "/openai/v1/files/file-1");
    for status in [404, 409, 500] {
        assert_eq!(answer(&owners, &delete, status, "{}"), [""; 0]);
        assert!(file(&owners), "after {status}");
    }
    let made = answer(&owners, &delete, 200, r#"{"id":"file-1","deleted":true}"#);
    assert_eq!(made, ["File file-1 of a deleted"]);
    assert!(!file(&owners));
}

#[test]
fn of_a_response_the_last_that_is_known_is_kept() {
    let owners = ObjectOwners::default();
    let outgoing = request("a", "POST", RESPONSES);
    let mut meter = Meter::new(Operation::Responses, BodyFormat::Json, false);
    let mut made = Made::default();
    meter.feed(br#"{"id":"resp_1","status":"queued"}"#, true);
    made.note(&owners, &outgoing, None, &mut meter);
    let work = Unsettled::new(None, None, AskedBy::default());
    let known = Known::Background(Arc::new(work));
    made.learn(&owners, &client("a"), "resp_1", known);
    let [change] = made
        .end(&owners, &outgoing, Some(200))
        .try_into()
        .expect("one change");
    assert!(matches!(change.known, Some(Known::Background(_))));
    let known = owners.known(ObjectKind::Response, &client("a"), "resp_1");
    assert!(matches!(known, Some(Known::Background(_))), "{known:?}");
}

#[test]
fn a_response_that_was_given_up_meanwhile_keeps_its_backend() {
    let owners = ObjectOwners::default();
    let outgoing = request("a", "POST", RESPONSES);
    let mut meter = Meter::new(Operation::Responses, BodyFormat::Json, false);
    let mut made = Made::default();
    meter.feed(br#"{"id":"resp_1","status":"queued"}"#, true);
    made.note(&owners, &outgoing, Some(&"east".into()), &mut meter);
    owners.forget(ObjectKind::Response, &client("a"), "resp_1");
    made.learn(&owners, &client("a"), "resp_1", Known::Nothing);
    let stored = owners.stored(ObjectKind::Response, &client("a"), "resp_1");
    let backend = stored.and_then(|it| it.backend);
    assert_eq!(backend.as_deref(), Some("east"));
    let changes = made.end(&owners, &outgoing, Some(200));
    let backends: Vec<_> = changes.iter().map(|it| it.backend.as_deref()).collect();
    assert_eq!(backends, [Some("east")]);
}
