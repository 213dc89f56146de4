//! The variables of OpenTelemetry's specification
//! (<https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/>). The specification lets a
//! program pass over what it can't read; here it is an error at the start, as in tollgate.yaml.

use std::ffi::OsString;
use std::fmt::Display;
use std::str::FromStr;
use std::time::Duration;

use super::Signal;

/// How a variable is looked up.
type Lookup = dyn Fn(&str) -> Option<OsString>;

/// Environment variables, looked up by their names.
pub struct Environment(Box<Lookup>);

/// A variable that is set: its name, and what it says.
pub(in crate::telemetry) struct Set {
    pub(in crate::telemetry) name: String,
    pub(in crate::telemetry) value: String,
}

impl Set {
    /// What is wrong with it, with what it says.
    pub(in crate::telemetry) fn wrong(&self, what: impl Display) -> String {
        format!("{}: `{}` {what}", self.name, self.value)
    }

    /// The same of a value that nobody may see.
    pub(super) fn wrong_secret(&self, what: impl Display) -> String {
        format!("{}: {what}", self.name)
    }
}

impl Environment {
    /// This process's.
    pub fn of_process() -> Self {
        Self(Box::new(|name| std::env::var_os(name)))
    }

    /// A variable; one that is empty counts as not set, as the specification says.
    pub(in crate::telemetry) fn get(&self, name: &str) -> Result<Option<Set>, String> {
        let Some(value) = (self.0)(name).filter(|it| !it.is_empty()) else {
            return Ok(None);
        };
        let value = value
            .into_string()
            .map_err(|_| format!("{name}: not UTF-8"))?;
        let name = name.to_owned();
        Ok(Some(Set { name, value }))
    }

    /// `OTEL_EXPORTER_OTLP_TRACES_ENDPOINT`, and else `OTEL_EXPORTER_OTLP_ENDPOINT`.
    pub(super) fn of_exporter(&self, signal: Signal, what: &str) -> Result<Option<Set>, String> {
        let own = self.get(&format!("OTEL_EXPORTER_OTLP_{}_{what}", signal.infix()))?;
        match own {
            Some(own) => Ok(Some(own)),
            None => self.get(&format!("OTEL_EXPORTER_OTLP_{what}")),
        }
    }

    /// A number that is at least `least`.
    pub(in crate::telemetry) fn number<T: FromStr + PartialOrd + Display>(
        &self,
        name: &str,
        least: T,
        default: T,
    ) -> Result<T, String> {
        let Some(set) = self.get(name)? else {
            return Ok(default);
        };
        let number = set.value.trim().parse().ok();
        number
            .filter(|number| *number >= least)
            .ok_or_else(|| set.wrong(format_args!("is not a number from {least}")))
    }

    /// A time in milliseconds.
    pub(in crate::telemetry) fn milliseconds(
        &self,
        name: &str,
        default: u64,
    ) -> Result<Duration, String> {
        self.number(name, 1, default).map(Duration::from_millis)
    }

    /// Whether all telemetry is switched off.
    fn is_disabled(&self) -> Result<bool, String> {
        let Some(set) = self.get("OTEL_SDK_DISABLED")? else {
            return Ok(false);
        };
        match set.value.to_ascii_lowercase().as_str() {
            "true" => Ok(true),
            "false" => Ok(false),
            _ => Err(set.wrong("is neither true nor false")),
        }
    }

    /// Whether a signal is sent: where its exporter is `otlp`, or where an endpoint is set and no other exporter. Logs
    /// need an endpoint of their own.
    pub(super) fn asks_for(&self, signal: Signal) -> Result<bool, String> {
        if self.is_disabled()? {
            return Ok(false);
        }
        let exporter = self.get(&format!("OTEL_{}_EXPORTER", signal.infix()))?;
        match exporter {
            None if signal.follows_common_endpoint() => {
                Ok(self.of_exporter(signal, "ENDPOINT")?.is_some())
            }
            None => {
                let own = format!("OTEL_EXPORTER_OTLP_{}_ENDPOINT", signal.infix());
                Ok(self.get(&own)?.is_some())
            }
            Some(set) => {
                let known = signal.exporters();
                let named: Vec<_> = set.value.split(',').map(str::trim).collect();
                if named.iter().any(|name| !known.contains(name)) {
                    let known = known.join(" or ");
                    let what = format_args!("is not an exporter that tollgate has: write {known}");
                    return Err(set.wrong(what));
                }
                Ok(named.contains(&"otlp"))
            }
        }
    }
}

#[cfg(test)]
pub(in crate::telemetry) mod testing {
    use super::Environment;

    /// An environment with nothing but this.
    pub(in crate::telemetry) fn environment(set: &[(&'static str, &str)]) -> Environment {
        let set: Vec<_> = set
            .iter()
            .map(|(name, value)| (*name, (*value).to_owned()))
            .collect();
        Environment(Box::new(move |name| {
            let (_, value) = set.iter().find(|(own, _)| *own == name)?;
            Some(value.into())
        }))
    }
}
