use tempfile::TempDir;

use super::*;
use crate::auth::{Key, KeyDigest, PresentedKey};
use crate::config::Config;
use crate::gateway::{Head, Kept, decide_head};
use crate::limits::Limits;
use crate::policy::{LivePolicy, Policy};
use crate::telemetry::{AuditLog, Metrics};
use crate::upstream::Identity;

const PATH: &str = "/openai/v1/chat/completions";
const REQUEST_ID: &str = "9c1f6ab2";

/// What replicas have in common: the configuration, and files with keys of decisions.
struct Shared {
    directory: TempDir,
    key: Key,
}

impl Shared {
    fn new() -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        for (name, letter) in [("one", "A"), ("two", "B")] {
            let text = format!("{}A=", letter.repeat(42));
            std::fs::write(directory.path().join(name), text).expect("written");
        }
        let key = Key::generate().expect("random numbers");
        Self { directory, key }
    }

    fn policy(&self, decisions: &str, client: &str) -> Policy {
        self.policy_with(decisions, client, "")
    }

    /// With what else is said of the client's key.
    fn policy_with(&self, decisions: &str, client: &str, of_key: &str) -> Policy {
        let digest = KeyDigest::of_presented(self.key.expose()).expect("a key");
        let digest = digest.to_hex();
        let text = format!(
            "listen: {{ grpc: \"127.0.0.1:9000\", admin: \"127.0.0.1:9090\" }}\n\
             identity: {{ managed_identity: {{}} }}\nbackends: [ {{ name: sweden }} ]\n\
             products: [ {{ id: p, deployments: [gpt], operations: [chat.completions] }} ]\n\
             clients: [ {{ id: {client}, products: [p], limits: {{ concurrent_requests: 1 }}, \
             credentials: [ {{ key: {{ sha256: {digest}, slot: primary{of_key} }} }} ] }} ]\n{decisions}\n"
        );
        let parsed = Config::parse("tollgate.yaml", &text, self.directory.path());
        parsed
            .map_err(|error| error.lines().concat())
            .expect("good")
            .policy
    }

    fn replica(&self, decisions: &str, client: &str) -> Arc<Gateway> {
        let (limits, _told) = Limits::new();
        let (audit, _writer) = AuditLog::start(std::io::sink()).expect("a thread");
        let metrics = Arc::new(Metrics::new().expect("metrics"));
        let policy = LivePolicy::new(self.policy(decisions, client));
        let identity = Arc::new(Identity::default());
        Arc::new(Gateway::new(
            Arc::new(policy),
            identity,
            metrics,
            audit,
            None,
            limits,
        ))
    }

    /// ext_authz.
    async fn decide(&self, at: &Gateway) -> Kept {
        self.decide_as(at, REQUEST_ID).await
    }

    async fn decide_as(&self, at: &Gateway, request_id: &str) -> Kept {
        let policy = at.policy();
        let head = Head {
            method: "POST",
            path: PATH,
            certificate: "",
            address: Some([192, 0, 2, 7].into()),
        };
        let key = self.key.expose().as_bytes();
        let fields = [
            ("api-key", key),
            ("x-request-id", request_id.as_bytes()),
            ("content-length", b"9"),
        ];
        let mut context = RequestContext::at(SystemTime::now());
        let rules = at.rules(&policy);
        let allowed = decide_head(&rules, &head, fields.into_iter(), &mut context, &mut ()).await;
        let allowed = allowed.expect("allowed");
        let basis = Basis::new(&policy, allowed.proof);
        at.keep("POST", allowed.decision, basis, context)
            .expect("kept")
    }
}

const ONE: &str = "decisions: { keys: [ { file: one } ] }";
const BOTH: &str = "decisions: { keys: [ { file: two }, { file: one } ] }";
const OTHER: &str = "decisions: { keys: [ { file: two } ] }";

fn bound() -> SealedFor {
    SealedFor {
        method: "POST".to_owned(),
        path: PATH.to_owned(),
        request_id: REQUEST_ID.into(),
    }
}

async fn open(
    at: &Arc<Gateway>,
    sealed: &str,
    bound: SealedFor,
) -> Result<Admitted, (Reason, String)> {
    let opened = Arc::clone(at).open(sealed.to_owned(), bound).await;
    opened.map_err(|rejected| {
        let detail = rejected.context.detail.as_deref().unwrap_or_default();
        (rejected.refusal.reason, detail.to_owned())
    })
}

fn sealed(kept: Kept) -> String {
    kept.sealed.expect("replicas share a key")
}

#[tokio::test]
async fn another_replica_takes_a_decision_up_once_with_all_that_was_known() {
    let shared = Shared::new();
    let (one, other) = (shared.replica(ONE, "app"), shared.replica(BOTH, "app"));
    let sealed = sealed(shared.decide(&one).await);
    let admitted = open(&other, &sealed, bound()).await.expect("taken up");
    assert_eq!(admitted.decision.caller.client.id.as_str(), "app");
    assert_eq!(admitted.decision.address, Some([192, 0, 2, 7].into()));
    assert_eq!(admitted.decision.announced_bytes, 9);
    assert_eq!(&*admitted.context.request_id, REQUEST_ID);
    assert_eq!(admitted.context.client.as_deref(), Some("app"));
    assert_eq!(admitted.context.path.as_deref(), Some(PATH));
    drop(admitted);
    let again = open(&other, &sealed, bound()).await.expect_err("refused");
    assert_eq!(again, (Reason::NoDecision, "it has been used".to_owned()));
}

#[tokio::test]
async fn a_decision_that_was_taken_from_memory_is_not_opened_besides() {
    let shared = Shared::new();
    let one = shared.replica(ONE, "app");
    let kept = shared.decide(&one).await;
    let id = kept.id;
    let sealed = sealed(kept);
    let taken = one.take(id).expect("it waits");
    assert!(taken.is_ok());
    assert!(one.take(id).is_none());
    let again = open(&one, &sealed, bound()).await.expect_err("refused");
    assert_eq!(again.1, "it has been used");
    // Nor the other way around.
    drop(taken);
    let kept = shared.decide(&one).await;
    let id = kept.id;
    assert!(open(&one, &self::sealed(kept), bound()).await.is_ok());
    assert!(one.take(id).is_none());
}

#[tokio::test]
async fn what_is_not_for_this_request_or_of_another_key_is_refused() {
    let shared = Shared::new();
    let (one, other) = (shared.replica(ONE, "app"), shared.replica(BOTH, "app"));
    let sealed = sealed(shared.decide(&one).await);
    let wrong = [
        SealedFor {
            method: "GET".to_owned(),
            ..bound()
        },
        SealedFor {
            path: format!("{PATH}?a=b"),
            ..bound()
        },
        SealedFor {
            request_id: "".into(),
            ..bound()
        },
        // The same text in all, divided in another way.
        SealedFor {
            method: "POST/".to_owned(),
            path: PATH.replacen('/', "", 1),
            ..bound()
        },
    ];
    for bound in wrong {
        let refused = open(&other, &sealed, bound).await.expect_err("refused");
        assert_eq!(refused.0, Reason::NoDecision);
        assert!(
            refused.1.contains("sealed for another request"),
            "{}",
            refused.1
        );
    }
    for (decisions, why) in [(OTHER, "a key that is not here"), ("", "no `decisions")] {
        let stranger = shared.replica(decisions, "app");
        let refused = open(&stranger, &sealed, bound())
            .await
            .expect_err("refused");
        assert_eq!(refused.0, Reason::NoDecision);
        assert!(refused.1.contains(why), "{}", refused.1);
    }
    assert!(
        open(&other, &sealed, bound()).await.is_ok(),
        "nothing of it has used it up"
    );
}

#[tokio::test]
async fn who_opens_it_decides_again_by_its_own_configuration() {
    let shared = Shared::new();
    let one = shared.replica(ONE, "app");
    let sealed = sealed(shared.decide(&one).await);
    let newer = shared.replica(ONE, "renamed");
    let admitted = open(&newer, &sealed, bound())
        .await
        .expect("its key is here");
    assert_eq!(admitted.decision.caller.client.id.as_str(), "renamed");
    let strict = shared.replica(ONE, "app");
    let policy = Config::parse(
        "tollgate.yaml",
        &format!(
            "listen: {{ grpc: \"127.0.0.1:9000\", admin: \"127.0.0.1:9090\" }}\n\
             identity: {{ managed_identity: {{}} }}\nbackends: [ {{ name: sweden }} ]\n{ONE}\n"
        ),
        shared.directory.path(),
    );
    strict.policy.store(policy.expect("good").policy);
    let refused = open(&strict, &sealed, bound()).await.expect_err("refused");
    assert_eq!(refused.0.label(), "key_unknown");
}

#[tokio::test]
async fn a_refusal_of_what_was_sealed_says_whose_credential_it_was() {
    let shared = Shared::new();
    let one = shared.replica(ONE, "app");
    let sealed = sealed(shared.decide(&one).await);
    let other = shared.replica(ONE, "app");
    let expired = shared.policy_with(ONE, "app", ", not_after: 2001-01-01");
    other.policy.store(expired);
    let opened = Arc::clone(&other).open(sealed, bound()).await;
    let rejected = opened.expect_err("its key has expired here");
    assert_eq!(rejected.refusal.reason.label(), "key_expired");
    let context = rejected.context;
    assert_eq!(context.client.as_deref(), Some("app"));
    assert_eq!(context.credential, Some("key.primary"));
    let described = context.described.expect("what is known of it");
    let id = PresentedKey::parse(shared.key.expose()).expect("a key");
    assert_eq!(described.key_id.as_deref(), Some(id.id()));
}

#[tokio::test]
async fn a_request_is_its_clients_where_it_is_taken_up() {
    let shared = Shared::new();
    let (one, other) = (shared.replica(ONE, "app"), shared.replica(ONE, "app"));
    // Two that are taken up elsewhere don't fill its share of one here.
    let first = sealed(shared.decide(&one).await);
    let second = sealed(shared.decide(&one).await);
    let admitted = open(&other, &first, bound()).await.expect("room");
    let refused = open(&other, &second, bound()).await.expect_err("full");
    assert_eq!(refused.0, Reason::TooManyConcurrentRequests);
    drop(admitted);
    assert!(
        one.pending.sweep().is_empty(),
        "nobody has given anything up"
    );
}

#[tokio::test]
async fn without_a_key_nothing_leaves_the_process() {
    let shared = Shared::new();
    let alone = shared.replica("", "app");
    assert!(shared.decide(&alone).await.sealed.is_none());
}

#[tokio::test]
async fn without_an_id_of_the_request_nothing_is_sealed() {
    let shared = Shared::new();
    let one = shared.replica(ONE, "app");
    let kept = shared.decide_as(&one, "").await;
    assert!(kept.sealed.is_none());
    assert!(one.take(kept.id).is_some_and(|it| it.is_ok()));
}

#[tokio::test]
async fn where_no_more_can_wait_a_decision_is_opened_where_it_is_taken_up() {
    let shared = Shared::new();
    let one = shared.replica(ONE, "app");
    one.pending.fill();
    let kept = shared.decide(&one).await;
    assert!(one.take(kept.id).is_none());
    assert!(open(&one, &sealed(kept), bound()).await.is_ok());
}
