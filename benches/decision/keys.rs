//! Keys, with few clients and with many; and what it takes to load many.

use std::fmt::Write;
use std::path::Path;
use std::time::{Instant, SystemTime};

use tollgate::auth::{Key, KeyDigest};
use tollgate::config::Config;

use crate::gateway::{Bench, request, yaml};
use crate::measure;

const ROUNDS: usize = 50_000;

/// Resident memory of this process, in MiB (`VmRSS` in proc(5)).
fn resident_mib() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<f64>().ok());
    kib.unwrap_or_default() / 1024.0
}

/// Keys, and a configuration in which each is another client's.
fn clients(count: usize) -> (Vec<Key>, String) {
    let keys: Vec<_> = (0..count)
        .map(|_| Key::generate().expect("a key"))
        .collect();
    let digest = |key: &Key| {
        KeyDigest::of_presented(key.expose())
            .expect("a key")
            .to_hex()
    };
    let entry = |key: &Key| {
        format!(
            "{{ key: {{ sha256: \"{}\", slot: primary }} }}",
            digest(key)
        )
    };
    let (first, rest) = keys.split_first().expect("a key");
    let mut clients = String::new();
    for (number, key) in rest.iter().enumerate() {
        let credential = entry(key);
        writeln!(
            clients,
            "  - {{ id: client-{number}, credentials: [ {credential} ], products: [standard], limits: {{ concurrent_requests: 100000000, request_bytes: 100000000000000 }} }}"
        )
        .expect("a string");
    }
    let yaml = yaml("", &entry(first), &clients);
    (keys, yaml)
}

pub(crate) fn run() {
    for count in [10, 100_000] {
        let (keys, yaml) = clients(count);
        let before = resident_mib();
        let started = Instant::now();
        let config =
            Config::parse("bench", &yaml, Path::new(".")).unwrap_or_else(|error| panic!("{error}"));
        let seconds = started.elapsed().as_secs_f64();
        let name = format!("{count} clients: loading {} bytes", yaml.len());
        println!(
            "{name:<66} {seconds:>9.3} s, {:.0} MiB more",
            resident_mib() - before
        );
        let now = SystemTime::now();
        let all = keys.iter().cycle().take(ROUNDS).collect();
        measure(
            &format!("{count} clients: a key, to the caller"),
            all,
            |key: &Key| {
                config
                    .policy
                    .keys
                    .authenticate(key.expose(), now)
                    .expect("a caller")
            },
        );
        let bench = Bench::new(&yaml, Path::new("."));
        let checks = keys.iter().cycle().take(ROUNDS);
        let checks = checks
            .map(|key| request(("api-key", key.expose()), ""))
            .collect();
        let name = format!("{count} clients: a key, the whole of ext_authz");
        measure(&name, checks, |check| bench.check(check));
    }
}
