//! The ledger as the page reads it: with connections of its own, one question at a time, and not for longer than
//! somebody would wait.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use super::asked::Asked;
use super::figures::count;
use crate::database::{DatabaseError, DatabaseUrl, PostgresUrl};
use crate::usage::{KeyUsage, KeyUses, PriceList, Question, Report, Sum, UsageStore, priced_sums};

/// How long a page waits for the ledger.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);
/// Most sums by day that a report may read.
const MAX_DAILY_ROWS: i64 = 1_000_000;
/// The same where rows are by end user: then as many may be held.
const MAX_DAILY_ROWS_BY_USER: i64 = 100_000;

/// Where usage is.
#[derive(Clone, Debug)]
pub struct LedgerPlaces {
    /// What reports are made from.
    pub reports: DatabaseUrl,
    /// The ledger of this process, which knows when keys were used.
    pub own: Option<DatabaseUrl>,
    /// What all replicas know of that.
    pub shared: Option<PostgresUrl>,
}

/// The ledger, opened when it is first asked.
pub(super) struct Ledger {
    places: LedgerPlaces,
    opened: Arc<Mutex<Option<Opened>>>,
}

/// Open stores.
pub(super) struct Opened {
    reports: UsageStore,
    uses: Option<KeyUsage>,
}

/// What the ledger says.
pub(super) struct Answer {
    pub(super) reports: Reports,
    /// `None` where no ledger knows it.
    pub(super) uses: Option<KeyUses>,
}

/// The reports. To put very many sums together takes a while: not for the thread that serves.
pub(super) struct Reports {
    pub(super) over_time: Report,
    pub(super) by: Report,
    /// Which thread has made them.
    #[cfg(test)]
    pub(super) made_by: std::thread::ThreadId,
}

impl Reports {
    fn new([over_time, by]: [(Question, Vec<Sum>); 2]) -> Self {
        let report = |(question, sums): (Question, Vec<Sum>)| Report::new(&question, &sums);
        Self {
            over_time: report(over_time),
            by: report(by),
            #[cfg(test)]
            made_by: std::thread::current().id(),
        }
    }
}

impl Ledger {
    pub(super) fn new(places: LedgerPlaces) -> Self {
        Self {
            places,
            opened: Arc::default(),
        }
    }

    /// Holds it as a question does that takes long.
    #[cfg(test)]
    pub(super) async fn hold(&self) -> tokio::sync::OwnedMutexGuard<Option<Opened>> {
        Arc::clone(&self.opened).lock_owned().await
    }

    /// Asks for what the page shows.
    ///
    /// # Errors
    /// Why it is not shown, for a person.
    pub(super) async fn ask(&self, asked: Asked, prices: Arc<PriceList>) -> Result<Answer, String> {
        // Pages are made one at a time: who still holds it is a question that nobody waits for any more.
        let Ok(mut opened) = Arc::clone(&self.opened).try_lock_owned() else {
            return Err("an earlier question still keeps the ledger busy".to_owned());
        };
        let places = self.places.clone();
        let asking = tokio::spawn(async move {
            let open = match opened.take() {
                Some(open) => open,
                None => Opened::open(&places).await.map_err(said)?,
            };
            let answer = open.answer(&asked, &prices).await;
            // What has failed is opened anew the next time.
            if answer.is_ok() {
                *opened = Some(open);
            }
            answer
        });
        match timeout(ANSWER_TIMEOUT, asking).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) => Err("the question to the ledger has failed".to_owned()),
            Err(_) => Err(format!(
                "the ledger has not answered within {} s",
                ANSWER_TIMEOUT.as_secs()
            )),
        }
    }
}

impl Opened {
    async fn open(places: &LedgerPlaces) -> Result<Self, DatabaseError> {
        let reports = UsageStore::open(&places.reports).await?;
        let own = match &places.own {
            Some(_) if places.shared.is_none() => Some(reports.clone()),
            Some(url) => Some(UsageStore::open(url).await?),
            None => None,
        };
        let uses = own.map(|own| KeyUsage::new(own, places.shared.clone()));
        Ok(Self { reports, uses })
    }

    async fn answer(&self, asked: &Asked, prices: &PriceList) -> Result<Answer, String> {
        // As `tollgate usage` does: what is in the log by now belongs to the report.
        self.reports.catch_up().await.map_err(said)?;
        let at_most = match asked.is_by_user() {
            true => MAX_DAILY_ROWS_BY_USER,
            false => MAX_DAILY_ROWS,
        };
        let rows = self.reports.daily_rows(asked.period(), at_most + 1);
        if rows.await.map_err(said)? > at_most {
            return Err(format!(
                "these days have more than {} sums: ask for fewer days, or use `tollgate usage`",
                count(at_most.unsigned_abs())
            ));
        }
        let uses = match &self.uses {
            Some(uses) => Some(uses.last().await.map_err(said)?),
            None => None,
        };
        let over_time = self.sums(asked, asked.over_time(), prices).await?;
        let by = self.sums(asked, asked.by(), prices).await?;
        let reports = spawn_blocking(|| Reports::new([over_time, by])).await;
        let reports = reports.map_err(|_| "the report could not be made".to_owned())?;
        Ok(Answer { reports, uses })
    }

    /// What a question is answered from.
    async fn sums(
        &self,
        asked: &Asked,
        question: Question,
        prices: &PriceList,
    ) -> Result<(Question, Vec<Sum>), String> {
        let (columns, by_day) = (question.columns(), question.needs_days());
        let (period, only) = (asked.period(), question.only());
        let sums = priced_sums(&self.reports, prices, columns, by_day, period, &only);
        let sums = sums.await.map_err(said)?;
        Ok((question, sums))
    }
}

/// What a database says may have an address in it, but never a password.
fn said(error: DatabaseError) -> String {
    format!("the ledger can't be read: {error}")
}
