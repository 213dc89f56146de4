//! Who sends: the resource that all telemetry of this process is about
//! (<https://opentelemetry.io/docs/specs/semconv/resource/>).

use opentelemetry::KeyValue;
use opentelemetry_sdk::Resource;

use super::environment::Environment;
use super::list;
use crate::telemetry::conventions as names;

/// Unless the environment gives another name.
const SERVICE: &str = "tollgate";

/// The resource. What the environment says comes before what tollgate knows.
pub(in crate::telemetry) fn resource(environment: &Environment) -> Result<Resource, String> {
    let mut attributes = vec![
        KeyValue::new(names::SERVICE_NAME, SERVICE),
        KeyValue::new(names::SERVICE_VERSION, env!("CARGO_PKG_VERSION")),
        // Replicas of one name differ by it.
        KeyValue::new(names::SERVICE_INSTANCE_ID, uuid::Uuid::now_v7().to_string()),
    ];
    if let Some(set) = environment.get("OTEL_RESOURCE_ATTRIBUTES")? {
        let members = list::members(&set.value).map_err(|what| set.wrong_secret(what))?;
        attributes.extend(
            members
                .into_iter()
                .map(|(key, value)| KeyValue::new(key, value)),
        );
    }
    if let Some(set) = environment.get("OTEL_SERVICE_NAME")? {
        attributes.push(KeyValue::new(names::SERVICE_NAME, set.value));
    }
    Ok(Resource::builder_empty()
        .with_attributes(attributes)
        .build())
}

#[cfg(test)]
mod tests {
    use opentelemetry::Key;

    use super::super::environment::testing::environment;
    use super::*;

    #[test]
    fn the_environment_names_the_service_and_adds_attributes() {
        let attributes = "service.name=other,deployment.environment.name=pre%20production";
        let named = |set: &[(&'static str, &str)], key: &'static str| {
            let resource = resource(&environment(set)).expect("good");
            resource
                .get(&Key::from_static_str(key))
                .map(|it| it.to_string())
        };
        let own = ("OTEL_RESOURCE_ATTRIBUTES", attributes);
        let name = ("OTEL_SERVICE_NAME", "gateway");
        for (set, service) in [
            (&[][..], "tollgate"),
            (&[own], "other"),
            (&[own, name], "gateway"),
        ] {
            assert_eq!(named(set, "service.name").as_deref(), Some(service));
        }
        let environment_name = named(&[own], "deployment.environment.name");
        assert_eq!(environment_name.as_deref(), Some("pre production"));
        assert!(named(&[], "service.instance.id").is_some());
        let error = resource(&environment(&[("OTEL_RESOURCE_ATTRIBUTES", "team")]));
        assert!(error.is_err_and(|it| it.contains("write KEY=VALUE")));
    }
}
