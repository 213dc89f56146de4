//! What the metrics say of this process, by the names of the conventions, and which build it is.

use std::time::Instant;

use opentelemetry::KeyValue;
use opentelemetry::metrics::Meter;

use crate::telemetry::conventions as names;

/// A second of processor time in `/proc`: `USER_HZ`, which is the same on all of Linux' architectures that
/// tollgate is built for (proc_pid_stat(5)).
const TICKS_PER_SECOND: f64 = 100.0;

/// Reads an amount.
type Read = fn() -> Option<i64>;

/// Amounts of what the process has: name, unit, description.
const AMOUNTS: [(&str, &str, &str, Read); 4] = [
    (
        names::MEMORY_USAGE,
        "By",
        "Memory that the process has in RAM",
        resident,
    ),
    (
        names::MEMORY_VIRTUAL,
        "By",
        "Memory that the process has reserved",
        reserved,
    ),
    (
        names::THREADS,
        "{thread}",
        "Threads of the process",
        threads,
    ),
    (
        names::FILE_DESCRIPTORS,
        "{file_descriptor}",
        "File descriptors that the process has open",
        file_descriptors,
    ),
];

/// Shows the process.
pub(super) fn observe(meter: &Meter) {
    let began = Instant::now();
    let build = meter
        .u64_gauge("tollgate.build.info")
        .with_description("1; its labels say which build this is")
        .build();
    build.record(1, &[KeyValue::new("version", env!("CARGO_PKG_VERSION"))]);
    let _ = meter
        .f64_observable_gauge(names::UPTIME)
        .with_unit("s")
        .with_description("How long the process has been running")
        .with_callback(move |gauge| gauge.observe(began.elapsed().as_secs_f64(), &[]))
        .build();
    let _ = meter
        .f64_observable_counter(names::CPU_TIME)
        .with_unit("s")
        .with_description("Processor time that the process has used")
        .with_callback(|counter| {
            let Some([user, system]) = cpu_seconds() else {
                return;
            };
            for (mode, time) in [("user", user), ("system", system)] {
                counter.observe(time, &[KeyValue::new(names::CPU_MODE, mode)]);
            }
        })
        .build();
    for (name, unit, description, read) in AMOUNTS {
        let _ = meter
            .i64_observable_up_down_counter(name)
            .with_unit(unit)
            .with_description(description)
            .with_callback(move |counter| {
                if let Some(value) = read() {
                    counter.observe(value, &[]);
                }
            })
            .build();
    }
}

/// Of user and system mode: members 14 and 15, counted from 1; the second is in parentheses and may hold anything.
fn cpu_seconds() -> Option<[f64; 2]> {
    const USER: usize = 14 - 3;
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    let (_, members) = stat.rsplit_once(')')?;
    let mut times = members.split_ascii_whitespace().skip(USER);
    let mut seconds = || Some(times.next()?.parse::<f64>().ok()? / TICKS_PER_SECOND);
    Some([seconds()?, seconds()?])
}

fn resident() -> Option<i64> {
    Some(status("VmRSS:")?.saturating_mul(1024))
}

fn reserved() -> Option<i64> {
    Some(status("VmSize:")?.saturating_mul(1024))
}

fn threads() -> Option<i64> {
    status("Threads:")
}

/// A number of `/proc/self/status`; sizes are in KiB there.
fn status(name: &str) -> Option<i64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let value = status.lines().find_map(|line| line.strip_prefix(name))?;
    value.split_ascii_whitespace().next()?.parse().ok()
}

/// Without the one that the folder itself is read through.
fn file_descriptors() -> Option<i64> {
    let open = std::fs::read_dir("/proc/self/fd").ok()?.count();
    i64::try_from(open.saturating_sub(1)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_says_what_this_process_uses() {
        let [user, system] = cpu_seconds().expect("the times");
        assert!(user >= 0.0 && system >= 0.0);
        let (resident, reserved) = (resident().expect("it"), reserved().expect("it"));
        assert!(
            (1 << 20..=reserved).contains(&resident),
            "{resident} {reserved}"
        );
        assert!(threads().expect("it") >= 1);
        let before = file_descriptors().expect("it");
        assert!(before >= 3, "{before}");
    }
}
