//! The rounds: what the gateway costs next to Envoy alone, and to a service that does nothing.
//!
//! The same load goes to each chain in turn, in short rounds, so that whatever else the machine does
//! hits all alike. Every answer must be 200, and tollgate must have counted what the backend billed,
//! or there are no figures.

use std::fmt::Write;

use super::backend::BenchBackend;
use super::measure::{Cell, first_bytes, hang_up, sample};
use super::process::{Clock, resident_kib};
use super::setup::{Chain, Counted, Setup, Waits};
use super::table;
use super::workload::Workload;
use tollgate_integration::stack::{Failure, poll_for};

const CHAINS: [Chain; 5] = [
    Chain::EnvoyAlone,
    Chain::Floor,
    Chain::Tollgate,
    Chain::Ledger,
    Chain::Pool,
];
/// Of one second each: whatever else the machine does changes from second to second.
const LEAST_ROUNDS: u64 = 3;
const SECONDS_OF_A_RUN: u64 = 1;
const BUSY_CONNECTIONS: u32 = 16;
const QUIET_CONNECTIONS: u32 = 1;
/// Timed first bytes of each chain, workload and round.
const FIRST_BYTES: usize = 10;
/// What a request of these workloads is billed at most, in tokens.
const MAX_REQUEST_TOKENS: u64 = 300;

/// Runs everything and gives the report; `seconds` bounds the time under load.
pub async fn run(seconds: u64) -> Result<String, Failure> {
    let runs = 2 * (CHAINS.len() * Workload::ALL.len()) as u64;
    let rounds = (seconds / (runs * SECONDS_OF_A_RUN)).max(LEAST_ROUNDS);
    let clock = Clock::of_system()?;
    let backend = BenchBackend::start().await?;
    let mut setups = Vec::new();
    for chain in CHAINS {
        setups.push(Setup::start(chain, &backend, 1).await?);
    }
    let mut bench = Bench {
        backend,
        clock,
        http: reqwest::Client::new(),
    };
    for setup in &setups {
        hang_up(&bench.http, setup).await?;
        bench.account(setup).await?;
    }
    let mut cells = vec![vec![Cell::default(); CHAINS.len()]; Workload::ALL.len()];
    for round in 1..=rounds {
        for (workload, row) in Workload::ALL.into_iter().zip(&mut cells) {
            eprintln!("round {round} of {rounds}: {workload}");
            for (setup, cell) in setups.iter_mut().zip(row) {
                bench.measure(setup, workload, cell).await?;
            }
        }
    }
    report(&mut setups, cells, rounds).await
}

struct Bench {
    backend: BenchBackend,
    clock: Clock,
    http: reqwest::Client,
}

impl Bench {
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

async fn report(
    setups: &mut [Setup],
    cells: Vec<Vec<Cell>>,
    rounds: u64,
) -> Result<String, Failure> {
    let mut text = format!(
        "{rounds} rounds of {SECONDS_OF_A_RUN} s each; {BUSY_CONNECTIONS} connections, and 1 for \
         \"1 conn\" and \"first byte\";\none Envoy worker; no TLS. The floor is Envoy + no-op. CPU \
         is per request.\n"
    );
    let mut compared = Vec::new();
    for (workload, row) in Workload::ALL.into_iter().zip(cells) {
        let rows: Vec<_> = CHAINS.into_iter().zip(row).collect();
        compared.push((workload, rows.clone()));
        // Writing to a String can't fail.
        let _ = write!(text, "\n{workload}\n\n{}\n", table::of_workload(&rows));
    }
    let mut memory = Vec::new();
    let of_ledger = table::compared(&compared, Chain::Ledger);
    let _ = write!(text, "\nA ledger, compared with none\n\n{of_ledger}\n");
    let of_pool = table::compared(&compared, Chain::Pool);
    let _ = write!(
        text,
        "\nA pool of three, compared with one backend\n\n{of_pool}\n"
    );
    for setup in &*setups {
        if let Some(waits) = setup.waits().await? {
            let Waits { groups, slow } = waits;
            let _ = writeln!(
                text,
                "\n{slow} of {groups} groups of records waited more than 50 ms for the disk."
            );
        }
    }
    for setup in setups {
        let envoy = resident_kib(setup.envoy_pid()?)?;
        let service = setup.service_pid()?.map(resident_kib).transpose()?;
        memory.push((setup.chain, envoy, service));
    }
    let _ = write!(
        text,
        "\nMemory after that\n\n{}\n",
        table::of_memory(&memory)
    );
    Ok(text)
}
