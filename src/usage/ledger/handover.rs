//! What the thread that writes the log tells the one that fills the file.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::usage::log::Written;

/// How far the log is on the disk.
#[derive(Debug, Default)]
pub(super) struct Handover {
    news: Mutex<News>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct News {
    /// The end of each segment that was written since: one of each, whatever the filler does.
    written: VecDeque<Written>,
    is_ended: bool,
}

impl Handover {
    /// A segment is on the disk up to here.
    pub(super) fn wrote(&self, written: Written) {
        let mut news = self.lock();
        match news.written.back_mut() {
            Some(last) if last.segment == written.segment => *last = written,
            _ => news.written.push_back(written),
        }
        drop(news);
        self.changed.notify_one();
    }

    /// There is nothing more to come.
    pub(super) fn end(&self) {
        self.lock().is_ended = true;
        self.changed.notify_one();
    }

    /// Waits until there is something to take, or nothing to come.
    pub(super) async fn wait(&self) {
        while !self.has_news() {
            self.changed.notified().await;
        }
    }

    fn has_news(&self) -> bool {
        let news = self.lock();
        news.is_ended || !news.written.is_empty()
    }

    /// The oldest news.
    pub(super) fn take(&self) -> Option<Written> {
        self.lock().written.pop_front()
    }

    pub(super) fn is_ended(&self) -> bool {
        self.lock().is_ended
    }

    fn lock(&self) -> MutexGuard<'_, News> {
        self.news.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
