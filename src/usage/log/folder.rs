//! The folder of the log: its files, and who may write them.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::scan;
use super::segment::{Header, SEGMENT_BYTES, Segment, SegmentName, header};

const NAME: &str = "usage-log";
const LOCK: &str = "lock";
/// A file that is being made.
const UNFINISHED: &str = ".new";
/// One that could not be read whole.
const DAMAGED: &str = ".damaged";
/// Zeros that are written at once.
const ZEROS: usize = 64 * 1024;
/// Who may read them: this user only.
const FILE_MODE: u32 = 0o600;
const DIRECTORY_MODE: u32 = 0o700;

/// The folder.
#[derive(Clone, Debug)]
pub(crate) struct LogFolder(PathBuf);

/// Says that this process, and no other one, writes the log. It ends with the process at the latest.
#[derive(Debug)]
pub(crate) struct LogLock(#[expect(dead_code, reason = "closing the file gives the lock up")] File);

impl LogFolder {
    /// The folder in a data directory.
    pub(crate) fn in_directory(directory: &Path) -> Self {
        Self(directory.join(NAME))
    }

    /// Makes it, and keeps other processes out.
    pub(crate) fn lock(&self) -> io::Result<LogLock> {
        DirBuilder::new()
            .recursive(true)
            .mode(DIRECTORY_MODE)
            .create(&self.0)?;
        if let Some(parent) = self.0.parent() {
            sync_directory(parent)?;
        }
        let lock = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(FILE_MODE)
            .open(self.0.join(LOCK))?;
        match lock.try_lock() {
            Ok(()) => Ok(LogLock(lock)),
            Err(TryLockError::WouldBlock) => Err(io::Error::new(
                io::ErrorKind::ResourceBusy,
                format!(
                    "another tollgate writes {}: stop it, or give this one a `data_directory` of its own",
                    self.0.display()
                ),
            )),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    /// Its segments, in their order; none where there is no folder.
    pub(crate) fn segments(&self) -> io::Result<Vec<SegmentName>> {
        let entries = match fs::read_dir(&self.0) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries?,
        };
        let mut segments = Vec::new();
        for entry in entries {
            let name = entry?.file_name();
            segments.extend(name.to_str().and_then(|it| it.parse::<SegmentName>().ok()));
        }
        segments.sort_unstable();
        Ok(segments)
    }

    /// Reads a whole segment and gives what is behind its header.
    pub(crate) fn read(&self, name: SegmentName) -> io::Result<(Header, Vec<u8>)> {
        let bytes = fs::read(self.path(name))?;
        let (header, frames) = scan::open(name, &bytes);
        Ok((header, frames.to_vec()))
    }

    /// Reads a part of a segment.
    pub(crate) fn read_part(&self, name: SegmentName, from: u64, to: u64) -> io::Result<Vec<u8>> {
        let mut file = File::open(self.path(name))?;
        file.seek(SeekFrom::Start(from))?;
        let mut part = Vec::new();
        file.take(to.saturating_sub(from)).read_to_end(&mut part)?;
        Ok(part)
    }

    /// Makes a segment of zeros with its header, which outlives a loss of power.
    pub(super) fn create(&self, name: SegmentName) -> io::Result<Segment> {
        let path = self.path(name);
        let unfinished = path.with_extension(format!("log{UNFINISHED}"));
        let made = || -> io::Result<File> {
            let mut file = OpenOptions::new()
                .write(true)
                .create(true)
                .truncate(true)
                .mode(FILE_MODE)
                .open(&unfinished)?;
            file.write_all(&header(name))?;
            let zeros = [0; ZEROS];
            for _ in 0..SEGMENT_BYTES / ZEROS {
                file.write_all(&zeros)?;
            }
            file.sync_all()?;
            fs::rename(&unfinished, &path)?;
            self.sync()?;
            Ok(file)
        };
        let file = made().inspect_err(|_| {
            // What is left of it takes room that is wanted elsewhere.
            let _ = fs::remove_file(&unfinished);
        })?;
        Ok(Segment { name, file })
    }

    /// Deletes a segment whose frames are elsewhere.
    pub(crate) fn remove(&self, name: SegmentName) -> io::Result<()> {
        fs::remove_file(self.path(name))
    }

    /// Renames a segment that could not be read whole, for somebody to look at.
    pub(crate) fn set_aside(&self, name: SegmentName) -> io::Result<PathBuf> {
        let to = self.0.join(format!("{name}{DAMAGED}"));
        fs::rename(self.path(name), &to)?;
        self.sync()?;
        Ok(to)
    }

    /// Deletes what was not finished when a process ended.
    pub(crate) fn tidy(&self) -> io::Result<()> {
        for entry in fs::read_dir(&self.0)? {
            let entry = entry?;
            if entry.file_name().to_string_lossy().ends_with(UNFINISHED) {
                fs::remove_file(entry.path())?;
            }
        }
        Ok(())
    }

    pub(crate) fn path(&self, name: SegmentName) -> PathBuf {
        self.0.join(name.to_string())
    }

    /// Names of files outlive a loss of power from here on.
    fn sync(&self) -> io::Result<()> {
        sync_directory(&self.0)
    }
}

fn sync_directory(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}
