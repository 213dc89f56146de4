//! The priority of a thread for work that takes long.

use std::cell::Cell;

/// Above 0, the nice value of such a thread: beside one of 0 it gets a tenth of a processor that both want
/// (<https://man7.org/linux/man-pages/man7/sched.7.html>).
const NICE: i32 = 10;

thread_local! {
    static IS_LOWERED: Cell<bool> = const { Cell::new(false) };
}

/// From now on this thread leaves the processors to those that serve connections, where there are too few for all.
pub(crate) fn lower() {
    if !IS_LOWERED.replace(true) {
        // Elsewhere it would be the whole process. Where the system does not allow it, work goes on as it is.
        #[cfg(target_os = "linux")]
        let _ = rustix::process::setpriority_process(None, NICE);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_thread_alone() {
        let nice = || rustix::process::getpriority_process(None).expect("a priority");
        let before = nice();
        let lowered = std::thread::spawn(move || {
            lower();
            lower();
            nice()
        });
        assert_eq!(lowered.join().expect("a value"), NICE.max(before));
        assert_eq!(nice(), before);
    }
}
