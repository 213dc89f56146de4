//! What is in which file, also where files can't be moved or made.

use std::os::unix::fs::PermissionsExt;

use super::*;

fn options(directory: &Path, keep: u32) -> LogFile {
    LogFile {
        path: directory.join("audit.jsonl"),
        max_bytes: 10,
        keep,
        max_age: None,
    }
}

fn write(options: &LogFile, lines: &[&str]) {
    let rotating = Rotating::open(options.clone()).expect("a file");
    let mut output = Output::new(Vec::new(), Some(rotating));
    for line in lines {
        output.line(format!("{line}\n").as_bytes()).expect("room");
    }
    output.flush().expect("room");
    let first = lines.iter().map(|line| format!("{line}\n"));
    assert_eq!(
        *output.first.get_ref(),
        first.collect::<String>().into_bytes()
    );
}

fn text(path: &Path) -> Option<String> {
    std::fs::read_to_string(path).ok()
}

#[test]
fn a_full_file_is_put_aside_whole_and_the_oldest_goes() {
    let directory = tempfile::tempdir().expect("a directory");
    let options = options(directory.path(), 2);
    write(
        &options,
        &["1111", "2222", "3333", "4444", "5555", "6666", "7777"],
    );
    let path = &options.path;
    assert_eq!(text(path).as_deref(), Some("7777\n"));
    assert_eq!(text(&numbered(path, 1)).as_deref(), Some("5555\n6666\n"));
    assert_eq!(text(&numbered(path, 2)).as_deref(), Some("3333\n4444\n"));
    assert_eq!(text(&numbered(path, 3)), None);
    let mode = std::fs::metadata(path).expect("it").permissions().mode();
    assert_eq!(mode & 0o777, MODE);
}

#[test]
fn a_line_is_never_divided_and_a_restart_goes_on_behind_a_torn_one() {
    let directory = tempfile::tempdir().expect("a directory");
    let options = options(directory.path(), 0);
    let long = "a line that is longer than a file may be";
    write(&options, &[long]);
    assert_eq!(text(&options.path), Some(format!("{long}\n")));
    write(&options, &["x"]);
    assert_eq!(text(&options.path).as_deref(), Some("x\n"));
    std::fs::write(&options.path, "torn").expect("written");
    write(&options, &["y"]);
    assert_eq!(text(&options.path).as_deref(), Some("torn\ny\n"));
}

/// A line at a time, each on the disk before the next.
fn add(rotating: &mut Rotating, line: &str) {
    let written = rotating.line(format!("{line}\n").as_bytes());
    written.expect("the line is written somewhere");
    rotating.flush().expect("room");
}

#[test]
fn a_file_that_can_not_be_made_is_tried_again_without_moving_old_ones_twice() {
    let outer = tempfile::tempdir().expect("a directory");
    let directory = outer.path().join("audit");
    std::fs::create_dir(&directory).expect("a directory");
    let options = options(&directory, 3);
    let path = &options.path;
    let mut rotating = Rotating::open(options.clone()).expect("a file");
    add(&mut rotating, "1111");
    add(&mut rotating, "2222");
    let seen = outer.path().join("seen");
    std::fs::hard_link(path, &seen).expect("a link");
    std::fs::remove_dir_all(&directory).expect("removed");
    add(&mut rotating, "3333");
    add(&mut rotating, "4444");
    assert_eq!(
        text(&seen).as_deref(),
        Some("1111\n2222\n3333\n4444\n"),
        "the old file has what the new one could not take"
    );
    std::fs::create_dir(&directory).expect("a directory");
    for number in 1..=3 {
        std::fs::write(numbered(path, number), format!("old {number}")).expect("written");
    }
    add(&mut rotating, "5555");
    assert_eq!(text(path).as_deref(), Some("5555\n"));
    for number in 1..=3 {
        let kept = text(&numbered(path, number));
        assert_eq!(kept, Some(format!("old {number}")), "moved twice");
    }
    add(&mut rotating, "6666");
    add(&mut rotating, "7777");
    assert_eq!(
        text(&numbered(path, 1)).as_deref(),
        Some("5555\n6666\n"),
        "from then on files are put aside as before"
    );
}

#[test]
fn a_file_that_can_not_be_put_aside_grows_and_the_older_ones_stay() {
    let directory = tempfile::tempdir().expect("a directory");
    for (keep, obstacle) in [(0, 0), (3, 3)] {
        let directory = directory.path().join(keep.to_string());
        std::fs::create_dir(&directory).expect("a directory");
        let options = options(&directory, keep);
        let path = &options.path;
        let mut rotating = Rotating::open(options.clone()).expect("a file");
        add(&mut rotating, "1111");
        add(&mut rotating, "2222");
        let seen = directory.join("seen");
        std::fs::hard_link(path, &seen).expect("a link");
        for number in 1..=keep {
            std::fs::write(numbered(path, number), format!("old {number}")).expect("written");
        }
        // A folder that has something in it can be neither removed nor overwritten.
        let folder = numbered(path, obstacle);
        std::fs::remove_file(&folder).expect("removed");
        std::fs::create_dir_all(folder.join("full")).expect("a folder");
        for line in ["3333", "4444", "5555", "6666"] {
            add(&mut rotating, line);
        }
        let all = "1111\n2222\n3333\n4444\n5555\n6666\n";
        assert_eq!(text(&seen).as_deref(), Some(all), "{keep}");
        assert!(folder.join("full").exists(), "{keep}");
        for number in (1..=keep).filter(|it| *it != obstacle) {
            let kept = text(&numbered(path, number));
            assert_eq!(kept, Some(format!("old {number}")));
        }
    }
}

#[test]
fn a_file_that_somebody_has_taken_away_is_no_failure() {
    let directory = tempfile::tempdir().expect("a directory");
    for keep in [0, 2] {
        let options = options(directory.path(), keep);
        let mut rotating = Rotating::open(options.clone()).expect("a file");
        add(&mut rotating, "1111");
        add(&mut rotating, "2222");
        std::fs::remove_file(&options.path).expect("removed");
        add(&mut rotating, "3333");
        assert_eq!(text(&options.path).as_deref(), Some("3333\n"), "{keep}");
        std::fs::remove_file(&options.path).expect("removed");
    }
}

#[test]
fn what_is_too_old_is_deleted_and_a_file_is_of_one_day() {
    let directory = tempfile::tempdir().expect("a directory");
    let options = LogFile {
        max_age: Some(3 * DAY),
        max_bytes: 1000,
        ..options(directory.path(), 4)
    };
    let path = &options.path;
    let rotating = Rotating::open(options.clone()).expect("a file");
    let mut output = Output::new(Vec::new(), Some(rotating));
    let mut line = |text: &[u8], after: Duration| {
        output.line(text).expect("room");
        output.flush().expect("room");
        output.sweep(SystemTime::now() + after).expect("swept");
    };
    line(b"today\n", Duration::ZERO);
    assert_eq!(text(path).as_deref(), Some("today\n"));
    line(b"also\n", DAY);
    assert_eq!(text(path).as_deref(), Some(""));
    assert_eq!(text(&numbered(path, 1)).as_deref(), Some("today\nalso\n"));
    line(b"next\n", 4 * DAY);
    assert_eq!(text(&numbered(path, 1)), None, "it is too old");
    assert_eq!(text(&numbered(path, 2)), None, "it is too old");
}
