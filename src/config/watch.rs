//! Notices that the configuration, or a file that it names, has become another one.
//!
//! The files are looked at, not subscribed to: what a ConfigMap, a network file system or an editor
//! does to a directory shows in the end in the file's own metadata, and a look at a few files costs
//! microseconds. A change counts once it has stayed for one interval, so that a file which is being
//! written is not read by halves.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval};

/// How often the files are looked at.
const LOOK_INTERVAL: Duration = Duration::from_millis(200);

/// What tells one state of the files from another: place, size and time of each.
type Stamp = Vec<(PathBuf, Option<(u64, u64, i64, i64)>)>;

/// Looks at files.
pub struct Watch {
    files: Vec<PathBuf>,
    /// The state that was last acted on.
    taken: Stamp,
}

impl Watch {
    /// Looks at these files; a directory stands for what is in it.
    pub fn new(files: Vec<PathBuf>) -> Self {
        let taken = stamp(&files);
        Self { files, taken }
    }

    /// Looks at these files from now on. One that was looked at before is as it was when its change was
    /// noticed: what has happened to it since, while it was read, is another change.
    pub fn follow(&mut self, files: Vec<PathBuf>) {
        let mut taken = stamp(&files);
        for (path, state) in &mut taken {
            if let Some((_, known)) = self.taken.iter().find(|(known, _)| known == path) {
                *state = *known;
            }
        }
        *self = Self { files, taken };
    }

    /// Waits for the next change, and for its end.
    pub async fn changed(&mut self) {
        let mut looks = interval(LOOK_INTERVAL);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut before = self.taken.clone();
        loop {
            looks.tick().await;
            let now = stamp(&self.files);
            if now == before && now != self.taken {
                self.taken = now;
                return;
            }
            before = now;
        }
    }
}

fn stamp(files: &[PathBuf]) -> Stamp {
    files.iter().flat_map(|file| look(file)).collect()
}

fn look(file: &Path) -> Stamp {
    // Follows links: a ConfigMap's file is one, and another file stands behind it after a change.
    let metadata = std::fs::metadata(file);
    let mut all = vec![(file.to_owned(), metadata.as_ref().ok().map(identity))];
    if metadata.is_ok_and(|metadata| metadata.is_dir()) {
        let entries = std::fs::read_dir(file).into_iter().flatten().flatten();
        let mut inside: Vec<_> = entries.map(|entry| entry.path()).collect();
        inside.sort_unstable();
        let state = |path: PathBuf| {
            let metadata = std::fs::metadata(&path);
            (path, metadata.as_ref().ok().map(identity))
        };
        all.extend(inside.into_iter().map(state));
    }
    all
}

fn identity(metadata: &Metadata) -> (u64, u64, i64, i64) {
    (
        metadata.ino(),
        metadata.size(),
        metadata.mtime(),
        metadata.mtime_nsec(),
    )
}

#[cfg(test)]
mod tests {
    use std::future::Future;
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    use super::*;

    /// Lets the watch look as often as time goes by; says whether it has noticed a change.
    async fn is_noticed(watch: &mut Watch, looks: u32) -> bool {
        let mut changed = pin!(watch.changed());
        for _ in 0..looks {
            let mut context = Context::from_waker(Waker::noop());
            if let Poll::Ready(()) = changed.as_mut().poll(&mut context) {
                return true;
            }
            tokio::time::advance(LOOK_INTERVAL).await;
        }
        false
    }

    #[tokio::test(start_paused = true)]
    async fn a_change_is_noticed_once_it_has_settled_and_only_once() {
        let directory = tempfile::tempdir().expect("a directory");
        let file = directory.path().join("tollgate.yaml");
        std::fs::write(&file, "a").expect("written");
        let mut watch = Watch::new(vec![file.clone()]);
        assert!(!is_noticed(&mut watch, 10).await, "nothing has changed");
        std::fs::write(&file, "ab").expect("written");
        assert!(!is_noticed(&mut watch, 1).await, "it may still be written");
        assert!(is_noticed(&mut watch, 3).await, "it has stayed");
        assert!(!is_noticed(&mut watch, 10).await, "it is known now");
    }

    #[tokio::test(start_paused = true)]
    async fn a_change_while_the_last_one_is_read_is_not_missed() {
        let directory = tempfile::tempdir().expect("a directory");
        let file = directory.path().join("tollgate.yaml");
        std::fs::write(&file, "a").expect("written");
        let mut watch = Watch::new(vec![file.clone()]);
        std::fs::write(&file, "ab").expect("written");
        assert!(is_noticed(&mut watch, 5).await, "the first change");
        std::fs::write(&file, "abc").expect("written");
        watch.follow(vec![file.clone(), directory.path().join("other")]);
        assert!(is_noticed(&mut watch, 5).await, "the second one");
    }

    #[tokio::test(start_paused = true)]
    async fn a_file_behind_a_link_that_is_swapped_is_another_one() {
        let directory = tempfile::tempdir().expect("a directory");
        let at = |name: &str| directory.path().join(name);
        for data in ["..1", "..2"] {
            std::fs::create_dir(at(data)).expect("made");
            std::fs::write(at(data).join("tollgate.yaml"), "same").expect("written");
        }
        // As the kubelet does it: the file is a link through `..data`, which is renamed over.
        std::os::unix::fs::symlink("..1", at("..data")).expect("linked");
        std::os::unix::fs::symlink("..data/tollgate.yaml", at("tollgate.yaml")).expect("linked");
        let mut watch = Watch::new(vec![at("tollgate.yaml")]);
        assert!(!is_noticed(&mut watch, 5).await, "nothing has changed");
        std::os::unix::fs::symlink("..2", at("..new")).expect("linked");
        std::fs::rename(at("..new"), at("..data")).expect("renamed");
        assert!(is_noticed(&mut watch, 5).await, "the link leads elsewhere");
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_in_a_directory_counts_and_a_missing_file_may_come() {
        let directory = tempfile::tempdir().expect("a directory");
        let (roots, late) = (
            directory.path().join("roots"),
            directory.path().join("late.pem"),
        );
        std::fs::create_dir(&roots).expect("made");
        std::fs::write(roots.join("a.pem"), "a").expect("written");
        let mut watch = Watch::new(vec![roots.clone(), late.clone()]);
        std::fs::write(roots.join("a.pem"), "another").expect("written");
        assert!(is_noticed(&mut watch, 5).await, "a file in the directory");
        std::fs::write(&late, "here").expect("written");
        assert!(is_noticed(&mut watch, 5).await, "the missing file");
        std::fs::remove_file(&late).expect("removed");
        assert!(is_noticed(&mut watch, 5).await, "it has gone");
    }
}
