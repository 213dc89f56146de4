//! An Envoy whose file was written from another tollgate.yaml: no identity goes where only one of them leads.

use reqwest::StatusCode;
use serde_json::json;
use tollgate_integration::stack::{Options, Stack, wait_for};

use crate::backends::{azure, azures, seen, tokens};
use crate::support::{hello, hello_stream, refused, send};

#[tokio::test]
async fn an_envoy_file_that_is_out_of_date_sends_no_identity_elsewhere() {
    /// A change of tollgate.yaml, with the addresses of sweden and east, that Envoy does not know of.
    type Change = fn(String, &str, &str) -> String;
    let changes: [(&str, Change); 4] = [
        ("another name", |yaml, _, _| {
            yaml.replace("name: east", "name: ost")
                .replace("names: [east]", "names: [ost]")
        }),
        ("another address", |yaml, _, east| {
            yaml.replace(east, "https://elsewhere.example")
        }),
        ("another address and identity", |yaml, _, east| {
            let own = "name: east, identity: { managed_identity: {}, scope: https://cognitiveservices.azure.us/.default },";
            yaml.replace(east, "https://elsewhere.example")
                .replace("name: east,", own)
        }),
        (
            "addresses that have changed places",
            |yaml, sweden, east| {
                yaml.replace(sweden, "https://third.example")
                    .replace(east, sweden)
                    .replace("https://third.example", east)
            },
        ),
    ];
    let says = [false, true];
    let cases = changes.iter().flat_map(|it| says.map(|says| (it, says)));
    for ((case, change), says) in cases {
        let case = format!(
            "{case}, which Envoy {}",
            if says { "says" } else { "does not say" }
        );
        let options = Options::default().more_backends(vec![azure("east")]);
        let options = options.edit_envoy(move |config| {
            if !says {
                config.say_no_backends();
            }
        });
        let stack = Stack::start(options.edit_config(|yaml| {
            yaml.replace(
                "    deployments: [gpt-4o, text",
                "    backends: { names: [east] }\n    deployments: [gpt-4o, text",
            )
            .replace(
                "completions, embeddings, responses]",
                "completions, embeddings]",
            )
        }))
        .await;
        assert_eq!(send(stack.chat(&hello())).await.status(), StatusCode::OK);
        let text = std::fs::read_to_string(stack.config_path()).expect("a file");
        let urls: Vec<_> = azures(&stack).iter().map(|it| it.url()).collect();
        let text = change(text, &urls[0], &urls[1]);
        std::fs::write(stack.config_path(), text).expect("written");
        let log = stack.tollgate().log();
        log.wait_for_json("the change", |line| {
            line.to_string().contains("configuration is in force")
        })
        .await;
        if case.contains("identity") {
            // The common one before and after, and the backend's own.
            tokens(&stack, 3).await;
        }
        if says {
            let refused = refused(stack.chat(&hello())).await;
            assert_eq!(refused, (503, "gateway_misconfigured".to_owned()), "{case}");
        } else {
            let failed = send(stack.chat(&hello())).await;
            assert_eq!(failed.status(), StatusCode::SERVICE_UNAVAILABLE, "{case}");
        }
        let asked = seen(&stack);
        assert_eq!(
            asked,
            [0, 1],
            "{case}: a backend was asked that was not chosen"
        );
    }
}

#[tokio::test]
async fn a_file_for_one_backend_leads_there_until_there_is_a_new_one() {
    let stack = Stack::start(Options::default().edit_envoy(|config| {
        let known = "/static_resources/listeners/0/filter_chains/0/filters/0/typed_config/route_config/virtual_hosts/0/typed_per_filter_config";
        config.at(known)["envoy.filters.http.ext_proc"] = json!({
            "@type": "type.googleapis.com/envoy.extensions.filters.http.ext_proc.v3.ExtProcPerRoute",
            "overrides": { "grpc_initial_metadata": [
                { "key": "tollgate-backend", "value": "sweden=sweden.example:443" },
            ] },
        });
    }))
    .await;
    let own = std::fs::read_to_string(stack.config_path()).expect("a file");
    let with = |backends: &str, nth: usize| {
        let start = own.find("  - { name: sweden").expect("a backend");
        let line = own[start..].lines().next().expect("a line");
        let text = own.replace(line, backends);
        std::fs::write(stack.config_path(), text).expect("written");
        let log = stack.tollgate().log();
        async move {
            wait_for("the change", async || {
                let lines = log.all();
                let is_one = |it: &&String| it.contains("configuration is in force");
                (lines.iter().filter(is_one).count() >= nth).then_some(())
            })
            .await;
        }
    };
    const SWEDEN: &str = "  - { name: sweden, endpoint: \"https://sweden.example\" }\n";
    const EAST: &str = "  - { name: east, endpoint: \"https://east.example\" }\n";
    for (nth, backends) in [
        SWEDEN.to_owned(),
        format!("{SWEDEN}{EAST}"),
        format!("{EAST}{SWEDEN}"),
        // The only one, whatever it is called and wherever it is.
        SWEDEN.replace("sweden,", "other,"),
        "  - { name: anything }\n".to_owned(),
    ]
    .iter()
    .enumerate()
    {
        with(backends, nth + 1).await;
        for body in [hello(), hello_stream()] {
            let answer = send(stack.chat(&body)).await;
            assert_eq!(answer.status(), StatusCode::OK, "{backends}");
        }
    }
    // The identity of another backend, or for another address, goes nowhere.
    for (nth, backends) in [EAST.to_owned(), SWEDEN.replace("example", "example:8443")]
        .iter()
        .enumerate()
    {
        with(backends, nth + 6).await;
        let refused = refused(stack.chat(&hello())).await;
        assert_eq!(
            refused,
            (503, "gateway_misconfigured".to_owned()),
            "{backends}"
        );
    }
    assert_eq!(stack.azure.requests().len(), 10);
}
