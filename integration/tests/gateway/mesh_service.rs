//! A tollgate that is a service: Envoy shows a certificate of its own, and knows tollgate by its name.

use tollgate_integration::stack::{Options, Stack};

use crate::pki::{Ca, ca_params, leaf_params};
use crate::replicas::network::told;
use crate::shared_tollgate::{ENVOY, Mesh, SERVICE};
use crate::support::{hello, send};

#[tokio::test]
async fn a_service_is_asked_over_tls_by_its_name() {
    let mesh = Mesh::new(1);
    let stack = Stack::start(mesh.options(Options::default())).await;
    let answer = send(stack.chat(&hello())).await;
    assert_eq!(answer.status(), 200, "{:?}", answer.text().await);
    assert_eq!(stack.azure.ledger().len(), 1);
}

#[tokio::test]
async fn a_service_of_another_name_and_an_envoy_that_nobody_knows_get_nothing() {
    let other = Ca::root(ca_params("another"));
    let stranger = leaf_params("spiffe://cluster.local/ns/other/sa/envoy");
    let mesh = Mesh::new(1);
    for (service, envoy, reason) in [
        (
            mesh.server("elsewhere.test", 2),
            mesh.authority.leaf(&leaf_params(ENVOY), &[]),
            "it does not accept the certificate of this endpoint",
        ),
        (
            mesh.server(SERVICE, 3),
            mesh.authority.leaf(&stranger, &[]),
            "not among the names that may connect",
        ),
        (
            mesh.server(SERVICE, 4),
            other.leaf(&leaf_params(ENVOY), &[]),
            "it was not issued by a trusted authority",
        ),
    ] {
        mesh.put("tls", &service);
        mesh.put("envoy", &envoy);
        let stack = Stack::start(mesh.options(Options::default())).await;
        let answer = send(stack.chat(&hello())).await;
        assert_eq!(answer.status(), 503, "{reason}");
        // For this reason, and not because nobody listens.
        told(&stack, reason).await;
        assert_eq!(stack.azure.requests().len(), 0);
    }
}
