//! A batch: asked for until it has ended, then charged line by line by its output.
//!
//! Each line's record has an id that follows from the batch, the file and the line's number, so a file
//! that is read again, after a crash or at another replica, charges nothing twice. The batch is over once
//! its last line is on the disk.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::time::{sleep, timeout};

use super::Outcome;
use super::ask::{AskError, admitted, is_over, or_give_up};
use super::schedule::Task;
use super::settle::{Charge, charge, close};
use crate::access::{ObjectKind, Operation};
use crate::gateway::state::Gateway;
use crate::upstream::Asked;
use crate::usage::{
    BatchLineUsage, BatchLines, BodyFormat, Collected, Meter, Metered, Receipt, UsageSource,
};

/// Longest that the answer about the batch itself may take; its files have the resource's own limit.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(60);
/// Records that are handed over together before their being on the disk is waited for.
const CHUNK: usize = 64;
/// How long to wait for room in the ledger.
const ROOM_PAUSE: Duration = Duration::from_millis(100);

/// Asks once, and charges what has ended.
pub(super) async fn ask(gateway: &Arc<Gateway>, task: &Task) -> Outcome {
    let asked = timeout(ANSWER_TIMEOUT, retrieve(gateway, task)).await;
    let ended = match asked.unwrap_or(Err(AskError::Timeout)) {
        Ok(batch) if !is_over(&batch) => {
            gateway.collector.answered();
            return or_give_up(gateway, task).await;
        }
        Ok(batch) => read_files(gateway, task, &batch).await,
        Err(error) => Err(error),
    };
    match ended {
        Ok(()) => {
            gateway.collector.answered();
            Outcome::Settled
        }
        Err(error) => error.outcome(gateway, task).await,
    }
}

/// The batch itself.
async fn retrieve(gateway: &Gateway, task: &Task) -> Result<Metered, AskError> {
    let (_, id) = &task.key;
    let (resource, authorization) = admitted(gateway, task)?;
    let mut document = resource.get(Asked::Batch(id), authorization).await?;
    let mut meter = Meter::new(Operation::Batches, BodyFormat::Json, false);
    while let Some(piece) = document.chunk().await? {
        meter.feed(&piece, false);
    }
    let batch = meter.finish();
    match batch.id.as_ref() == Some(id) && batch.status.is_some() {
        true => Ok(batch),
        false => Err(AskError::Unreadable),
    }
}

/// Charges the lines of the output and of the errors.
async fn read_files(gateway: &Arc<Gateway>, task: &Task, batch: &Metered) -> Result<(), AskError> {
    let files = batch.shown.iter();
    let files = files.filter(|(kind, _)| *kind == ObjectKind::File);
    let mut files: Vec<_> = files.map(|(_, id)| id).collect();
    // In one order, however often they are read.
    files.sort_unstable();
    let mut lines = Lines::new(gateway, task);
    for file in files {
        lines.read(file).await?;
    }
    lines.end(batch).await;
    Ok(())
}

/// The lines of a batch that are being charged. One is held back: the last is written together with the
/// batch's being settled.
struct Lines<'a> {
    gateway: &'a Arc<Gateway>,
    task: &'a Task,
    /// Lines of all files until now, failed ones included.
    count: u64,
    held: Option<(String, BatchLineUsage)>,
    receipts: Vec<Receipt>,
}

impl<'a> Lines<'a> {
    fn new(gateway: &'a Arc<Gateway>, task: &'a Task) -> Self {
        Self {
            gateway,
            task,
            count: 0,
            held: None,
            receipts: Vec::with_capacity(CHUNK),
        }
    }

    async fn read(&mut self, file: &str) -> Result<(), AskError> {
        let (resource, authorization) = admitted(self.gateway, self.task)?;
        let mut document = resource
            .get(Asked::FileContent(file), authorization)
            .await?;
        let mut lines = BatchLines::default();
        let mut number = 0_u64;
        while let Some(piece) = document.chunk().await? {
            for line in lines.feed(&piece) {
                self.line(file, number, line).await;
                number += 1;
            }
        }
        if let Some(line) = lines.finish() {
            self.line(file, number, line).await;
        }
        Ok(())
    }

    async fn line(&mut self, file: &str, number: u64, line: BatchLineUsage) {
        self.count += 1;
        let done = &self.task.lines_done;
        if line.counts.is_none() || self.count <= done.load(Ordering::Relaxed) {
            return;
        }
        let (_, batch) = &self.task.key;
        let name = format!("{batch}/{file}/{number}");
        if let Some((name, line)) = self.held.replace((name, line)) {
            self.charge(&name, line).await;
            done.store(self.count - 1, Ordering::Relaxed);
        }
    }

    /// Writes a line's record; now and then waits until it is on the disk.
    async fn charge(&mut self, name: &str, line: BatchLineUsage) {
        while self
            .gateway
            .ledger
            .as_ref()
            .is_some_and(|it| !it.has_room())
        {
            sleep(ROOM_PAUSE).await;
        }
        let recorded = charge(self.gateway, self.task, of_line(name, line));
        self.receipts.extend(recorded.receipt);
        if self.receipts.len() >= CHUNK {
            self.written().await;
        }
    }

    async fn written(&mut self) {
        for receipt in self.receipts.drain(..) {
            // One that is lost is counted by the ledger.
            let _ = receipt.await;
        }
    }

    /// All lines are read: the last is written, and with it that the batch is settled.
    async fn end(mut self, batch: &Metered) {
        self.written().await;
        let (_, id) = &self.task.key;
        let last = match self.held.take() {
            Some((name, line)) => of_line(&name, line),
            None => Charge::nothing(format!("{id}/end"), batch.finish_reason),
        };
        if close(self.gateway, self.task, last).await {
            self.gateway.collector.settled(Collected::Retrieved);
        }
    }
}

fn of_line(name: &str, line: BatchLineUsage) -> Charge {
    Charge {
        metered: Metered {
            counts: line.counts,
            model: line.model,
            ..Metered::default()
        },
        ..Charge::new(name.to_owned(), UsageSource::Reported)
    }
}
