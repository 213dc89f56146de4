//! The hostile mix: what a client within its limits feels of another one that wants the gateway for itself, and of one
//! that wants another gateway on the same machine: what both have in common is the machine's.

use std::num::NonZero;
use std::thread::available_parallelism;
use std::time::Duration;

use super::attack::Attack;
use super::backend::BenchBackend;
use super::measure::{calm, hang_up, median, sample};
use super::process::Clock;
use super::setup::{Chain, OTHER_KEY, Setup};
use super::table;
use super::workload::Workload;
use tollgate_integration::stack::{Failure, TestKey};

/// The calm half of them counts.
const ROUNDS: u64 = 6;
/// How long an attack is under way before anything is measured.
const BEGINNING: Duration = Duration::from_secs(2);
/// The client within its limits has one request under way at a time.
const CONNECTIONS: u32 = 1;

/// What the client felt during one attack.
pub struct Felt {
    /// The attack.
    pub attack: Attack,
    /// Requests in a second, in each round.
    pub rate: f64,
    /// Median latency in microseconds.
    pub p50_us: f64,
    /// The latency that one request in a hundred exceeds.
    pub p99_us: f64,
    /// The same while the attack is on another gateway beside.
    pub beside_p99_us: f64,
}

/// Runs these attacks in turn; `seconds` bounds the time under load.
pub async fn run(seconds: u64, attacks: &[Attack]) -> Result<String, Failure> {
    let runs = 2 * ROUNDS * attacks.len() as u64;
    let seconds_per_run = (seconds / runs).max(1);
    let clock = Clock::of_system()?;
    let backend = BenchBackend::start().await?;
    // As many as Envoy has where nobody says otherwise.
    let workers = available_parallelism().map_or(1, NonZero::get);
    let workers = u32::try_from(workers).unwrap_or(1);
    let mut setup = Setup::start(Chain::Tollgate, &backend, workers).await?;
    let beside = Setup::start(Chain::Tollgate, &backend, workers).await?;
    for setup in [&setup, &beside] {
        hang_up(&reqwest::Client::new(), setup).await?;
    }
    let attacker = TestKey::numbered(OTHER_KEY);
    let targets = [setup.address(), beside.address()];
    let mut samples = vec![[Vec::new(), Vec::new()]; attacks.len()];
    for round in 1..=ROUNDS {
        for (attack, samples) in attacks.iter().zip(&mut samples) {
            eprintln!("hostile mix, round {round} of {ROUNDS}: {attack}");
            for (target, samples) in targets.into_iter().zip(samples) {
                let under_way = attack.begin(target, attacker.text())?;
                if under_way.is_some() {
                    // Its beginning is not what is measured.
                    tokio::time::sleep(BEGINNING).await;
                }
                let taken = sample(
                    &mut setup,
                    Workload::Json,
                    CONNECTIONS,
                    seconds_per_run,
                    clock,
                );
                samples.push(taken.await?);
                drop(under_way);
            }
        }
    }
    let samples = samples.into_iter().map(|both| both.map(calm));
    let samples: Vec<_> = samples.collect();
    let runs = samples.iter().flatten().flatten();
    let most_stolen = runs.map(|run| run.stolen).fold(0.0, f64::max);
    let felt = attacks
        .iter()
        .zip(&samples)
        .map(|(&attack, [here, beside])| Felt {
            attack,
            rate: median(here, |it| {
                it.run.requests as f64 * 1e6 / it.run.duration_us as f64
            }),
            p50_us: median(here, |it| it.run.p50_us),
            p99_us: median(here, |it| it.run.p99_us),
            beside_p99_us: median(beside, |it| it.run.p99_us),
        });
    let felt: Vec<_> = felt.collect();
    Ok(format!(
        "\nThe hostile mix: a client with one JSON request under way, while another one attacks; {ROUNDS} rounds \
         of {seconds_per_run} s each, and as long with the attack on another gateway of the machine; Envoys with \
         {workers} workers.\nThe half of the runs counts during which the host took least of the processors: \
         {:.1} % at most.\n\n{}\n",
        100.0 * most_stolen,
        table::of_hostile(&felt)
    ))
}
