//! libFuzzer around one target: `TARGET=token fuzz corpus/token` (`make fuzz`).

#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use tollgate_fuzz::{TARGETS, Target};

static TARGET: LazyLock<Target> = LazyLock::new(|| {
    let name = std::env::var("TARGET").unwrap_or_default();
    let found = TARGETS.into_iter().find(|target| target.name == name);
    found.unwrap_or_else(|| panic!("TARGET={name}: no such target"))
});

fuzz_target!(|data: &[u8]| {
    (TARGET.run)(data);
});
