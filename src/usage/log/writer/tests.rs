use std::fs::OpenOptions;
use std::path::Path;

use super::super::scan::Scan;
use super::*;

fn begin(directory: &Path) -> (LogFolder, LogWriter) {
    let folder = LogFolder::in_directory(directory);
    folder.lock().expect("a lock of ours");
    let writer = LogWriter::start(folder.clone()).expect("a log");
    (folder, writer)
}

fn group(writer: &mut LogWriter, payloads: &[&[u8]]) -> Group {
    let mut group = writer.group();
    for payload in payloads {
        assert!(writer.add(&mut group, |to| to.extend_from_slice(payload)));
    }
    group
}

/// Places and payloads of all segments, in their order.
fn read(folder: &LogFolder) -> Vec<(u64, Vec<u8>)> {
    let mut all = Vec::new();
    for name in folder.segments().expect("segments") {
        let (_, bytes) = folder.read(name).expect("a segment");
        let scan = Scan::everything(name.log, &bytes);
        assert!(!scan.is_damaged, "{name}");
        all.extend(scan.frames.iter().map(|it| (it.place, it.payload.to_vec())));
    }
    all
}

/// Exchanges the file that is written for one that fails.
fn break_with(writer: &mut LogWriter, device: &str) {
    let file = OpenOptions::new().write(true).open(device);
    let current = writer.current.as_mut().expect("a segment");
    current.segment.file = file.expect("a device");
}

#[test]
fn groups_follow_each_other_and_go_on_in_the_next_segment() {
    let directory = tempfile::tempdir().expect("a directory");
    let (folder, mut writer) = begin(directory.path());
    let large = vec![7; SEGMENT_BYTES / 3];
    let mut segments = Vec::new();
    for _ in 0..5 {
        let group = group(&mut writer, &[b"small", &large]);
        let written = writer.write(&group).expect("written");
        assert_eq!(written.last, group.last);
        segments.push(written.segment.number);
    }
    assert_eq!(segments, [1, 1, 2, 2, 3]);
    let found: Vec<_> = read(&folder).into_iter().map(|(place, _)| place).collect();
    assert_eq!(found, (1..=10).collect::<Vec<_>>());
}

#[test]
fn a_group_that_is_larger_than_a_segment_is_written_whole() {
    let directory = tempfile::tempdir().expect("a directory");
    let (folder, mut writer) = begin(directory.path());
    let large = vec![7; SEGMENT_BYTES];
    let group = group(&mut writer, &[&large, &large]);
    let written = writer.write(&group).expect("written");
    let name = written.segment;
    let part = folder.read_part(name, 64, written.end).expect("a part");
    assert_eq!(Scan::whole(name.log, &part).frames.len(), 2);
}

/// `/dev/full` refuses to be written, `/dev/null` to be synced.
#[test]
fn after_a_failed_write_or_sync_the_same_frames_go_into_another_segment() {
    for device in ["/dev/full", "/dev/null"] {
        let directory = tempfile::tempdir().expect("a directory");
        let (folder, mut writer) = begin(directory.path());
        let first = group(&mut writer, &[b"1"]);
        let one = writer.write(&first).expect("written");
        break_with(&mut writer, device);
        let second = group(&mut writer, &[b"2", b"3"]);
        writer.write(&second).expect_err(device);
        let two = writer.write(&second).expect("written to another one");
        assert_ne!(one.segment, two.segment, "{device}");
        assert_eq!(two.last, 3);
        let expected = [1, 2, 3].map(|it: u64| (it, it.to_string().into_bytes()));
        assert_eq!(read(&folder), expected, "{device}");
    }
}

#[test]
fn attempts_that_fail_leave_no_files() {
    let directory = tempfile::tempdir().expect("a directory");
    let (folder, mut writer) = begin(directory.path());
    let group = group(&mut writer, &[b"1"]);
    for _ in 0..5 {
        let segment = writer.ahead.take().expect("a segment");
        let end = HEADER_BYTES;
        writer.current = Some(Current { segment, end });
        break_with(&mut writer, "/dev/null");
        writer.write(&group).expect_err("no device syncs");
    }
    assert_eq!(folder.segments().expect("segments"), []);
}

#[test]
fn only_one_process_writes_a_log() {
    let directory = tempfile::tempdir().expect("a directory");
    let folder = LogFolder::in_directory(directory.path());
    let lock = folder.lock().expect("the first one");
    let refused = folder.lock().expect_err("a second one").to_string();
    assert!(refused.contains("another tollgate writes"), "{refused}");
    drop(lock);
    folder.lock().expect("after the first one has ended");
}
