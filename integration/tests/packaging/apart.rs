//! Whoever holds Envoy's container gets at one socket of tollgate's, and at nothing else.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use serde_json::Value;

use crate::compose::{service, strings};
use crate::demo::certificates;
use crate::{text, yaml};

/// The path of a socket in the demo's tollgate.yaml.
fn socket(name: &str) -> String {
    let listen = yaml("deploy/tollgate.yaml")["listen"].clone();
    let address = listen[name].as_str().expect("an address").to_owned();
    let path = address.strip_prefix("unix:").expect("a socket");
    path.to_owned()
}

/// Where a service mounts something, and what.
fn mounts(service: &Value) -> Vec<(String, String)> {
    let volumes = service["volumes"].as_array().expect("volumes");
    let mounts = volumes.iter().map(|mount| match mount {
        Value::String(short) => {
            let mut words = short.split(':');
            let mut word = || words.next().expect("source and target").to_owned();
            let source = word();
            (word(), source)
        }
        long => {
            let word = |name: &str| long[name].as_str().expect("long form").to_owned();
            (word("target"), word("source"))
        }
    });
    mounts.collect()
}

/// Of the mounts, the one that a path is in.
fn mount_of<'a>(mounts: &'a [(String, String)], path: &str) -> Option<&'a (String, String)> {
    mounts
        .iter()
        .find(|(target, _)| Path::new(path).starts_with(target))
}

#[test]
fn envoy_is_another_user_and_gets_in_by_a_group() {
    let (tollgate, envoy) = (service("tollgate"), service("envoy"));
    let user = |service: &Value| -> Vec<u32> {
        let ids = service["user"].as_str().expect("a user").split(':');
        ids.map(|id| id.parse().expect("a number")).collect()
    };
    let (ours, envoys) = (user(&tollgate), user(&envoy));
    assert!(!envoys.contains(&0), "root");
    assert!(ours.iter().all(|id| !envoys.contains(id)), "{envoys:?}");
    // The group of the folder, which nobody has as its own.
    let shared = strings(&envoy["group_add"]);
    let [shared] = shared[..] else {
        panic!("one group is shared: {shared:?}");
    };
    assert!(!ours.contains(&shared.parse().expect("a number")));
    let dockerfile = text("Dockerfile").replace("\\\n", " ");
    let folders = dockerfile
        .lines()
        .find(|line| line.contains("/gateway/run/tollgate "))
        .expect("the folder of the socket");
    let words: Vec<&str> = folders.split_whitespace().collect();
    let options = format!("--owner {} --group {shared} --mode 2750", ours[0]);
    assert!(words.join(" ").contains(&options), "{folders}");
}

#[test]
fn envoy_has_the_folder_of_its_own_socket_and_not_that_of_the_one_for_commands() {
    let (tollgate, envoy) = (mounts(&service("tollgate")), mounts(&service("envoy")));
    let grpc = socket("grpc");
    let shared = mount_of(&envoy, &grpc).expect("Envoy finds the socket");
    let (target, source) = shared.clone();
    assert!(mount_of(&tollgate, &grpc).is_some_and(|it| it.1 == source));
    assert!(
        text("docker-compose.yml").contains(&format!("- {source}:{target}:ro")),
        "Envoy can put another socket there"
    );

    let control = socket("control");
    assert!(mount_of(&envoy, &control).is_none());
    assert!(
        mount_of(&tollgate, &control).is_none(),
        "a volume could be shared"
    );
    let own = strings(&service("tollgate")["tmpfs"]).join(" ");
    let (folder, options) = own.split_once(':').expect("a folder with options");
    assert!(Path::new(&control).starts_with(folder), "{own}");
    assert!(options.split(',').any(|it| it == "mode=0700"), "{own}");
    let image = text("Dockerfile");
    assert!(image.contains(&format!("/gateway{folder}")), "{folder}");

    // Nothing else of tollgate's is anybody else's either.
    for (target, source) in tollgate.iter().filter(|it| it.1 != source) {
        let envoys = envoy.iter().any(|it| it.1 == *source);
        assert!(!envoys, "Envoy has {target} of tollgate's");
    }
}

#[test]
fn of_the_certificates_envoy_may_read_one_key() {
    let folder = certificates();
    let mut readable = Vec::new();
    for entry in std::fs::read_dir(folder.path()).expect("a folder") {
        let entry = entry.expect("an entry");
        let mode = entry.metadata().expect("it is there").permissions().mode();
        let name = entry.file_name().into_string().expect("UTF-8");
        if name.contains("key") {
            assert_eq!(mode & 0o007, 0, "{name} is for all to read");
            if mode & 0o070 != 0 {
                readable.push(name);
            }
        }
    }
    assert_eq!(readable, ["tls.key"]);
}
