//! How much of a signal is gathered before it is sent: `OTEL_BSP_*` for spans, `OTEL_BLRP_*` for records of logs
//! (<https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/>).

use std::time::Duration;

use super::environment::Environment;

/// The specification's own: 2048 spans are about 2 MB.
const DEFAULT_QUEUE: usize = 2048;
const DEFAULT_BATCH: usize = 512;

/// Bounds of a queue that is sent in batches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::telemetry) struct Batching {
    /// Most that may wait.
    pub(in crate::telemetry) queue: usize,
    /// Most in a batch.
    pub(in crate::telemetry) batch: usize,
    /// When a batch goes out that is not full.
    pub(in crate::telemetry) delay: Duration,
}

impl Batching {
    /// What variables say whose names begin so.
    pub(in crate::telemetry) fn read(
        environment: &Environment,
        prefix: &str,
        default_delay_ms: u64,
    ) -> Result<Self, String> {
        let queue_name = format!("{prefix}_MAX_QUEUE_SIZE");
        let batch_name = format!("{prefix}_MAX_EXPORT_BATCH_SIZE");
        let queue = environment.number(&queue_name, 1, DEFAULT_QUEUE)?;
        let batch = environment.number(&batch_name, 1, DEFAULT_BATCH.min(queue))?;
        if batch > queue {
            return Err(format!(
                "{batch_name}: {batch} is more than {queue_name}, which is {queue}"
            ));
        }
        let delay =
            environment.milliseconds(&format!("{prefix}_SCHEDULE_DELAY"), default_delay_ms)?;
        Ok(Self {
            queue,
            batch,
            delay,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::environment::testing::environment;
    use super::*;

    #[test]
    fn a_batch_is_no_larger_than_the_queue() {
        let read = |set: &[(&'static str, &str)]| {
            let read = Batching::read(&environment(set), "OTEL_BLRP", 1000);
            read.map(|it| (it.queue, it.batch, it.delay.as_millis()))
        };
        let queue = ("OTEL_BLRP_MAX_QUEUE_SIZE", "100");
        let batch = ("OTEL_BLRP_MAX_EXPORT_BATCH_SIZE", "101");
        let delay = ("OTEL_BLRP_SCHEDULE_DELAY", "20");
        let of_spans = ("OTEL_BSP_MAX_QUEUE_SIZE", "7");
        assert_eq!(read(&[of_spans]), Ok((2048, 512, 1000)));
        assert_eq!(read(&[queue, delay]), Ok((100, 100, 20)));
        let error = read(&[queue, batch]).expect_err("too many");
        assert!(error.contains("101 is more than"), "{error}");
    }
}
