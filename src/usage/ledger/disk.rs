//! How much free space the ledger's disk has.

use std::path::Path;

/// Less than this part of a disk counts as nearly full…
const NEARLY_FULL_PART: u64 = 20;
/// … but this much is enough on any disk: hours of records.
const ENOUGH_BYTES: u64 = 256 * 1024 * 1024;

/// The room on a disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct DiskSpace {
    pub(super) free_bytes: u64,
    total_bytes: u64,
}

impl DiskSpace {
    /// The room on the disk that a path is on.
    pub(super) fn of(path: &Path) -> std::io::Result<Self> {
        let found = rustix::fs::statvfs(path)?;
        Ok(Self {
            free_bytes: found.f_bavail.saturating_mul(found.f_frsize),
            total_bytes: found.f_blocks.saturating_mul(found.f_frsize),
        })
    }

    /// Whether the disk is nearly full.
    pub(super) fn is_nearly_full(self) -> bool {
        self.free_bytes < ENOUGH_BYTES.min(self.total_bytes / NEARLY_FULL_PART)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_small_disk_is_nearly_full_by_its_size_and_a_large_one_by_bytes() {
        const MB: u64 = 1024 * 1024;
        for (free_bytes, total_bytes, expected) in [
            (MB, 8 * MB, false),
            (MB / 4, 8 * MB, true),
            (300 * MB, 1_000_000 * MB, false),
            (200 * MB, 1_000_000 * MB, true),
            (0, 0, false),
        ] {
            let space = DiskSpace {
                free_bytes,
                total_bytes,
            };
            assert_eq!(space.is_nearly_full(), expected, "{space:?}");
        }
    }

    #[test]
    fn this_disk_has_a_size() {
        let space = DiskSpace::of(Path::new("/")).expect("a disk");
        assert!(space.total_bytes > 0);
    }
}
