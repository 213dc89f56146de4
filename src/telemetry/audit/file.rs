//! The audit log in a file besides standard output: whole lines, in files of a bounded size.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// This user alone: lines say who asked for what.
const MODE: u32 = 0o600;

/// Where the audit log is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditFile {
    /// The file that is written.
    pub path: PathBuf,
    /// When the next one is begun.
    pub max_bytes: u64,
    /// How many older ones are kept: `PATH.1` is the newest of them.
    pub keep: u32,
}

/// The output: standard output, and a file where there is one.
pub(super) struct Output<W> {
    first: W,
    file: Option<Rotating>,
}

impl<W: Write> Output<W> {
    pub(super) fn new(first: W, file: Option<Rotating>) -> Self {
        Self { first, file }
    }

    /// Writes a line to both. A file that can't be written does not keep standard output from it.
    pub(super) fn line(&mut self, line: &[u8]) -> io::Result<()> {
        let first = self.first.write_all(line);
        let file = self.file.as_mut().map_or(Ok(()), |file| file.line(line));
        first.and(file)
    }

    pub(super) fn flush(&mut self) -> io::Result<()> {
        let first = self.first.flush();
        let file = self.file.as_mut().map_or(Ok(()), Rotating::flush);
        first.and(file)
    }
}

/// A file that is put aside when it is full.
pub(super) struct Rotating {
    options: AuditFile,
    file: io::BufWriter<File>,
    bytes: u64,
}

impl Rotating {
    /// Opens the file, or goes on with the one that is there.
    ///
    /// # Errors
    /// The system's.
    pub(super) fn open(options: AuditFile) -> io::Result<Self> {
        let named = |error: io::Error| {
            let path = options.path.display();
            io::Error::new(error.kind(), format!("{path}: {error}"))
        };
        let file = open(&options.path).map_err(named)?;
        let bytes = file.metadata()?.len();
        let mut rotating = Self {
            options,
            file: io::BufWriter::new(file),
            bytes,
        };
        rotating.end_line()?;
        Ok(rotating)
    }

    /// A process that was killed may have left half a line.
    fn end_line(&mut self) -> io::Result<()> {
        use std::os::unix::fs::FileExt;
        let Some(last) = self.bytes.checked_sub(1) else {
            return Ok(());
        };
        let mut byte = [0];
        File::open(&self.options.path)?.read_exact_at(&mut byte, last)?;
        if byte != *b"\n" {
            self.file.write_all(b"\n")?;
            self.bytes += 1;
        }
        Ok(())
    }

    fn line(&mut self, line: &[u8]) -> io::Result<()> {
        let length = u64::try_from(line.len()).unwrap_or(u64::MAX);
        if self.bytes > 0 && self.bytes.saturating_add(length) > self.options.max_bytes {
            self.rotate()?;
        }
        self.file.write_all(line)?;
        self.bytes = self.bytes.saturating_add(length);
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }

    /// The oldest is overwritten by the next one, and so on.
    fn rotate(&mut self) -> io::Result<()> {
        self.file.flush()?;
        let path = &self.options.path;
        for number in (1..self.options.keep).rev() {
            rename(&numbered(path, number), &numbered(path, number + 1))?;
        }
        match self.options.keep {
            0 => std::fs::remove_file(path)?,
            _ => rename(path, &numbered(path, 1))?,
        }
        self.file = io::BufWriter::new(open(path)?);
        self.bytes = 0;
        Ok(())
    }
}

fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.append(true).create(true).mode(MODE).open(path)
}

fn numbered(path: &Path, number: u32) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{number}"));
    PathBuf::from(name)
}

/// What is not there yet need not be moved.
fn rename(from: &Path, to: &Path) -> io::Result<()> {
    match std::fs::rename(from, to) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn options(directory: &Path, keep: u32) -> AuditFile {
        AuditFile {
            path: directory.join("audit.jsonl"),
            max_bytes: 10,
            keep,
        }
    }

    fn write(options: &AuditFile, lines: &[&str]) {
        let rotating = Rotating::open(options.clone()).expect("a file");
        let mut output = Output::new(Vec::new(), Some(rotating));
        for line in lines {
            output.line(format!("{line}\n").as_bytes()).expect("room");
        }
        output.flush().expect("room");
        let first = lines.iter().map(|line| format!("{line}\n"));
        assert_eq!(output.first, first.collect::<String>().into_bytes());
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
}
