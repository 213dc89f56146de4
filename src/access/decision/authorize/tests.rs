use std::time::{Duration, SystemTime};

use time::{UtcOffset, Weekday};

use super::*;
use crate::access::{ClientId, Deployments, Entitlements, Hours, Minute, Operation, Requirements};

/// A Monday, at noon.
fn noon() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_435_200)
}

fn product(id: &str, deployments: &[&str], operations: &[Operation]) -> Product {
    let mut allowed = Deployments::default();
    for name in deployments {
        allowed.add(name).expect("a name or a pattern");
    }
    Product::new(
        ProductId::new(id),
        allowed,
        operations.iter().copied().collect(),
    )
}

fn client(products: Vec<Product>) -> Client {
    let products = products.into_iter().map(Arc::new).collect();
    Client::new(ClientId::new("mobile-app"), products)
}

fn two_products() -> Client {
    client(vec![
        product("chat", &["gpt-4o"], &[Operation::ChatCompletions]),
        product("vectors", &["embed"], &[Operation::Embeddings]),
    ])
}

fn asked(operation: Operation) -> AccessRequest<'static> {
    AccessRequest {
        operation,
        has: Entitlements::NONE,
        address: None,
        at: noon(),
    }
}

/// The product that allows it, or the nearest reason and its product.
fn decide(
    client: &Client,
    asked: &AccessRequest<'_>,
    name: &str,
) -> Result<String, (AccessError, String)> {
    let deployment = Deployment::parse(name).expect("a valid name");
    match authorize_deployment(client, asked, deployment, None) {
        Ok(grant) => Ok(grant.product.id.to_string()),
        Err(denied) => {
            let product = denied.product.map(|id| id.to_string());
            Err((denied.reason, product.unwrap_or_default()))
        }
    }
}

fn refused(reason: AccessError, product: &str) -> Result<String, (AccessError, String)> {
    Err((reason, product.to_owned()))
}

#[test]
fn the_product_that_allows_a_request_is_named() {
    let decided = decide(&two_products(), &asked(Operation::Embeddings), "embed");
    assert_eq!(decided, Ok("vectors".to_owned()));
}

#[test]
fn an_operation_of_one_product_does_not_reach_the_deployments_of_another() {
    let decided = decide(&two_products(), &asked(Operation::Embeddings), "gpt-4o");
    assert_eq!(
        decided,
        refused(AccessError::DeploymentNotAllowed, "vectors")
    );
}

#[test]
fn an_operation_of_no_product_is_refused_for_any_deployment() {
    let (client, responses) = (two_products(), asked(Operation::Responses));
    let nowhere = refused(AccessError::OperationNotAllowed, "chat");
    assert_eq!(decide(&client, &responses, "gpt-4o"), nowhere);
    let denied = authorize_operation(&client, &responses).expect_err("no product has responses");
    assert_eq!(denied.reason, AccessError::OperationNotAllowed);
    assert_eq!(
        authorize_operation(&client, &asked(Operation::Embeddings)),
        Ok(())
    );
}

#[test]
fn a_client_without_products_may_do_nothing() {
    for operation in Operation::ALL {
        let decided = decide(&client(Vec::new()), &asked(operation), "gpt-4o");
        assert_eq!(decided, refused(AccessError::OperationNotAllowed, ""));
    }
}

#[test]
fn deployments_are_compared_exactly_and_patterns_by_their_star() {
    let chat = asked(Operation::ChatCompletions);
    for name in ["GPT-4o", "gpt-4o-mini", "gpt-4"] {
        assert!(
            decide(&two_products(), &chat, name).is_err(),
            "{name} is another deployment"
        );
    }
    let client = client(vec![product(
        "chat",
        &["gpt-4o*"],
        &[Operation::ChatCompletions],
    )]);
    assert!(decide(&client, &chat, "gpt-4o-mini").is_ok());
    assert!(decide(&client, &chat, "gpt-4").is_err());
}

/// A product with every condition.
fn strict() -> Product {
    let roles = Requirements {
        roles: vec!["llm.responses".to_owned()],
        ..Requirements::default()
    };
    Product {
        requires: Requirements {
            scopes: vec!["llm.invoke".to_owned()],
            ..Requirements::default()
        },
        operation_requires: [(Operation::Responses, roles)].into(),
        networks: Some(vec!["10.0.0.0/8".parse().expect("a range")]),
        hours: Some(Hours {
            days: vec![Weekday::Monday],
            from: Minute::START,
            until: Minute::END,
            offset: UtcOffset::UTC,
        }),
        ..product(
            "strict",
            &["gpt-4o"],
            &[Operation::ChatCompletions, Operation::Responses],
        )
    }
}

#[test]
fn every_condition_of_a_product_is_needed() {
    let client = client(vec![strict()]);
    let invoke = Entitlements {
        scopes: vec!["llm.invoke".to_owned()],
        ..Entitlements::default()
    };
    let good = AccessRequest {
        has: &invoke,
        address: "10.1.2.3".parse().ok(),
        ..asked(Operation::ChatCompletions)
    };
    let check = |asked: &AccessRequest<'_>| {
        let decided = decide(&client, asked, "gpt-4o").map_err(|(reason, _)| reason);
        let before = authorize_operation(&client, asked).map_err(|it| it.reason);
        assert_eq!(
            decided.as_ref().err(),
            before.as_ref().err(),
            "with and without the model"
        );
        decided.map(|_| ())
    };
    assert_eq!(check(&good), Ok(()));
    let mapped = AccessRequest {
        address: "::ffff:10.1.2.3".parse().ok(),
        ..good
    };
    assert_eq!(
        check(&mapped),
        Ok(()),
        "an IPv4 address in IPv6 is the IPv4 address"
    );
    let unentitled = AccessRequest {
        has: Entitlements::NONE,
        ..good
    };
    assert_eq!(check(&unentitled), Err(AccessError::EntitlementMissing));
    for elsewhere in ["11.0.0.1".parse().ok(), "::1".parse().ok(), None] {
        let asked = AccessRequest {
            address: elsewhere,
            ..good
        };
        assert_eq!(
            check(&asked),
            Err(AccessError::NetworkNotAllowed),
            "{elsewhere:?}"
        );
    }
    let tuesday = AccessRequest {
        at: noon() + Duration::from_secs(24 * 3600),
        ..good
    };
    assert_eq!(check(&tuesday), Err(AccessError::OutsideHours));
}

#[test]
fn an_operation_may_ask_for_more_than_its_product() {
    let client = client(vec![strict()]);
    let mut has = Entitlements {
        scopes: vec!["llm.invoke".to_owned()],
        ..Entitlements::default()
    };
    let decide = |has: &Entitlements, operation| {
        let asked = AccessRequest {
            has,
            address: "10.1.2.3".parse().ok(),
            ..asked(operation)
        };
        decide(&client, &asked, "gpt-4o").map_err(|(reason, _)| reason)
    };
    assert!(decide(&has, Operation::ChatCompletions).is_ok());
    assert_eq!(
        decide(&has, Operation::Responses),
        Err(AccessError::EntitlementMissing),
        "the role is needed too"
    );
    has.roles.push("llm.responses".to_owned());
    assert!(decide(&has, Operation::Responses).is_ok());
    has.scopes.clear();
    assert!(
        decide(&has, Operation::Responses).is_err(),
        "the product's own stays"
    );
}

#[test]
fn the_nearest_reason_of_all_products_is_given_with_its_product() {
    let client = client(vec![
        product("vectors", &["embed"], &[Operation::Embeddings]),
        strict(),
        product("other", &["gpt-4"], &[Operation::ChatCompletions]),
        Product {
            id: ProductId::new("second"),
            ..strict()
        },
    ]);
    let chat = asked(Operation::ChatCompletions);
    let decided = decide(&client, &chat, "gpt-4o");
    assert_eq!(decided, refused(AccessError::EntitlementMissing, "strict"));
    let decided = decide(&client, &chat, "gpt-5");
    assert_eq!(
        decided,
        refused(AccessError::DeploymentNotAllowed, "strict")
    );
}
