use super::super::render::tests::{backend, read, settings};
use super::*;

fn files(names: &[&str]) -> Discovery {
    let backends = names.iter().map(|it| backend(it, "azure_openai")).collect();
    let settings = Settings {
        backends,
        ..settings()
    };
    Discovery::render(&settings, Path::new("/etc/envoy/tollgate")).expect("files")
}

#[test]
fn a_second_backend_changes_clusters_and_routes_alone() {
    let (one, two) = (files(&["sweden"]), files(&["sweden", "east"]));
    assert_eq!(one.bootstrap, two.bootstrap);
    assert_eq!(one.listeners, two.listeners);
    assert_ne!(one.routes, two.routes);
    assert_ne!(one.clusters, two.clusters);
}

#[test]
fn each_file_is_what_envoy_discovers() {
    let all = files(&["sweden", "east"]);
    let bootstrap = read(&all.bootstrap);
    let listeners = &bootstrap["dynamic_resources"]["lds_config"]["path_config_source"]["path"];
    assert_eq!(listeners, "/etc/envoy/tollgate/listeners.yaml");
    for (file, kind, count) in [
        (&all.listeners, "listener.v3.Listener", 1),
        (&all.routes, "route.v3.RouteConfiguration", 1),
        (&all.clusters, "cluster.v3.Cluster", 2),
    ] {
        let resources = read(file)["resources"].as_array().cloned().expect("a list");
        assert_eq!(resources.len(), count, "{kind}");
        for resource in resources {
            let named = format!("type.googleapis.com/envoy.config.{kind}");
            assert_eq!(resource["@type"], named);
        }
    }
}

#[test]
fn a_cluster_that_goes_stays_until_its_requests_have_ended() {
    let before = files(&["sweden", "east"]).clusters;
    let after = files(&["west", "east"]).clusters_after(&before);
    assert_eq!(after.new, ["azure_openai.west"]);
    assert_eq!(after.leaving, ["azure_openai.sweden"]);
    assert!(after.changed.is_empty(), "{:?}", after.changed);
    let elsewhere = before.replace("acme-east", "other-east");
    let changed = files(&["west", "east"]).clusters_after(&elsewhere).changed;
    assert_eq!(changed, ["azure_openai.east"]);
    let resources = read(&after.text)["resources"].clone();
    let names: Vec<_> = (0..3).map(|at| resources[at]["name"].clone()).collect();
    assert_eq!(
        names,
        [
            "azure_openai.west",
            "azure_openai.east",
            "azure_openai.sweden"
        ]
    );
    // It is the same as before, and still there after yet another change.
    assert_eq!(resources[2], read(&before)["resources"][0]);
    let third = files(&["west"]).clusters_after(&after.text);
    assert_eq!(third.leaving, ["azure_openai.east", "azure_openai.sweden"]);
}

#[test]
fn what_is_no_file_of_ours_has_no_clusters() {
    for other in ["", "resources: []", "no YAML: [", "  - \"@type\": x"] {
        let all = files(&["sweden"]);
        let after = all.clusters_after(other);
        assert_eq!((after.text, after.leaving), (all.clusters, Vec::new()));
        assert_eq!(after.new, ["azure_openai.sweden"]);
    }
}
