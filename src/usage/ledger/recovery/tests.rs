use std::fs::{self, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::super::{Durability, LedgerOptions, OnFailure};
use super::*;
use crate::database::{DatabaseUrl, Synchronous};
use crate::usage::RecordId;
use crate::usage::log::{LogLock, LogWriter};
use crate::usage::store::{Dimension, LEDGER, LedgerRow, LogEntry, Period};

fn row(name: &str) -> LedgerRow {
    let id = RecordId::new(SystemTime::now()).expect("random numbers");
    LedgerRow {
        id: id.as_bytes().to_vec(),
        request_id: name.to_owned(),
        client: "app".to_owned(),
        source: "reported".to_owned(),
        input_tokens: 1,
        ..LedgerRow::default()
    }
}

/// A data directory, and the log that a process before this one has written into it.
struct Left {
    directory: tempfile::TempDir,
    folder: LogFolder,
    store: UsageStore,
    state: LedgerState,
}

impl Left {
    async fn new() -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let url = DatabaseUrl::in_directory(directory.path(), LEDGER, Synchronous::Normal);
        let options = LedgerOptions {
            durability: Durability::Strict,
            on_failure: OnFailure::Refuse,
            retention: Duration::from_secs(1),
        };
        Self {
            folder: LogFolder::in_directory(directory.path()),
            store: UsageStore::open(&url).await.expect("a store"),
            state: LedgerState::new(directory.path().to_owned(), &options),
            directory,
        }
    }

    fn lock(&self) -> LogLock {
        self.folder.lock().expect("a lock")
    }

    /// Writes a record for each name; gives where each of them ends in the segment.
    fn write(&self, names: &[&str]) -> (PathBuf, Vec<u64>) {
        drop(self.lock());
        let mut writer = LogWriter::start(self.folder.clone()).expect("a log");
        let mut ends = Vec::new();
        let mut path = None;
        for name in names {
            let entry = LogEntry {
                record: Some(row(name)),
                objects: Vec::new(),
            };
            let mut group = writer.group();
            assert!(writer.add(&mut group, |bytes| entry.append(bytes)));
            let written = writer.write(&group).expect("written");
            ends.push(written.end);
            path = Some(self.folder.path(written.segment));
        }
        (path.expect("a segment"), ends)
    }

    async fn recover(&self) -> Result<(), DatabaseError> {
        recover(&self.folder, &self.store, &self.state).await
    }

    /// The records' names, in the order of `seq`, and what the sums say that there are.
    async fn names(&self) -> Vec<String> {
        let rows = self.store.follow(Default::default(), 1000).await;
        let rows = rows.expect("rows").0;
        let sums = self.store.sums(&[Dimension::Client], false, Period::ALL);
        let summed: i64 = sums.await.expect("sums").iter().map(|it| it.requests).sum();
        assert_eq!(i64::try_from(rows.len()).expect("few"), summed);
        rows.into_iter().map(|it| it.request_id).collect()
    }

    fn files(&self) -> Vec<String> {
        let entries = fs::read_dir(self.directory.path().join("usage-log"));
        let names = entries.expect("the folder").map(|it| it.expect("an entry"));
        let mut names: Vec<_> = names
            .map(|it| it.file_name().to_string_lossy().into_owned())
            .filter(|it| it != "lock")
            .collect();
        names.sort();
        names
    }
}

fn overwrite(path: &Path, at: u64, bytes: &[u8]) {
    let file = OpenOptions::new().write(true).open(path).expect("a file");
    file.write_all_at(bytes, at).expect("written");
}

#[tokio::test]
async fn what_a_process_has_left_is_taken_once_and_removed() {
    let left = Left::new().await;
    left.write(&["a", "b"]);
    left.store.catch_up().await.expect("a command reads it");
    left.write(&["c"]);
    left.store.catch_up().await.expect("a command reads it");
    assert_eq!(left.names().await, ["a", "b", "c"], "a command sees all");
    left.write(&["d"]);
    left.recover().await.expect("recovered");
    assert_eq!(left.names().await, ["a", "b", "c", "d"]);
    assert_eq!(left.files(), [""; 0]);
    left.recover().await.expect("nothing to recover");
    assert_eq!(left.state.status().lost, 0);
}

/// As if the process had been killed after a byte, around each end of a record and at every seventh one
/// between: every record that was written whole is taken.
#[tokio::test]
async fn cut_after_a_byte_every_whole_record_is_taken() {
    let left = Left::new().await;
    let (path, ends) = left.write(&["a", "b", "c"]);
    let whole = fs::read(&path).expect("a segment");
    let last = usize::try_from(ends[2]).expect("small");
    let around = ends.iter().flat_map(|end| {
        let end = usize::try_from(*end).expect("small");
        // What is cut off is zeros, as where nothing has been written: losing a zero costs nothing.
        let before = (0..end).rev().find(|at| whole[*at] != 0).expect("a byte");
        [before, end, (end + 1).min(last)]
    });
    for cut in (0..=last).step_by(7).chain(around) {
        let left = Left::new().await;
        drop(left.lock());
        let mut cut_off = whole.clone();
        cut_off[cut..].fill(0);
        let name = path.file_name().expect("a name");
        fs::write(left.directory.path().join("usage-log").join(name), &cut_off).expect("written");
        left.store.catch_up().await.expect("a command");
        let expected: Vec<_> = ["a", "b", "c"]
            .into_iter()
            .zip(&ends)
            .filter(|(_, end)| {
                let end = usize::try_from(**end).expect("small");
                end <= cut || whole[cut..end].iter().all(|byte| *byte == 0)
            })
            .map(|(name, _)| name)
            .collect();
        assert_eq!(left.names().await, expected, "read by a command, {cut}");
        left.recover().await.expect("recovered");
        assert_eq!(left.names().await, expected, "{cut}");
        assert_eq!(left.state.status().lost, 0, "{cut}: nobody was told of it");
    }
}

#[tokio::test]
async fn a_damaged_record_is_said_to_be_lost_and_costs_no_other_one() {
    let left = Left::new().await;
    let (path, ends) = left.write(&["a", "b", "c", "d"]);
    overwrite(&path, ends[0] + 30, b"????");
    left.store.catch_up().await.expect("a command");
    assert_eq!(
        left.names().await,
        ["a"],
        "a command leaves it to the service"
    );
    left.recover().await.expect("recovered");
    assert_eq!(left.names().await, ["a", "c", "d"]);
    assert_eq!(left.state.status().lost, 1);
    let files = left.files();
    let kept = files.iter().filter(|it| it.ends_with(".damaged")).count();
    assert_eq!((files.len(), kept), (1, 1), "{files:?}");
    left.recover().await.expect("it is not read again");
    assert_eq!(left.state.status().lost, 1);
}

#[tokio::test]
async fn a_damaged_header_costs_nothing_and_a_later_version_is_refused() {
    let left = Left::new().await;
    let (path, _) = left.write(&["a"]);
    overwrite(&path, 10, b"?");
    left.recover().await.expect("recovered");
    assert_eq!(left.names().await, ["a"]);
    assert_eq!(left.files().len(), 1, "it is kept to be looked at");

    let (path, _) = left.write(&["b"]);
    let mut header = fs::read(&path).expect("a segment");
    header[8] = 2;
    let check = crc32fast::hash(&header[..36]).to_le_bytes();
    header[36..40].copy_from_slice(&check);
    fs::write(&path, header).expect("written");
    let refused = left.recover().await.expect_err("a later version");
    assert!(refused.to_string().contains("version 2"), "{refused}");
    assert!(path.exists(), "it waits for the later version");
}

#[tokio::test]
async fn a_record_that_is_there_already_is_charged_once() {
    let left = Left::new().await;
    left.write(&["a", "b"]);
    left.recover().await.expect("recovered");
    let rows = left.store.follow(Default::default(), 10).await;
    let (rows, _) = rows.expect("rows");
    left.store.insert(&rows).await.expect("passed over");
    assert_eq!(left.names().await, ["a", "b"]);
}
