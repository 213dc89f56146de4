//! Which limits a request must pass, and which one would refuse it: by the numbers of the running service where
//! it can be asked, and by the configuration alone where it can't.

use std::time::Duration;

use crate::access::{ClientId, ProductId};
use crate::cli::limits::remark;
use crate::cli::plain::printable;
use crate::cli::remote::{Control, said};
use crate::control::v1::limits_client::LimitsClient;
use crate::control::{Foreseen, Intent, limits_message};
use crate::gateway::{Refusal, foresee};
use crate::limits::{Amounts, Exceeded, Limits, Measure, Queueing, Standing, Subject, Until};
use crate::policy::Policy;
use crate::usage::Amount;

use super::explanation::Explanation;

/// What is asked, and by what.
pub(super) struct Looking<'a> {
    pub(super) policy: &'a Policy,
    /// Where the running service may be asked; `None`: the configuration has no control socket.
    pub(super) service: Option<&'a Control>,
    pub(super) intent: &'a Intent,
}

impl Looking<'_> {
    /// Notes the limits and what is set aside.
    ///
    /// # Errors
    /// The refusal by the limit that has no room.
    pub(super) async fn look(&self, to: &mut Explanation) -> Result<(), Refusal> {
        // Whether there are any is known without the service.
        let alone = foresee(&Limits::new().0, self.policy, self.intent).unwrap_or_default();
        if alone.limits.is_empty() {
            to.note("limits", "none applies");
            return Ok(());
        }
        let (foreseen, by) = match self.ask().await {
            Ok((foreseen, address)) => (
                foreseen,
                format!("by what this replica of the service knows of what is used ({address})"),
            ),
            Err(why) => (
                alone,
                format!("by the configuration alone, as if nothing were used: {why}"),
            ),
        };
        to.note("limits", by);
        if let Some(away) = foreseen.away {
            to.note("limits", remark(away));
        }
        to.note("sets aside", self.set_aside(&foreseen.amounts));
        for of in &foreseen.limits {
            for standing in &of.standings {
                let refuses = foreseen.exceeded.as_deref();
                let refuses = refuses
                    .filter(|it| it.subject == of.subject && it.rule.meter == standing.rule.meter);
                to.note("limit", self.limit(&of.subject, standing, refuses));
            }
        }
        let Some(exceeded) = foreseen.exceeded else {
            return Ok(());
        };
        if let (Some(queueing), Until::After(wait)) = (self.queueing(), exceeded.until)
            && wait <= queueing.max_wait
        {
            let found = format!(
                "it waits for its turn, for at most {}",
                seconds(queueing.max_wait)
            );
            to.note("queue", found);
            return Ok(());
        }
        Err(Refusal::exceeded(&exceeded, &self.policy.limits.calendar))
    }

    /// Asks the running service, or says why that is not possible.
    async fn ask(&self) -> Result<(Foreseen, String), String> {
        let service = self
            .service
            .ok_or("the configuration has no `listen.control` to ask the service by")?;
        let mut client = LimitsClient::new(service.connect().await?);
        let asked = limits_message::of_intent(self.intent);
        let answer = client.foresee(asked).await.map_err(said)?.into_inner();
        let foreseen = limits_message::foreseen(answer);
        let foreseen = foreseen.ok_or("the running service is of another version")?;
        Ok((foreseen, service.address()?))
    }

    fn set_aside(&self, amounts: &Amounts) -> String {
        let mut found = "1 request".to_owned();
        if self.intent.body.is_none() {
            return found + "; tokens only where there is a body";
        }
        found += &format!(
            ", {} input tokens, {} output tokens",
            amounts.input, amounts.output
        );
        if amounts.cost > 0 {
            let cost = self.amount(Measure::Cost, amounts.cost);
            found += &format!(", a cost of {cost}");
        }
        found
    }

    fn limit(&self, of: &Subject, standing: &Standing, refuses: Option<&Exceeded>) -> String {
        let meter = standing.rule.meter;
        let amount = |amount| self.amount(meter.measure, amount);
        let of = of.to_string();
        let kept = standing.whole.saturating_sub(standing.rule.most);
        let kept = match kept {
            0 => String::new(),
            kept => format!(
                " (of {}; {} are kept for higher priorities)",
                amount(standing.whole),
                amount(kept)
            ),
        };
        let mut found = format!(
            "{}: {} {meter}{kept}, {} used",
            printable(&of),
            amount(standing.rule.most),
            amount(standing.used),
        );
        if let Some(exceeded) = refuses {
            let wants = amount(exceeded.amount);
            found += &match exceeded.until {
                Until::Never => format!(": refuses {wants}, which is more than all of it"),
                Until::Unavailable => ": refuses all while the servers do not answer".to_owned(),
                Until::After(wait) => {
                    format!(": refuses {wants} more; there is room in {}", seconds(wait))
                }
                Until::Renewed(at) => format!(
                    ": refuses {wants} more until {}",
                    self.policy.limits.calendar.written(at)
                ),
            };
        }
        found
    }

    fn amount(&self, measure: Measure, amount: u64) -> String {
        match measure {
            Measure::Cost => {
                let cost = Amount::from_unsigned_nanos(amount);
                let currency = self.policy.prices.currency();
                format!("{cost} {}", currency.map_or("", |it| it))
            }
            _ => amount.to_string(),
        }
    }

    /// How the requests of its product wait.
    fn queueing(&self) -> Option<Queueing> {
        let client = ClientId::new(self.intent.client.clone());
        let product = ProductId::new(self.intent.product.clone()?);
        let client = self.policy.clients.get(&client)?;
        let product = client.products.iter().find(|it| it.id == product)?;
        product.limits.queueing
    }
}

fn seconds(wait: Duration) -> String {
    format!("{:.1} s", wait.as_secs_f64())
}
