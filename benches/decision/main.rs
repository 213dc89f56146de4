//! What a decision costs in this process, without gRPC: `cargo bench --bench decision`.

#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a bench prints, and ends where it can't go on"
)]

mod certificates;
mod gateway;
mod keys;
mod limits;
mod tokens;

use std::hint::black_box;
use std::time::Instant;

/// The service's own.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Times a step for each of its inputs, and prints and gives the mean in microseconds.
fn measure<T, R>(name: &str, inputs: Vec<T>, mut step: impl FnMut(T) -> R) -> f64 {
    let count = u32::try_from(inputs.len()).expect("few");
    let started = Instant::now();
    for input in inputs {
        black_box(step(black_box(input)));
    }
    let mean = started.elapsed().as_secs_f64() * 1e6 / f64::from(count);
    println!("{name:<66} {mean:>9.2} µs");
    mean
}

fn main() {
    tokens::run();
    certificates::run();
    keys::run();
    limits::run();
}
