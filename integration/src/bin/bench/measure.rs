//! One measurement, and what several of them say together.

use std::time::{Duration, Instant};

use super::load::{self, Run};
use super::process::{Clock, Processors};
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
    /// The share of the processors that the host gave to others meanwhile.
    pub stolen: f64,
}

impl Sample {
    /// CPU time of Envoy per request, in microseconds.
    pub fn envoy_us_per_request(&self) -> f64 {
        self.envoy_us as f64 / self.run.requests as f64
    }

    /// CPU time of the service per request, in microseconds.
    pub fn service_us_per_request(&self) -> f64 {
        self.service_us as f64 / self.run.requests as f64
    }
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
    let processors = Processors::read()?;
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
        stolen: Processors::read()?.stolen_since(processors),
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
    /// With these rounds alone.
    fn of_rounds(&self, rounds: &[usize]) -> Self {
        let pick = |runs: &[Sample]| {
            rounds
                .iter()
                .filter_map(|&it| runs.get(it).copied())
                .collect()
        };
        Self {
            busy: pick(&self.busy),
            quiet: pick(&self.quiet),
            first_bytes: self.first_bytes.clone(),
        }
    }

    /// The largest share of the processors that the host has taken during one of its runs.
    pub fn most_stolen(&self) -> f64 {
        let runs = self.busy.iter().chain(&self.quiet);
        runs.map(|run| run.stolen).fold(0.0, f64::max)
    }

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

/// The half of the rounds during which the host of this machine has taken least of its processors: what it takes
/// says nothing about a gateway. All chains of a workload keep the same rounds.
pub fn calm_rounds(cells: &[Cell]) -> Vec<Cell> {
    let rounds = cells.iter().map(|it| it.busy.len()).min().unwrap_or(0);
    let stolen = |round: usize| {
        let runs = cells
            .iter()
            .flat_map(|it| [it.busy.get(round), it.quiet.get(round)]);
        runs.flatten().map(|run| run.stolen).sum::<f64>()
    };
    let mut order: Vec<_> = (0..rounds).map(|round| (stolen(round), round)).collect();
    order.sort_by(|(one, _), (other, _)| one.total_cmp(other));
    order.truncate(rounds.div_ceil(2));
    let kept: Vec<_> = order.into_iter().map(|(_, round)| round).collect();
    cells.iter().map(|it| it.of_rounds(&kept)).collect()
}

/// The half of the runs during which the host has taken least.
pub fn calm(mut runs: Vec<Sample>) -> Vec<Sample> {
    runs.sort_by(|one, other| one.stolen.total_cmp(&other.stolen));
    runs.truncate(runs.len().div_ceil(2));
    runs
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
            stolen: 0.0,
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
    fn rounds_that_the_host_disturbed_are_left_out() {
        let run = |requests, stolen| Sample {
            stolen,
            ..sample(requests, 1000)
        };
        let runs = |stolen: [f64; 3]| vec![run(1, stolen[0]), run(2, stolen[1]), run(3, stolen[2])];
        let cell = |stolen| Cell {
            busy: runs(stolen),
            quiet: runs([0.0; 3]),
            ..Cell::default()
        };
        let requests =
            |runs: &[Sample]| -> Vec<_> { runs.iter().map(|it| it.run.requests).collect() };
        let kept = calm_rounds(&[cell([0.0, 0.3, 0.1]), cell([0.15, 0.0, 0.0])]);
        for cell in &kept {
            assert_eq!(
                (requests(&cell.busy), requests(&cell.quiet)),
                (vec![3, 1], vec![3, 1])
            );
        }
        let most = kept.iter().map(Cell::most_stolen).fold(0.0, f64::max);
        assert!((most - 0.15).abs() < 1e-9, "{most}");
        assert_eq!(requests(&calm(runs([0.2, 0.1, 0.3]))), [2, 1]);
    }

    #[test]
    fn one_bad_round_does_not_move_the_median() {
        let middle = median(&[1.0, 900.0, 2.0], |value| *value);
        assert!((middle - 2.0).abs() < f64::EPSILON, "{middle}");
    }
}
