//! One measurement, and what several of them say together.

use std::time::{Duration, Instant};

use super::load::{self, Run};
use super::process::Clock;
use super::setup::Setup;
use super::workload::{Request, Workload};
use tollgate_integration::stack::{CHAT_PATH, Failure};

/// What one run used.
#[derive(Clone, Copy, Debug)]
pub struct Sample {
    /// What wrk saw.
    pub run: Run,
    /// CPU time of Envoy.
    pub envoy_us: u64,
    /// CPU time of the service; 0 where there is none.
    pub service_us: u64,
}

/// All measurements of one chain under one workload.
#[derive(Clone, Debug, Default)]
pub struct Cell {
    /// Runs with many connections: throughput, and CPU per request.
    pub busy: Vec<Sample>,
    /// Runs with one connection: latency with no queue anywhere.
    pub quiet: Vec<Sample>,
    /// Times from sending a request to the first byte of the answer's body.
    pub first_bytes: Vec<Duration>,
}

/// Puts load on a chain, and sees what it costs there.
pub async fn sample(
    setup: &mut Setup,
    workload: Workload,
    connections: u32,
    seconds: u64,
    clock: Clock,
) -> Result<Sample, Failure> {
    let request = workload.request(&setup.credential);
    let (envoy, service) = (setup.envoy_pid()?, setup.service_pid()?);
    let service_us = || service.map_or(Ok(0), |pid| clock.cpu_us(pid));
    let before = (clock.cpu_us(envoy)?, service_us()?);
    let run = load::run(
        setup.address(),
        &request,
        connections,
        seconds,
        setup.directory(),
    )
    .await?;
    let sample = Sample {
        run,
        envoy_us: clock.cpu_us(envoy)? - before.0,
        service_us: service_us()? - before.1,
    };
    match run.requests > 0 && run.errors == 0 {
        true => Ok(sample),
        false => Err(Failure::new(
            format_args!("{}, {workload}", setup.chain),
            format_args!("{} of {} requests failed", run.errors, run.requests),
        )),
    }
}

/// Hangs up within an answer, which has to be estimated then: the tokenizer is loaded once, and costs as much
/// as thousands of requests.
pub async fn hang_up(http: &reqwest::Client, setup: &Setup) -> Result<(), Failure> {
    let failed = |error| Failure::new(setup.chain, error);
    let request = Workload::SlowStream.request(&setup.credential);
    let mut response = post(http, &url(setup), &request).await.map_err(failed)?;
    response.chunk().await.map_err(failed)?;
    Ok(())
}

/// Asks `count` times, one after another, and times the first byte of each body.
pub async fn first_bytes(
    http: &reqwest::Client,
    setup: &Setup,
    workload: Workload,
    count: usize,
) -> Result<Vec<Duration>, Failure> {
    let url = url(setup);
    let request = workload.request(&setup.credential);
    let mut times = Vec::with_capacity(count);
    for _ in 0..count {
        let time = first_byte(http, &url, &request).await;
        times.push(time.map_err(|failure| {
            Failure::new(format_args!("{}, {workload}", setup.chain), failure)
        })?);
    }
    Ok(times)
}

fn url(setup: &Setup) -> String {
    format!("http://{}{CHAT_PATH}", setup.address())
}

async fn post(
    http: &reqwest::Client,
    url: &str,
    request: &Request,
) -> Result<reqwest::Response, reqwest::Error> {
    let builder = http.post(url).body(request.body.clone());
    let headers = request.headers.iter();
    let builder = headers.fold(builder, |builder, (name, value)| {
        builder.header(*name, value)
    });
    builder.send().await
}

async fn first_byte(
    http: &reqwest::Client,
    url: &str,
    request: &Request,
) -> Result<Duration, Failure> {
    let failed = |error| Failure::new(url, error);
    let start = Instant::now();
    let mut response = post(http, url, request).await.map_err(failed)?;
    let status = response.status();
    let first = response.chunk().await.map_err(failed)?;
    let time = start.elapsed();
    let rest = response.text().await.map_err(failed)?;
    match (status, first) {
        (reqwest::StatusCode::OK, Some(_)) => Ok(time),
        (status, first) => Err(Failure::new(status, format_args!("{first:?}{rest}"))),
    }
}

impl Cell {
    /// Requests in a second, with many connections.
    pub fn rate(&self) -> f64 {
        let duration_us: u64 = self.busy.iter().map(|sample| sample.run.duration_us).sum();
        self.requests() * 1e6 / duration_us as f64
    }

    /// CPU time of Envoy per request, in microseconds.
    pub fn envoy_us(&self) -> f64 {
        let total: u64 = self.busy.iter().map(|sample| sample.envoy_us).sum();
        total as f64 / self.requests()
    }

    /// CPU time of the service per request, in microseconds.
    pub fn service_us(&self) -> f64 {
        let total: u64 = self.busy.iter().map(|sample| sample.service_us).sum();
        total as f64 / self.requests()
    }

    fn requests(&self) -> f64 {
        let requests: u64 = self.busy.iter().map(|sample| sample.run.requests).sum();
        requests as f64
    }
}

/// The median of `value` over `samples`: one disturbed round does not move it.
pub fn median<T>(samples: &[T], value: impl Fn(&T) -> f64) -> f64 {
    let mut values: Vec<f64> = samples.iter().map(value).collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(requests: u64, cpu_us: u64) -> Sample {
        Sample {
            run: Run {
                requests,
                duration_us: 1_000_000,
                p50_us: 1.0,
                p99_us: 2.0,
                errors: 0,
            },
            envoy_us: cpu_us,
            service_us: 2 * cpu_us,
        }
    }

    #[test]
    fn rounds_weigh_by_their_requests() {
        let cell = Cell {
            busy: vec![sample(100, 1000), sample(300, 3000)],
            ..Cell::default()
        };
        let close = |value: f64, wanted: f64| (value - wanted).abs() < 1e-9;
        assert!(close(cell.rate(), 200.0), "{}", cell.rate());
        assert!(close(cell.envoy_us(), 10.0), "{}", cell.envoy_us());
        assert!(close(cell.service_us(), 20.0), "{}", cell.service_us());
    }

    #[test]
    fn one_bad_round_does_not_move_the_median() {
        let middle = median(&[1.0, 900.0, 2.0], |value| *value);
        assert!((middle - 2.0).abs() < f64::EPSILON, "{middle}");
    }
}
