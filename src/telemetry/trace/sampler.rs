//! Which requests have spans: `OTEL_TRACES_SAMPLER`. The default follows what Envoy has decided.

use opentelemetry_sdk::trace::Sampler;

use crate::telemetry::otlp::Environment;

const SAMPLER: &str = "OTEL_TRACES_SAMPLER";
const ARGUMENT: &str = "OTEL_TRACES_SAMPLER_ARG";

/// The sampler that the environment names.
pub(super) fn sampler(environment: &Environment) -> Result<Sampler, String> {
    let Some(set) = environment.get(SAMPLER)? else {
        return Ok(Sampler::ParentBased(Box::new(Sampler::AlwaysOn)));
    };
    let (root, is_parent_based) = match set.value.trim().strip_prefix("parentbased_") {
        Some(root) => (root, true),
        None => (set.value.trim(), false),
    };
    let sampler = match root {
        "always_on" => Sampler::AlwaysOn,
        "always_off" => Sampler::AlwaysOff,
        "traceidratio" => Sampler::TraceIdRatioBased(ratio(environment)?),
        _ => {
            let known = "always_on, always_off, traceidratio, or one of them after `parentbased_`";
            return Err(set.wrong(format_args!(
                "is not a sampler that tollgate has: write {known}"
            )));
        }
    };
    Ok(match is_parent_based {
        true => Sampler::ParentBased(Box::new(sampler)),
        false => sampler,
    })
}

/// The part of all traces that has spans.
fn ratio(environment: &Environment) -> Result<f64, String> {
    let Some(set) = environment.get(ARGUMENT)? else {
        return Ok(1.0);
    };
    let ratio = set.value.trim().parse::<f64>().ok();
    ratio
        .filter(|ratio| (0.0..=1.0).contains(ratio))
        .ok_or_else(|| set.wrong("is not a number from 0 to 1"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::otlp::testing::environment;

    #[test]
    fn each_sampler_of_the_specification_has_its_name_and_others_are_refused() {
        let named = |set: &[(&'static str, &str)]| {
            sampler(&environment(set)).map(|sampler| format!("{sampler:?}"))
        };
        for (name, argument, sampler) in [
            ("", "", "ParentBased(AlwaysOn)"),
            ("always_on", "", "AlwaysOn"),
            ("always_off", "0.5", "AlwaysOff"),
            ("traceidratio", "0.25", "TraceIdRatioBased(0.25)"),
            ("traceidratio", "", "TraceIdRatioBased(1.0)"),
            ("parentbased_always_on", "", "ParentBased(AlwaysOn)"),
            ("parentbased_always_off", "", "ParentBased(AlwaysOff)"),
            (
                "parentbased_traceidratio",
                "0",
                "ParentBased(TraceIdRatioBased(0.0))",
            ),
        ] {
            let set = [(SAMPLER, name), (ARGUMENT, argument)];
            assert_eq!(named(&set).as_deref(), Ok(sampler), "{name}");
        }
        for (name, argument, variable) in [
            ("on", "", SAMPLER),
            ("parentbased_jaeger_remote", "", SAMPLER),
            ("traceidratio", "10%", ARGUMENT),
            ("traceidratio", "1.5", ARGUMENT),
            ("traceidratio", "NaN", ARGUMENT),
        ] {
            let error = named(&[(SAMPLER, name), (ARGUMENT, argument)]).expect_err(name);
            assert!(error.starts_with(variable), "{error}");
        }
    }
}
