//! The price list: which price holds for a request, and what the request costs by it.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::SystemTime;

use super::Amount;

/// What a price is for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum PriceFor {
    /// A model, and its dated versions: `gpt-4o` also finds `gpt-4o-2024-08-06`, not `gpt-4o-mini`.
    Model(String),
    /// A deployment, whatever its model; it takes precedence over a model's price.
    Deployment(String),
}

/// Amounts for `per` units of each kind; a kind without one has no price.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Prices {
    /// Tokens of the prompt that were neither cached nor audio.
    pub input: Option<Amount>,
    /// Cached tokens of the prompt; where there is none, `input` holds for them.
    pub cached_input: Option<Amount>,
    /// Tokens of the answer that are not audio, reasoning included.
    pub output: Option<Amount>,
    /// Audio tokens of the prompt.
    pub audio_input: Option<Amount>,
    /// Audio tokens of the answer.
    pub audio_output: Option<Amount>,
    /// Image tokens of the prompt; where there is none, `input` holds for them.
    pub image_input: Option<Amount>,
    /// Images that were made.
    pub image: Option<Amount>,
    /// Seconds of audio.
    pub second: Option<Amount>,
    /// Characters of text that was spoken.
    pub character: Option<Amount>,
}

/// How a price is charged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tariff {
    /// By what is used (pay-as-you-go).
    PerUse {
        /// The amounts.
        prices: Box<Prices>,
        /// How many units an amount is for.
        per: u64,
    },
    /// So much a calendar month whatever is used (provisioned throughput, PTU); reports share it by
    /// use.
    Monthly(Amount),
}

/// One line of the price list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Price {
    /// What it is for.
    pub of: PriceFor,
    /// Only on this backend; `None` is every backend without a price of its own.
    pub backend: Option<String>,
    /// Only for what this service tier answers; `None` is every tier without a price of its own.
    pub service_tier: Option<String>,
    /// When it begins to hold; it holds until the next one for the same begins.
    pub from: SystemTime,
    /// Names it in records, and no other one: `gpt-4o@2026-01-01`, `deployment=chat@2026-01-01`.
    pub name: Arc<str>,
    /// The amounts.
    pub tariff: Tariff,
    /// ISO 4217's code.
    pub currency: Arc<str>,
}

/// What served a request: it decides which price holds.
#[derive(Clone, Copy, Debug)]
pub struct Served<'a> {
    /// The model that answered.
    pub model: Option<&'a str>,
    /// The deployment.
    pub deployment: Option<&'a str>,
    /// The backend.
    pub backend: &'a str,
    /// The service tier that answered.
    pub service_tier: Option<&'a str>,
    /// When the request came.
    pub at: SystemTime,
}

/// What one request used, by the kinds that have prices.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Quantities {
    /// Tokens of the prompt, all of them.
    pub input: u64,
    /// The cached ones among them.
    pub cached_input: u64,
    /// The audio ones among them.
    pub audio_input: u64,
    /// The ones of images among them.
    pub image_input: u64,
    /// Tokens of the answer, all of them.
    pub output: u64,
    /// The audio ones among them.
    pub audio_output: u64,
    /// Images.
    pub images: u64,
    /// Audio, in milliseconds.
    pub audio_ms: u64,
    /// Characters.
    pub characters: u64,
}

impl Quantities {
    /// Whether a price is due for them: for what was counted, if only to zero, or was used.
    pub fn are_charged(&self, is_counted: bool) -> bool {
        is_counted || *self != Self::default()
    }
}

/// What a request costs, and by which price.
#[derive(Clone, Debug)]
pub struct Cost {
    /// In billionths of the price's currency; `None` where it is paid by the month.
    pub amount: Option<Amount>,
    /// The price; it names the currency.
    pub price: Arc<Price>,
}

impl Price {
    /// Of two prices that hold, the one with the greater order decides.
    fn order(&self) -> (Option<&str>, Option<&str>, SystemTime) {
        let (tier, backend) = (self.service_tier.as_deref(), self.backend.as_deref());
        (tier, backend, self.from)
    }

    /// The cost, rounded to a billionth; `None` where something was used that has no price here, the
    /// sum is too large to be true, or it is paid by the month.
    pub fn cost(&self, used: &Quantities) -> Option<Amount> {
        match &self.tariff {
            Tariff::PerUse { prices, per } => prices.cost(*per, used),
            Tariff::Monthly(_) => None,
        }
    }
}

impl Prices {
    fn cost(&self, per: u64, used: &Quantities) -> Option<Amount> {
        let prices = self;
        let plain_input = used
            .input
            .saturating_sub(used.cached_input)
            .saturating_sub(used.audio_input)
            .saturating_sub(used.image_input);
        let image_input = prices.image_input.or(prices.input);
        let cached = prices.cached_input.or(prices.input);
        let mut sum = 0_i128;
        for (count, price, scale) in [
            (plain_input, prices.input, 1000),
            (used.cached_input, cached, 1000),
            (used.audio_input, prices.audio_input, 1000),
            (used.image_input, image_input, 1000),
            (
                used.output.saturating_sub(used.audio_output),
                prices.output,
                1000,
            ),
            (used.audio_output, prices.audio_output, 1000),
            (used.images, prices.image, 1000),
            (used.audio_ms, prices.second, 1),
            (used.characters, prices.character, 1000),
        ] {
            if count > 0 {
                let thousandths = i128::from(count) * scale;
                sum = sum.checked_add(thousandths.checked_mul(i128::from(price?.nanos()))?)?;
            }
        }
        let per = i128::from(per).checked_mul(1000)?;
        let rounded = sum.checked_add(per / 2)?.checked_div(per)?;
        i64::try_from(rounded).ok().map(Amount::from_nanos)
    }
}

/// All prices, ready to be looked up.
#[derive(Debug, Default)]
pub struct PriceList {
    models: HashMap<String, Vec<Arc<Price>>>,
    deployments: HashMap<String, Vec<Arc<Price>>>,
}

impl PriceList {
    /// A list of these; no two may be for the same thing from the same moment.
    pub fn new(prices: impl IntoIterator<Item = Price>) -> Self {
        let mut list = Self::default();
        for price in prices {
            let lines = match &price.of {
                PriceFor::Model(name) => list.models.entry(name.clone()),
                PriceFor::Deployment(name) => list.deployments.entry(name.clone()),
            };
            lines.or_default().push(Arc::new(price));
        }
        for lines in list
            .models
            .values_mut()
            .chain(list.deployments.values_mut())
        {
            // The newest first; a backend's own before everybody's, and a tier's own before all.
            lines.sort_by(|a, b| b.order().cmp(&a.order()));
        }
        list
    }

    /// The price that a record names.
    pub fn by_name(&self, name: &str) -> Option<&Arc<Price>> {
        self.all().find(|price| &*price.name == name)
    }

    /// The currency of all prices; `None` where they have several, or there are none.
    pub fn currency(&self) -> Option<&Arc<str>> {
        let first = &self.all().next()?.currency;
        self.all()
            .all(|price| price.currency == *first)
            .then_some(first)
    }

    /// Whether something is paid by the month.
    pub fn has_monthly(&self) -> bool {
        self.all()
            .any(|price| matches!(price.tariff, Tariff::Monthly(_)))
    }

    fn all(&self) -> impl Iterator<Item = &Arc<Price>> {
        self.models
            .values()
            .chain(self.deployments.values())
            .flatten()
    }

    /// Whether there is no price at all: then none is missing, either.
    pub fn is_empty(&self) -> bool {
        self.models.is_empty() && self.deployments.is_empty()
    }

    /// What a request costs; `None` where something was used that has no price.
    pub fn charge(&self, served: &Served<'_>, used: &Quantities) -> Option<Cost> {
        let price = self.find(served)?;
        let amount = match price.tariff {
            Tariff::PerUse { .. } => Some(price.cost(used)?),
            Tariff::Monthly(_) => None,
        };
        let price = Arc::clone(price);
        Some(Cost { amount, price })
    }

    /// The price of a request: the deployment's own, else that of the model that answered, else that of a
    /// model with the deployment's name (the responses API gives the deployment's name as `model`, and an
    /// answer that broke off gives none). Of each the price of the service tier, else the ordinary one.
    pub fn find(&self, served: &Served<'_>) -> Option<&Arc<Price>> {
        let holds = |price: &&Arc<Price>| {
            let (backend, tier) = (price.backend.as_deref(), price.service_tier.as_deref());
            backend.is_none_or(|it| it == served.backend)
                && tier.is_none_or(|it| served.service_tier == Some(it))
                && price.from <= served.at
        };
        let Served {
            model, deployment, ..
        } = *served;
        let own = deployment.and_then(|name| self.deployments.get(name));
        if let Some(price) = own.and_then(|lines| lines.iter().find(holds)) {
            return Some(price);
        }
        [model, deployment].into_iter().flatten().find_map(|name| {
            versions(name).find_map(|name| {
                let lines = self.models.get(name)?;
                lines.iter().find(holds)
            })
        })
    }
}

/// A model's name, and the names that it is a dated version of, the longest first:
/// `gpt-4o-2024-08-06`, `gpt-4o-2024-08`, `gpt-4o-2024`, `gpt-4o`.
fn versions(model: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(model), |name| {
        let (shorter, part) = name.rsplit_once('-')?;
        let is_version = !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        is_version.then_some(shorter)
    })
}

#[cfg(test)]
mod tests;
