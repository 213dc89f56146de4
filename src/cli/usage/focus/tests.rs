use super::*;

fn sum() -> Sum {
    let keys = [
        "app",
        r#"{"team":"search"}"#,
        "standard",
        "chat.completions",
        "gpt-4o",
        "gpt-4o-2024-08-06",
        "sweden",
        "Sweden Central",
        "reported",
        "ann",
        "k7Qm2XbT9a",
    ];
    Sum {
        keys: keys.map(str::to_owned).to_vec(),
        day: 20_818,
        price: "gpt-4o@2026-01-01".to_owned(),
        currency: "USD".to_owned(),
        requests: 3,
        total_tokens: 1500,
        cost_nanos: 12_500_000,
        ..Sum::default()
    }
}

fn written(lines: Vec<Line<'_>>) -> String {
    let mut file = Vec::new();
    write(&mut file, lines).expect("memory");
    String::from_utf8(file).expect("text")
}

/// Every byte: what reads these files is not ours.
const HEADER: &str = "BilledCost,BillingAccountId,BillingAccountName,BillingCurrency,\
    BillingPeriodEnd,BillingPeriodStart,ChargeCategory,ChargeClass,ChargeDescription,\
    ChargeFrequency,ChargePeriodEnd,ChargePeriodStart,ConsumedQuantity,ConsumedUnit,\
    ContractedCost,ContractedUnitPrice,EffectiveCost,InvoiceIssuerName,ListCost,ListUnitPrice,\
    PricingCategory,PricingQuantity,PricingUnit,ProviderName,PublisherName,RegionId,RegionName,\
    ResourceId,ResourceName,ResourceType,ServiceCategory,ServiceName,ServiceSubcategory,SkuId,\
    SkuMeter,SkuPriceDetails,SkuPriceId,SubAccountId,SubAccountName,Tags,x_FocusVersion,x_Model,\
    x_Operation,x_Requests,x_UsageSource,x_User\n";

#[test]
fn a_file_without_lines_is_its_header() {
    assert_eq!(written(Vec::new()), HEADER);
}

#[test]
fn a_file_is_the_header_once_and_its_lines() {
    let sum = sum();
    let lines = || Line::of(&sum, "acme, inc.").expect("a line");
    let line = "0.0125,\"acme, inc.\",\"acme, inc.\",USD,2027-01-01T00:00:00Z,\
        2026-12-01T00:00:00Z,Usage,,chat.completions on gpt-4o,Usage-Based,\
        2027-01-01T00:00:00Z,2026-12-31T00:00:00Z,1500.0,Tokens,0.0125,0.000008333333333333333,\
        0.0125,Microsoft,0.0125,0.000008333333333333333,Standard,1500.0,Tokens,Microsoft,Microsoft,\
        swedencentral,swedencentral,sweden/gpt-4o,gpt-4o,Model deployment,AI and Machine Learning,\
        Azure OpenAI,Generative AI,gpt-4o,Tokens,\"{\"\"x_Price\"\":\"\"gpt-4o@2026-01-01\"\"}\",gpt-4o,\
        app,app,\"{\"\"team\"\":\"\"search\"\",\"\"tollgate/key\"\":\"\"k7Qm2XbT9a\"\",\
        \"\"tollgate/product\"\":\"\"standard\"\"}\",1.2,\
        gpt-4o-2024-08-06,chat.completions,3,reported,ann\n";
    let file = written(vec![lines(), lines()]);
    assert_eq!(file, format!("{HEADER}{line}{line}"));
}

#[test]
fn only_what_must_be_null_for_a_usage_charge_is_empty() {
    let sum = sum();
    let file = written(vec![Line::of(&sum, "acme").expect("a line")]);
    let mut file = csv::Reader::from_reader(file.as_bytes());
    let header = file.headers().expect("a header").clone();
    let line = file.records().next().expect("a line").expect("CSV");
    let empty = header.iter().zip(&line).filter(|(_, it)| it.is_empty());
    let empty: Vec<_> = empty.map(|(name, _)| name).collect();
    assert_eq!(empty, ["ChargeClass"]);
}

#[test]
fn what_used_nothing_or_has_no_price_is_no_line() {
    let nothing = Sum {
        total_tokens: 0,
        ..sum()
    };
    assert_eq!(Line::of(&nothing, "acme"), None);
    let unpriced = Sum {
        currency: String::new(),
        ..sum()
    };
    assert_eq!(Line::of(&unpriced, "acme"), None);
    let audio = Sum {
        total_tokens: 0,
        audio_ms: 1500,
        ..sum()
    };
    let line = Line::of(&audio, "acme").expect("a line");
    assert_eq!(
        (&*line.consumed_quantity, line.consumed_unit),
        ("1.5", "Seconds")
    );
}

/// What FOCUS 1.2 says of a column
/// (<https://github.com/FinOps-Open-Cost-and-Usage-Spec/FOCUS_Spec/tree/v1.2/specification/columns>).
struct Rule {
    name: &'static str,
    kind: Kind,
    /// Null for a charge for usage that is not a correction: allowed, or even asked for.
    null: Null,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// Not negative.
    Decimal,
    Text,
    Currency,
    Moment,
    Json,
    OneOf(&'static [&'static str]),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Null {
    Never,
    Always,
}

/// Every mandatory column, every conditional one whose condition holds here (unit prices, SKUs, sub
/// accounts, resources, regions, tags, usage that is measured), and the recommended ones that are there.
const RULES: [Rule; 42] = {
    use Kind::{Currency, Decimal, Json, Moment, OneOf, Text};
    use Null::{Always, Never};
    const fn rule(name: &'static str, kind: Kind, null: Null) -> Rule {
        Rule { name, kind, null }
    }
    [
        rule("BilledCost", Decimal, Never),
        rule("BillingAccountId", Text, Never),
        rule("BillingAccountName", Text, Never),
        rule("BillingCurrency", Currency, Never),
        rule("BillingPeriodEnd", Moment, Never),
        rule("BillingPeriodStart", Moment, Never),
        rule(
            "ChargeCategory",
            OneOf(&["Usage", "Purchase", "Tax", "Credit", "Adjustment"]),
            Never,
        ),
        rule("ChargeClass", OneOf(&["Correction"]), Always),
        rule("ChargeDescription", Text, Never),
        rule(
            "ChargeFrequency",
            OneOf(&["One-Time", "Recurring", "Usage-Based"]),
            Never,
        ),
        rule("ChargePeriodEnd", Moment, Never),
        rule("ChargePeriodStart", Moment, Never),
        rule("ConsumedQuantity", Decimal, Never),
        rule("ConsumedUnit", Text, Never),
        rule("ContractedCost", Decimal, Never),
        rule("ContractedUnitPrice", Decimal, Never),
        rule("EffectiveCost", Decimal, Never),
        rule("InvoiceIssuerName", Text, Never),
        rule("ListCost", Decimal, Never),
        rule("ListUnitPrice", Decimal, Never),
        rule(
            "PricingCategory",
            OneOf(&["Standard", "Dynamic", "Committed", "Other"]),
            Never,
        ),
        rule("PricingQuantity", Decimal, Never),
        rule("PricingUnit", Text, Never),
        rule("ProviderName", Text, Never),
        rule("PublisherName", Text, Never),
        rule("RegionId", Text, Never),
        rule("RegionName", Text, Never),
        rule("ResourceId", Text, Never),
        rule("ResourceName", Text, Never),
        rule("ResourceType", Text, Never),
        rule("ServiceCategory", OneOf(&SERVICE_CATEGORIES), Never),
        rule("ServiceName", Text, Never),
        rule("ServiceSubcategory", OneOf(&AI_SUBCATEGORIES), Never),
        rule("SkuId", Text, Never),
        rule("SkuMeter", Text, Never),
        rule("SkuPriceDetails", Json, Never),
        rule("SkuPriceId", Text, Never),
        rule("SubAccountId", Text, Never),
        rule("SubAccountName", Text, Never),
        rule("Tags", Json, Never),
        rule("x_FocusVersion", OneOf(&["1.2"]), Never),
        rule("x_Model", Text, Never),
    ]
};

const SERVICE_CATEGORIES: [&str; 19] = [
    "AI and Machine Learning",
    "Analytics",
    "Business Applications",
    "Compute",
    "Databases",
    "Developer Tools",
    "Multicloud",
    "Identity",
    "Integration",
    "Internet of Things",
    "Management and Governance",
    "Media",
    "Migration",
    "Mobile",
    "Networking",
    "Security",
    "Storage",
    "Web",
    "Other",
];

const AI_SUBCATEGORIES: [&str; 6] = [
    "AI Platforms",
    "Bots",
    "Generative AI",
    "Machine Learning",
    "Natural Language Processing",
    "Other (AI and Machine Learning)",
];

impl Rule {
    fn fits(&self, value: &str) -> bool {
        if value.is_empty() {
            return self.null == Null::Always;
        }
        let is_moment = |it: &str| {
            let format = &time::format_description::well_known::Rfc3339;
            it.ends_with('Z') && OffsetDateTime::parse(it, format).is_ok()
        };
        self.null == Null::Never
            && match self.kind {
                Kind::Text => true,
                Kind::Decimal => is_decimal(value),
                Kind::Currency => {
                    value.len() == 3 && value.bytes().all(|it| it.is_ascii_uppercase())
                }
                Kind::Moment => is_moment(value),
                Kind::Json => {
                    let read = serde_json::from_str::<Map<String, Value>>(value);
                    read.is_ok_and(|it| it.values().all(|it| !it.is_object() && !it.is_array()))
                }
                Kind::OneOf(values) => values.contains(&value),
            }
    }
}

/// A decimal as its Numeric Format wants it, not a whole number, and not negative.
fn is_decimal(value: &str) -> bool {
    let digits = |it: &str| !it.is_empty() && it.bytes().all(|byte| byte.is_ascii_digit());
    let parts = value.split_once('.');
    parts.is_some_and(|(whole, fraction)| digits(whole) && digits(fraction))
}

/// Sums of each kind: with costs that do not divide, without a deployment, by the month, of a tier.
fn sums() -> Vec<Sum> {
    let price = |name: &str| name.to_owned();
    let mut no_deployment = sum();
    no_deployment.keys[4] = String::new();
    vec![
        sum(),
        no_deployment,
        Sum {
            total_tokens: 7,
            cost_nanos: 1,
            ..sum()
        },
        Sum {
            total_tokens: 999_999_999_999,
            cost_nanos: i64::MAX,
            ..sum()
        },
        Sum {
            cost_nanos: 0,
            ..sum()
        },
        Sum {
            total_tokens: 0,
            images: 3,
            price: price("dall-e/sweden@2026-01-01"),
            ..sum()
        },
        Sum {
            total_tokens: 0,
            audio_ms: 1234,
            price: price("whisper"),
            ..sum()
        },
        Sum {
            total_tokens: 0,
            characters: 13,
            price: price("tts:priority@2026-07-01"),
            ..sum()
        },
    ]
}

#[test]
fn every_column_is_what_the_specification_says() {
    for sum in sums() {
        let file = written(vec![Line::of(&sum, "acme").expect("a line")]);
        let mut file = csv::Reader::from_reader(file.as_bytes());
        let header = file.headers().expect("a header").clone();
        let line = file.records().next().expect("a line").expect("CSV");
        for rule in &RULES {
            let at = header.iter().position(|name| name == rule.name);
            let at = at.unwrap_or_else(|| panic!("{} is missing", rule.name));
            let value = line.get(at).expect("a value");
            let (name, kind) = (rule.name, rule.kind);
            assert!(
                rule.fits(value),
                "{name} is {value:?}, not {kind:?}: {sum:?}"
            );
        }
        let known = |name: &&str| RULES.iter().any(|rule| rule.name == *name);
        let own = header.iter().filter(|name| !known(name));
        let own: Vec<_> = own.filter(|name| !name.starts_with("x_")).collect();
        assert_eq!(own, [""; 0], "columns without a rule");
    }
}

/// "The product of ListUnitPrice and PricingQuantity MUST match the ListCost".
#[test]
fn the_unit_price_times_the_quantity_is_the_cost() {
    /// A decimal in units of 10^-24: no more places are written, and the largest sum here fits.
    fn scaled(text: &str, places: usize) -> i128 {
        let (whole, fraction) = text.split_once('.').expect("a decimal");
        format!("{whole}{fraction:0<places$}")
            .parse()
            .expect("digits")
    }
    for sum in sums() {
        let line = Line::of(&sum, "acme").expect("a line");
        assert_eq!(line.list_unit_price, line.contracted_unit_price);
        // 10^-21 and 10^-3.
        let price = scaled(&line.list_unit_price, 21);
        let quantity = scaled(&line.pricing_quantity, 3);
        let Some(product) = price.checked_mul(quantity) else {
            panic!("{sum:?}")
        };
        let billionths = (product + 5 * 10_i128.pow(14)) / 10_i128.pow(15);
        assert_eq!(billionths, scaled(&line.list_cost, 9), "{sum:?}");
    }
}

#[test]
fn a_price_keeps_its_ids_when_it_changes() {
    assert_eq!(sku("gpt-4o@2026-01-01"), ("gpt-4o", "gpt-4o"));
    assert_eq!(
        sku("gpt-4o:priority/sweden@2026-01-01"),
        ("gpt-4o", "gpt-4o:priority/sweden")
    );
    assert_eq!(sku("tts"), ("tts", "tts"));
    let deployment = "deployment=chat";
    assert_eq!(
        sku("deployment=chat/sweden"),
        (deployment, "deployment=chat/sweden")
    );
}
