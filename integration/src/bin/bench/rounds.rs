//! The rounds: what the gateway costs next to Envoy alone, and to a service that does nothing.
//!
//! The same load goes to each chain in turn, in short rounds, so that whatever else the machine does
//! hits all alike. Every answer must be 200, and tollgate must have counted what the backend billed,
//! or there are no figures.

use std::fmt::Write;

use super::backend::BenchBackend;
use super::measure::{Cell, calm_rounds, first_bytes, hang_up, sample};
use super::process::{Clock, resident_kib};
use super::setup::{Chain, Counted, Setup, Waits};
use super::table;
use super::workload::Workload;
use tollgate_integration::stack::{Failure, poll_for};

/// Of one second each: whatever else the machine does changes from second to second.
const LEAST_ROUNDS: u64 = 3;
const SECONDS_OF_A_RUN: u64 = 1;
/// Each part of the rounds has processes of its own: two that do the same differ by up to a tenth, for as long as
/// they live.
const PARTS: u64 = 4;
const BUSY_CONNECTIONS: u32 = 16;
const QUIET_CONNECTIONS: u32 = 1;
/// Timed first bytes of each chain, workload and round.
const FIRST_BYTES: usize = 10;
/// What a request of these workloads is billed at most, in tokens.
const MAX_REQUEST_TOKENS: u64 = 300;

/// Runs the workloads on the chains and gives the report; `seconds` bounds the time under load.
pub async fn run(
    seconds: u64,
    chains: &[Chain],
    workloads: &[Workload],
) -> Result<String, Failure> {
    let runs = 2 * (chains.len() * workloads.len()) as u64;
    let rounds = (seconds / (runs * SECONDS_OF_A_RUN)).max(LEAST_ROUNDS);
    let parts = rounds.min(PARTS);
    let mut bench = Bench {
        backend: BenchBackend::start().await?,
        clock: Clock::of_system()?,
        http: reqwest::Client::new(),
    };
    let mut cells = vec![vec![Cell::default(); chains.len()]; workloads.len()];
    let mut waits = None;
    let mut memory = Vec::new();
    for part in 0..parts {
        let mut setups = bench.start(chains).await?;
        for round in rounds * part / parts..rounds * (part + 1) / parts {
            for (&workload, row) in workloads.iter().zip(&mut cells) {
                eprintln!("round {} of {rounds}: {workload}", round + 1);
                let mut turns: Vec<_> = setups.iter_mut().zip(row).collect();
                if round % 2 == 1 {
                    turns.reverse();
                }
                for (setup, cell) in turns {
                    bench.measure(setup, workload, cell).await?;
                }
            }
        }
        memory.clear();
        for setup in &mut setups {
            waits = Waits::sum(waits, setup.waits().await?);
            let envoy = resident_kib(setup.envoy_pid()?)?;
            let service = setup.service_pid()?.map(resident_kib).transpose()?;
            memory.push((setup.chain, envoy, service));
        }
    }
    let mut rows = Vec::new();
    for (&workload, row) in workloads.iter().zip(cells) {
        let row = calm_rounds(&row);
        rows.push((workload, chains.iter().copied().zip(row).collect()));
    }
    Ok(report(&rows, rounds, waits, &memory))
}

struct Bench {
    backend: BenchBackend,
    clock: Clock,
    http: reqwest::Client,
}

impl Bench {
    /// The chains, warm.
    async fn start(&self, chains: &[Chain]) -> Result<Vec<Setup>, Failure> {
        let mut setups = Vec::new();
        for &chain in chains {
            setups.push(Setup::start(chain, &self.backend, 1).await?);
        }
        for setup in &setups {
            hang_up(&self.http, setup).await?;
            self.account(setup).await?;
        }
        Ok(setups)
    }

    async fn measure(
        &mut self,
        setup: &mut Setup,
        workload: Workload,
        cell: &mut Cell,
    ) -> Result<(), Failure> {
        // First, because it also warms what the load would find cold: connections, caches.
        let times = first_bytes(&self.http, setup, workload, FIRST_BYTES).await?;
        cell.first_bytes.extend(times);
        for (connections, samples) in [
            (BUSY_CONNECTIONS, &mut cell.busy),
            (QUIET_CONNECTIONS, &mut cell.quiet),
        ] {
            let before = self.account(setup).await?;
            let seconds = SECONDS_OF_A_RUN;
            samples.push(sample(setup, workload, connections, seconds, self.clock).await?);
            if let (Some(before), Some(after)) = (before, self.account(setup).await?) {
                after.verify(before, connections)?;
            }
        }
        Ok(())
    }

    /// Tokens billed by the backend and counted by tollgate so far, once nothing is under way;
    /// `None` for a chain that counts nothing.
    async fn account(&self, setup: &Setup) -> Result<Option<Account>, Failure> {
        poll_for("every request to be accounted for", async || {
            match setup.counted().await {
                Ok(None) => Some(Ok(None)),
                Ok(Some(counted)) => {
                    let is_settled = counted.under_way == 0 && self.backend.open_requests() == 0;
                    is_settled.then(|| Ok(Some(self.account_of(counted))))
                }
                Err(failure) => Some(Err(failure)),
            }
        })
        .await?
    }

    fn account_of(&self, counted: Counted) -> Account {
        Account {
            billed: self.backend.billed_tokens(),
            counted: counted.tokens,
        }
    }
}

/// Tokens, on both sides.
#[derive(Clone, Copy, Debug)]
struct Account {
    billed: u64,
    counted: u64,
}

impl Account {
    /// Fails unless tollgate counted what the backend billed since `before`. Those requests that wrk
    /// cut off at its end are estimated, so each of them may differ.
    fn verify(self, before: Self, cut_off: u32) -> Result<(), Failure> {
        let billed = self.billed - before.billed;
        let counted = self.counted - before.counted;
        let tolerance = u64::from(cut_off) * MAX_REQUEST_TOKENS;
        match billed > 0 && billed.abs_diff(counted) <= tolerance {
            true => Ok(()),
            false => Err(Failure::new(
                "tollgate has not counted the tokens billed",
                format_args!("{billed} billed, {counted} counted"),
            )),
        }
    }
}

fn report(
    rows: &[(Workload, Vec<(Chain, Cell)>)],
    rounds: u64,
    waits: Option<Waits>,
    memory: &[(Chain, u64, Option<u64>)],
) -> String {
    let cells = rows.iter().flat_map(|(_, row)| row);
    let most_stolen = cells
        .map(|(_, cell)| cell.most_stolen())
        .fold(0.0, f64::max);
    let mut text = format!(
        "{rounds} rounds of {SECONDS_OF_A_RUN} s each; {BUSY_CONNECTIONS} connections, and 1 for \
         \"1 conn\" and \"first byte\";\none Envoy worker; no TLS. The floor is Envoy + no-op. CPU \
         is per request.\nThe half of the rounds counts during which the host took least of the \
         processors: {:.1} % at most.\n",
        100.0 * most_stolen
    );
    // Writing to a String can't fail.
    for (workload, row) in rows {
        let _ = write!(text, "\n{workload}\n\n{}\n", table::of_workload(row));
    }
    for (title, chain) in [
        ("A ledger, compared with none", Chain::Ledger),
        ("A pool of three, compared with one backend", Chain::Pool),
    ] {
        let compared = table::compared(rows, chain);
        if !compared.is_empty() {
            let _ = write!(text, "\n{title}\n\n{compared}\n");
        }
    }
    if let Some(Waits { groups, slow }) = waits {
        let _ = writeln!(
            text,
            "\n{slow} of {groups} groups of records waited more than 50 ms for the disk."
        );
    }
    let memory = table::of_memory(memory);
    let _ = write!(text, "\nMemory after that\n\n{memory}\n");
    text
}
