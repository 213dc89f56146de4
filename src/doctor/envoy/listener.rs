//! A listener and its connection manager: TLS, certificates, and one spelling of what is asked.

use super::super::finding::Outcome::{Error, Warning};
use super::super::finding::Subject;
use super::dump::Manager;
use super::rule::Fit::{IfWanted, Same};
use super::rule::{Compared, Rule};
use super::value::{list, text};
use super::wanted::Wanted;

const CHECK: &str = "connections";
const ONE_SPELLING: &str = "what tollgate judges must be the one spelling of what goes on";
const RULES: [Rule; 9] = [
    Rule("normalize_path", Same(""), Error, ONE_SPELLING),
    Rule("merge_slashes", Same(""), Error, ONE_SPELLING),
    Rule(
        "path_with_escaped_slashes_action",
        Same(""),
        Error,
        ONE_SPELLING,
    ),
    Rule(
        "common_http_protocol_options/headers_with_underscores_action",
        Same(""),
        Error,
        "a header could come in two spellings",
    ),
    Rule(
        "forward_client_cert_details",
        Same(""),
        Error,
        "only the connection may say which certificate a caller has",
    ),
    Rule(
        "set_current_client_cert_details",
        IfWanted,
        Error,
        "without the chain no certificate is accepted",
    ),
    Rule(
        "use_remote_address",
        Same(""),
        Error,
        "a caller could write its own address",
    ),
    Rule(
        "xff_num_trusted_hops",
        Same(""),
        Warning,
        "so many proxies may say where a caller is (`trusted_hops`)",
    ),
    Rule(
        "internal_address_config",
        Same(""),
        Warning,
        "callers in these networks can steer Envoy with x-envoy-* headers",
    ),
];
const TLS_RULES: [Rule; 2] = [
    Rule(
        "transport_socket/typed_config/common_tls_context/validation_context/trust_chain_verification",
        IfWanted,
        Error,
        "without it no client certificate gets as far as tollgate, which judges them",
    ),
    Rule(
        "transport_socket/typed_config/require_client_certificate",
        Same(""),
        Warning,
        "callers with keys and tokens have no certificate",
    ),
];

/// Compares a listener with the wanted one.
pub(super) fn examine(manager: &Manager<'_>, wanted: &Wanted, subject: &mut Subject) {
    let (Some(config), Some(chain)) = (wanted.manager(), wanted.chain()) else {
        return;
    };
    let mut compared = Compared {
        check: CHECK,
        part: format!("the listener {}", manager.listener),
        wanted: config,
        found: manager.config,
    };
    let mut broken = compared.examine(&RULES, subject);
    broken += examine_websockets(manager, subject);
    let has_tls = manager.chain.get("transport_socket").is_some();
    if has_tls {
        (compared.wanted, compared.found) = (chain, manager.chain);
        broken += compared.examine(&TLS_RULES, subject);
    } else if wanted.settings.tls.is_some() {
        broken += 1;
        subject.error(
            CHECK,
            format!("the listener {} has no TLS: keys and tokens of callers come in the clear", manager.listener),
            "give it a certificate, or write `envoy: { plaintext: true }` in tollgate.yaml where something in front ends TLS",
        );
    }
    if broken == 0 {
        let said = format!("the listener {} is as tollgate needs it", manager.listener);
        subject.ok(CHECK, said);
    }
}

/// `enabled` is true where it is not written.
fn examine_websockets(manager: &Manager<'_>, subject: &mut Subject) -> usize {
    let upgrades = list(manager.config.get("upgrade_configs")).iter();
    let is_on =
        |it: &&serde_json::Value| it.get("enabled") != Some(&serde_json::Value::Bool(false));
    let mut kinds = upgrades
        .filter(is_on)
        .filter_map(|it| text(it, "upgrade_type"));
    if kinds.next().is_none() {
        return 0;
    }
    subject.error(
        CHECK,
        format!("`upgrade_configs` of the listener {} lets connections change on every route: what goes over a WebSocket is not read", manager.listener),
        "write `upgrade_configs: [{ upgrade_type: websocket, enabled: false }]` there, and allow it on the route of realtime only",
    );
    1
}
