//! A log in a file, besides another output or alone: whole lines, in files of a bounded size and age.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// This user alone: lines say who asked for what.
const MODE: u32 = 0o600;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Where the audit log is kept, or another one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogFile {
    /// The file that is written.
    pub path: PathBuf,
    /// When the next one is begun.
    pub max_bytes: u64,
    /// How many older ones are kept: `PATH.1` is the newest of them.
    pub keep: u32,
    /// How old an older one may become, and then a file a day is put aside; as old as you like if `None`.
    pub max_age: Option<Duration>,
}

/// The output: standard output, and a file where there is one.
pub(super) struct Output<W: Write> {
    first: io::BufWriter<W>,
    file: Option<Rotating>,
}

impl<W: Write> Output<W> {
    pub(super) fn new(first: W, file: Option<Rotating>) -> Self {
        Self {
            first: io::BufWriter::new(first),
            file,
        }
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

    /// Deletes what is too old.
    pub(super) fn sweep(&mut self, now: SystemTime) -> io::Result<()> {
        let file = self.file.as_mut();
        file.map_or(Ok(()), |file| file.sweep(now))
    }

    /// The lines that have not got to both, because the last flush has failed.
    pub(super) fn waiting_lines(&self) -> usize {
        let lines = |buffer: &[u8]| buffer.iter().filter(|byte| **byte == b'\n').count();
        let file = self.file.as_ref().map(|it| lines(it.file.buffer()));
        lines(self.first.buffer()).max(file.unwrap_or_default())
    }
}

/// A file that is put aside when it is full.
pub(super) struct Rotating {
    options: LogFile,
    file: io::BufWriter<File>,
    bytes: u64,
    begun: SystemTime,
    /// How many files are still to be moved before the next one can be begun. What was moved once is not moved
    /// again where a later step has failed: each time would be the end of one more old file.
    unmoved: u32,
    /// How often the next one could not be begun, one after the other.
    failures: u64,
}

impl Rotating {
    /// Opens the file, or goes on with the one that is there.
    ///
    /// # Errors
    /// The system's.
    pub(super) fn open(options: LogFile) -> io::Result<Self> {
        let named = |error: io::Error| {
            let path = options.path.display();
            io::Error::new(error.kind(), format!("{path}: {error}"))
        };
        let file = open(&options.path).map_err(named)?;
        let there = file.metadata()?;
        let begun = there.created().or_else(|_| there.modified())?;
        let bytes = there.len();
        let mut rotating = Self {
            unmoved: options.files(),
            options,
            file: io::BufWriter::new(file),
            bytes,
            begun,
            failures: 0,
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

    /// Writes a line, to the file that is full where the next one can't be begun.
    fn line(&mut self, line: &[u8]) -> io::Result<()> {
        let length = u64::try_from(line.len()).unwrap_or(u64::MAX);
        if self.bytes > 0 && self.bytes.saturating_add(length) > self.options.max_bytes {
            match self.rotate() {
                Ok(()) => self.failures = 0,
                Err(error) => self.not_rotated(&error),
            }
        }
        self.file.write_all(line)?;
        self.bytes = self.bytes.saturating_add(length);
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }

    /// Puts aside what is a day old, so that each file ages as a whole, and deletes those that are too old.
    fn sweep(&mut self, now: SystemTime) -> io::Result<()> {
        let Some(max_age) = self.options.max_age else {
            return Ok(());
        };
        let is_past = |at: SystemTime, age| now.duration_since(at).is_ok_and(|it| it >= age);
        if self.bytes > 0 && is_past(self.begun, DAY) {
            self.rotate()?;
        }
        for number in 1..=self.options.keep {
            let path = numbered(&self.options.path, number);
            let written = std::fs::metadata(&path).and_then(|it| it.modified());
            if written.is_ok_and(|at| is_past(at, max_age)) {
                std::fs::remove_file(&path)?;
            }
        }
        Ok(())
    }

    /// The oldest is overwritten by the next one, and so on. What has failed is gone on with the next time.
    fn rotate(&mut self) -> io::Result<()> {
        self.file.flush()?;
        while let Some(number) = self.unmoved.checked_sub(1) {
            self.put_aside(number)?;
            self.unmoved = number;
        }
        self.file = io::BufWriter::new(open(&self.options.path)?);
        self.bytes = 0;
        self.begun = SystemTime::now();
        self.unmoved = self.options.files();
        Ok(())
    }

    /// Moves one of the files; what is not there need not be moved.
    fn put_aside(&self, number: u32) -> io::Result<()> {
        let path = &self.options.path;
        let moved = match self.options.keep {
            0 => std::fs::remove_file(path),
            _ => std::fs::rename(numbered(path, number), numbered(path, number + 1)),
        };
        moved.or_else(|error| match error.kind() {
            io::ErrorKind::NotFound => Ok(()),
            _ => Err(error),
        })
    }

    fn not_rotated(&mut self, error: &io::Error) {
        self.failures += 1;
        if self.failures.is_power_of_two() {
            tracing::error!(
                path = %self.options.path.display(),
                %error,
                failures = self.failures,
                "the file is full and the next one can't be begun: it grows"
            );
        }
    }
}

impl LogFile {
    /// How many there are besides the oldest, which goes.
    fn files(&self) -> u32 {
        self.keep.max(1)
    }
}

fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.append(true).create(true).mode(MODE).open(path)
}

/// The file itself has the number 0.
fn numbered(path: &Path, number: u32) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    if number > 0 {
        name.push(format!(".{number}"));
    }
    PathBuf::from(name)
}

#[cfg(test)]
mod tests;
