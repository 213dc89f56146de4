//! Limits in memory and in a real Redis.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tollgate::limits::*;
use tollgate_integration::redis::Redis;

/// One replica.
pub struct Replica {
    pub limits: Arc<Limits>,
    pub settings: Arc<LimitSettings>,
    stop: CancellationToken,
    keeper: Option<JoinHandle<()>>,
    alarms: Mutex<mpsc::Receiver<Alarm>>,
}

pub type Reserved = Result<Reservation, Box<Exceeded>>;

impl Replica {
    pub fn in_memory() -> Self {
        let (limits, alarms) = Limits::new();
        Self {
            limits,
            settings: Arc::default(),
            stop: CancellationToken::new(),
            keeper: None,
            alarms: Mutex::new(alarms),
        }
    }

    pub async fn shared(options: SharedOptions) -> Self {
        Self::shared_with(options, None).await
    }

    /// Whose password is replaced by others.
    pub async fn shared_with(options: SharedOptions, renewed: Option<RenewedPassword>) -> Self {
        let (limits, alarms) = Limits::shared(options, renewed).expect("a replica");
        let settings: Arc<LimitSettings> = Arc::default();
        limits.connect(&settings).await;
        let stop = CancellationToken::new();
        let keeper = tokio::spawn({
            let (limits, settings, stop) =
                (Arc::clone(&limits), Arc::clone(&settings), stop.clone());
            async move {
                limits
                    .keep_shared(move || Arc::clone(&settings), stop)
                    .await
            }
        });
        Self {
            limits,
            settings,
            stop,
            keeper: Some(keeper),
            alarms: Mutex::new(alarms),
        }
    }

    pub async fn ask(&self, demand: Demand) -> Reserved {
        match self.limits.reserve(demand, &self.settings) {
            Attempt::Now(decided) => decided,
            Attempt::Later(waiting) => waiting.await,
        }
    }

    pub async fn reserve(&self, lines: &[Line], amounts: Amounts) -> Reserved {
        self.ask(demand(lines, amounts)).await
    }

    /// The thresholds that were passed since it was last asked.
    pub fn alarms(&self) -> Vec<u8> {
        let mut alarms = self.alarms.lock().expect("not poisoned");
        std::iter::from_fn(|| alarms.try_recv().ok())
            .map(|alarm| alarm.percent)
            .collect()
    }

    pub fn state(&self) -> SharedState {
        self.limits.shared_state().expect("it is shared")
    }

    pub async fn until_up(&self, is_up: bool) {
        wait_for(|| self.state().is_up() == is_up).await;
    }

    /// Ends as a process does that is told to.
    pub async fn stop(mut self) {
        self.stop.cancel();
        self.keeper
            .take()
            .expect("it is shared")
            .await
            .expect("it ends");
    }

    /// Ends as a process does that is killed: it gives nothing back.
    pub fn crash(mut self) {
        let keeper = self.keeper.take().expect("it is shared");
        keeper.abort();
    }
}

/// One of each kind, with what it is counted in.
pub async fn each() -> [(&'static str, Replica, Option<Redis>); 2] {
    let server = Redis::start().expect("a Redis");
    let shared = Replica::shared(options(&server)).await;
    [
        ("in memory", Replica::in_memory(), None),
        ("in Redis", shared, Some(server)),
    ]
}

pub fn options(server: &Redis) -> SharedOptions {
    let url = ServerUrl::parse(&server.url()).expect("an address");
    of(Servers::Single(url))
}

/// Four replicas that go on with their share when they are alone. They wait longer for an answer than a request would:
/// how long a machine of tests takes says nothing about what is counted.
pub fn of(servers: Servers) -> SharedOptions {
    SharedOptions {
        servers,
        trust: None,
        username: None,
        password: None,
        key_prefix: "test".to_owned(),
        when_unavailable: WhenUnavailable::LocalShare,
        replicas: 4,
        answer_timeout: Duration::from_secs(10),
    }
}

pub async fn wait_for(is_so: impl Fn() -> bool) {
    tokio::time::timeout(Duration::from_secs(30), async {
        while !is_so() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await
    .expect("it becomes so");
}

pub fn rule(measure: Measure, span: Span, most: u64) -> Rule {
    let meter = Meter { measure, span };
    Rule { meter, most }
}

pub fn line(subject: Subject, rules: &[Rule]) -> Line {
    Line {
        subject,
        rules: rules.into(),
        percent: 100,
    }
}

pub fn client(name: &str, rules: &[Rule]) -> Line {
    line(Subject::Client(name.into()), rules)
}

pub fn demand(lines: &[Line], amounts: Amounts) -> Demand {
    Demand {
        lines: lines.to_vec(),
        amounts,
        priority: Priority::Normal,
        queueing: None,
    }
}

pub fn tokens(input: u64, output: u64) -> Amounts {
    Amounts {
        requests: 1,
        input,
        output,
        cost: 0,
    }
}

pub fn sent(reserved: Reserved) -> Reservation {
    let mut reservation = reserved.expect("room");
    reservation.sent();
    reservation
}
