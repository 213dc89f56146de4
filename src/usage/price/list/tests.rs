use std::time::{Duration, SystemTime};

use super::*;

const DAY: Duration = Duration::from_secs(86_400);

fn day(number: u32) -> SystemTime {
    SystemTime::UNIX_EPOCH + DAY * number
}

fn amount(text: &str) -> Option<Amount> {
    Some(text.parse().expect("an amount"))
}

fn price(of: PriceFor, from: SystemTime, input: &str) -> Price {
    let (PriceFor::Model(name) | PriceFor::Deployment(name)) = &of;
    Price {
        name: format!("{name}@{input}").into(),
        of,
        backend: None,
        service_tier: None,
        from,
        tariff: Tariff::PerUse {
            prices: Box::new(Prices {
                input: amount(input),
                cached_input: amount("1.25"),
                output: amount("10.00"),
                ..Prices::default()
            }),
            per: MILLION,
        },
        currency: "USD".into(),
    }
}

const MILLION: u64 = 1_000_000;

fn prices(price: Price) -> Prices {
    match price.tariff {
        Tariff::PerUse { prices, .. } => *prices,
        Tariff::Monthly(_) => panic!("a price by use"),
    }
}

fn model(name: &str) -> PriceFor {
    PriceFor::Model(name.to_owned())
}

/// What this model has answered on this day.
fn of_model(model: &str, at: u32) -> Served<'_> {
    Served {
        model: Some(model),
        deployment: None,
        backend: "sweden",
        service_tier: None,
        at: day(at),
    }
}

fn found(list: &PriceList, model: Option<&str>, deployment: Option<&str>, at: u32) -> String {
    let price = list.find(&Served {
        model,
        deployment,
        backend: "sweden",
        service_tier: None,
        at: day(at),
    });
    price.map_or_else(|| "none".to_owned(), |price| price.name.to_string())
}

#[test]
fn a_dated_version_finds_its_model_and_another_model_does_not() {
    let list = PriceList::new([
        price(model("gpt-4o"), day(0), "2.50"),
        price(model("gpt-4o-2024-05-13"), day(0), "5.00"),
        price(model("gpt-35-turbo"), day(0), "0.50"),
    ]);
    for (name, expected) in [
        ("gpt-4o", "gpt-4o@2.50"),
        ("gpt-4o-2024-08-06", "gpt-4o@2.50"),
        ("gpt-4o-2024-05-13", "gpt-4o-2024-05-13@5.00"),
        ("gpt-35-turbo-0125", "gpt-35-turbo@0.50"),
        ("gpt-4o-mini", "none"),
        ("gpt-4o-mini-2024-07-18", "none"),
        ("gpt-4", "none"),
        ("gpt-4o-", "none"),
        ("", "none"),
    ] {
        assert_eq!(found(&list, Some(name), None, 1), expected, "{name}");
    }
}

#[test]
fn a_price_holds_from_its_date_until_the_next_one() {
    let list = PriceList::new([
        price(model("gpt-4o"), day(10), "2.50"),
        price(model("gpt-4o"), day(20), "2.00"),
    ]);
    for (at, expected) in [
        (9, "none"),
        (10, "gpt-4o@2.50"),
        (19, "gpt-4o@2.50"),
        (20, "gpt-4o@2.00"),
    ] {
        assert_eq!(found(&list, Some("gpt-4o"), None, at), expected, "day {at}");
    }
}

#[test]
fn a_deployments_own_price_goes_before_its_models() {
    let list = PriceList::new([
        price(model("gpt-4o"), day(0), "2.50"),
        price(PriceFor::Deployment("chat-eu".to_owned()), day(5), "3.00"),
    ]);
    assert_eq!(
        found(&list, Some("gpt-4o-2024-08-06"), Some("chat-eu"), 5),
        "chat-eu@3.00"
    );
    assert_eq!(
        found(&list, Some("gpt-4o-2024-08-06"), Some("chat-eu"), 4),
        "gpt-4o@2.50",
        "before its date the model's holds"
    );
    assert_eq!(
        found(&list, None, Some("gpt-4o"), 5),
        "gpt-4o@2.50",
        "a deployment that is called like its model"
    );
    assert_eq!(found(&list, None, Some("chat-us"), 5), "none");
}

#[test]
fn a_backends_own_price_goes_before_everybodys() {
    let mut own = price(model("gpt-4o"), day(0), "3.00");
    own.backend = Some("sweden".to_owned());
    let list = PriceList::new([price(model("gpt-4o"), day(5), "2.50"), own]);
    assert_eq!(found(&list, Some("gpt-4o"), None, 6), "gpt-4o@3.00");
    let other = list.find(&Served {
        backend: "france",
        ..of_model("gpt-4o", 6)
    });
    assert_eq!(other.map(|it| &*it.name), Some("gpt-4o@2.50"));
}

#[test]
fn a_service_tiers_own_price_goes_before_the_ordinary_one() {
    let with_tier = |price: Price| Price {
        service_tier: Some("priority".to_owned()),
        name: format!("{}:priority", price.name).into(),
        ..price
    };
    let mut of_backend = price(model("gpt-4o"), day(0), "3.00");
    of_backend.backend = Some("sweden".to_owned());
    let list = PriceList::new([
        price(model("gpt-4o"), day(0), "2.50"),
        of_backend,
        with_tier(price(model("gpt-4o"), day(5), "4.25")),
        price(PriceFor::Deployment("chat-eu".to_owned()), day(0), "2.75"),
    ]);
    let by = |service_tier, deployment, at| {
        let served = Served {
            service_tier,
            deployment,
            ..of_model("gpt-4o", at)
        };
        list.find(&served).map(|it| it.name.to_string())
    };
    for (service_tier, deployment, at, expected) in [
        (Some("priority"), None, 6, "gpt-4o@4.25:priority"),
        (Some("priority"), None, 4, "gpt-4o@3.00"),
        (Some("flex"), None, 6, "gpt-4o@3.00"),
        (Some("default"), None, 6, "gpt-4o@3.00"),
        (None, None, 6, "gpt-4o@3.00"),
        (Some("priority"), Some("chat-eu"), 6, "chat-eu@2.75"),
    ] {
        let found = by(service_tier, deployment, at);
        assert_eq!(
            found.as_deref(),
            Some(expected),
            "{service_tier:?} on day {at}"
        );
    }
}

#[test]
fn cached_and_audio_tokens_are_not_charged_twice() {
    let mut price = prices(price(model("gpt-4o"), day(0), "2.50"));
    let used = Quantities {
        input: 1_000_000,
        cached_input: 400_000,
        output: 100_000,
        ..Quantities::default()
    };
    assert_eq!(
        price.cost(MILLION, &used),
        amount("3.00"),
        "1.50 + 0.50 + 1.00"
    );
    let spoken = Quantities {
        audio_input: 100_000,
        audio_output: 50_000,
        ..used
    };
    assert_eq!(
        price.cost(MILLION, &spoken),
        None,
        "audio has no price here"
    );
    price.audio_input = amount("40.00");
    price.audio_output = amount("80.00");
    assert_eq!(
        price.cost(MILLION, &spoken),
        amount("10.25"),
        "1.25 + 0.50 + 4.00 + 0.50 + 4.00"
    );
    price.cached_input = None;
    assert_eq!(
        price.cost(MILLION, &used),
        amount("3.50"),
        "cached tokens at the price of input"
    );
}

#[test]
fn images_seconds_and_characters_have_prices_for_as_many_as_per_says() {
    let mut price = Prices {
        second: amount("0.36"),
        ..Prices::default()
    };
    let used = Quantities {
        audio_ms: 90_500,
        ..Quantities::default()
    };
    assert_eq!(price.cost(3600, &used), amount("0.00905"));
    price.image = amount("0.04");
    let used = Quantities {
        images: 3,
        ..Quantities::default()
    };
    assert_eq!(price.cost(1, &used), amount("0.12"));
    let used = Quantities {
        characters: 1,
        ..Quantities::default()
    };
    assert_eq!(price.cost(1, &used), None, "characters have no price here");
}

#[test]
fn small_costs_are_rounded_once_and_huge_ones_are_none() {
    let price = price(model("gpt-4o"), day(0), "0.0005");
    let used = |input| Quantities {
        input,
        ..Quantities::default()
    };
    assert_eq!(
        price.cost(&used(1)),
        Some(Amount::from_nanos(1)),
        "half a billionth"
    );
    assert_eq!(
        price.cost(&used(3)),
        Some(Amount::from_nanos(2)),
        "one and a half"
    );
    assert_eq!(price.cost(&used(0)), Some(Amount::default()));
    let mut dear = prices(price);
    dear.input = amount("9000000000");
    assert_eq!(dear.cost(1, &used(u64::MAX)), None, "no such cost");
}
