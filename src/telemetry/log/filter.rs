//! What is logged: a level, and levels of parts, such as `info,tollgate::auth=debug`. Read strictly: the library
//! takes a misspelt level for the name of a part, and logs everything of it.

use tracing_subscriber::EnvFilter;

const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];
/// What these have to say in detail can hold headers: they are kept to warnings, whatever the filter says.
const KEPT_TO_WARNINGS: [&str; 9] = [
    "azure_core",
    "azure_identity",
    "typespec_client_core",
    "hyper",
    "hyper_util",
    "h2",
    "opentelemetry",
    "reqwest",
    "tonic",
];
/// Longest filter that is read.
const MAX_BYTES: usize = 1024;

/// A filter.
pub(super) fn parse(text: &str) -> Result<EnvFilter, String> {
    let help = "write a level (off, error, warn, info, debug, trace), or levels of parts: info,tollgate::auth=debug";
    if text.trim().is_empty() || text.len() > MAX_BYTES {
        return Err(format!("no log level: {help}"));
    }
    let parts: Vec<_> = text.split(',').map(str::trim).collect();
    for part in &parts {
        let level = match part.split_once('=') {
            Some((target, level)) if is_target(target) => level,
            Some(_) => return Err(format!("`{part}` is not a part of the log: {help}")),
            None => *part,
        };
        if !LEVELS.contains(&level.to_ascii_lowercase().as_str()) {
            return Err(format!("`{level}` is not a log level: {help}"));
        }
    }
    let filter = EnvFilter::try_new(parts.join(",")).map_err(|_| format!("`{text}`: {help}"))?;
    let kept = KEPT_TO_WARNINGS.into_iter();
    let kept = kept.filter_map(|name| format!("{name}=warn").parse().ok());
    Ok(kept.fold(filter, EnvFilter::add_directive))
}

/// The path of a module.
fn is_target(text: &str) -> bool {
    let is_letter = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | ':' | '-');
    !text.is_empty() && text.chars().all(is_letter)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_is_a_level_and_levels_of_parts() {
        for good in [
            "info",
            "DEBUG",
            "off",
            "warn,tollgate::auth=debug",
            " info , hyper=trace ",
        ] {
            let filter = parse(good).expect(good).to_string();
            assert!(filter.contains("hyper=warn"), "{good}: {filter}");
        }
        for bad in [
            "",
            " ",
            "verbose",
            "info,",
            "tollgate",
            "tollgate=loud",
            "[span{a=b}]=debug",
            "=debug",
        ] {
            let error = parse(bad).expect_err(bad);
            assert!(error.contains("write a level"), "{error}");
        }
        assert!(parse(&"a=info,".repeat(1000)).is_err());
    }
}
