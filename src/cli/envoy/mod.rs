//! `tollgate envoy`: the Envoy configuration that fits a tollgate.yaml.

mod files;
mod watch;

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};

use super::say;
use crate::config::{Config, read_yaml};
use crate::envoy_config::{Part, Platform, Settings, Version, manifests, render};

#[derive(Args)]
pub(super) struct EnvoyArguments {
    /// The configuration.
    #[arg(long, value_name = "FILE", default_value = "tollgate.yaml")]
    config: PathBuf,
    /// The version of Envoy that it is for, in place of `envoy: { version }`: older ones than 1.39 ask several backends
    /// in a fixed order.
    #[arg(long, value_name = "VERSION")]
    envoy_version: Option<String>,
    /// Whose Envoy it is for. For one that a control plane configures, manifests of Kubernetes are written, with what
    /// belongs to tollgate: `envoy: { kubernetes }` says where that is.
    #[arg(long = "for", value_name = "PLATFORM", value_parser = platforms(), default_value = "standalone")]
    platform: Platform,
    /// Only this part, to paste into the configuration of an Envoy that is there already.
    #[arg(long, value_parser = parts())]
    part: Option<Part>,
    /// Write the files of a running Envoy into this folder, and again whenever the configuration changes, until told
    /// to stop. Envoy is started with `envoy.yaml` in it, and takes the others from there.
    #[arg(long, value_name = "FOLDER", conflicts_with = "part")]
    watch: Option<PathBuf>,
}

/// The parts by their names.
fn parts() -> impl TypedValueParser<Value = Part> {
    let names = Part::NAMED.map(|(_, name, about)| PossibleValue::new(name).help(about));
    PossibleValuesParser::new(names).try_map(|name| Part::named(&name).ok_or("no such part"))
}

/// The platforms by their names.
fn platforms() -> impl TypedValueParser<Value = Platform> {
    let names = Platform::NAMED.map(|(_, name, about)| PossibleValue::new(name).help(about));
    PossibleValuesParser::new(names)
        .try_map(|name| Platform::named(&name).ok_or("no such platform"))
}

/// Writes it to standard output, where a file that is half written is an error, or into a folder.
pub(super) fn run(arguments: &EnvoyArguments) -> Result<ExitCode, String> {
    let version = arguments.envoy_version.as_deref().map(Version::parse);
    let version = version.transpose()?;
    if let Platform::Managed(_) = arguments.platform {
        whole(arguments)?;
    }
    if let Some(folder) = &arguments.watch {
        return watch::run(&arguments.config, folder, version);
    }
    let config = match Config::load(&arguments.config) {
        Ok(config) => config,
        Err(error) => {
            say(&mut io::stderr(), &error.report());
            return Ok(ExitCode::FAILURE);
        }
    };
    let part = arguments.part.unwrap_or(Part::Whole);
    let settings = for_version(config.envoy, version);
    let text = match arguments.platform {
        Platform::Standalone => render(&settings, part),
        Platform::Managed(by) => manifests(&settings, by, read_yaml),
    };
    let text = text.map_err(|error| error.to_string())?;
    let mut output = crate::cli::output::stdout();
    let written = output.write_all(text.as_bytes());
    written
        .and_then(|()| output.flush())
        .map_err(|error| format!("the configuration could not be written: {error}"))?;
    Ok(ExitCode::SUCCESS)
}

/// What a control plane is told is one whole, and written once.
fn whole(arguments: &EnvoyArguments) -> Result<(), String> {
    if arguments.part.is_some() {
        return Err("`--part` is of the file of an Envoy of your own. What `--for` says is written whole: leave out one of the two".to_owned());
    }
    if arguments.watch.is_some() {
        return Err("`--watch` writes the files of an Envoy of your own. The control plane that `--for` says follows what you apply: leave out one of the two".to_owned());
    }
    Ok(())
}

/// What the option says of the version wins over the file.
fn for_version(settings: Settings, version: Option<Version>) -> Settings {
    Settings {
        version: version.or(settings.version),
        ..settings
    }
}
