//! The reconciler: settles what no message told, by asking the processors.
//!
//! Every order that waits, every refund without an answer, and everything that a processor did of
//! late is asked for; what comes back goes the way of every other news. What differed is reported:
//! what was missed and is booked now, what does not fit, what only one side knows.

use std::{collections::HashSet, sync::Arc, time::Duration};

use chrono::{DateTime, TimeDelta, Utc};
use daybook_events::{
    Rejection, Timestamp,
    commands::{RecordRefund, Returns, StartCheckout},
    ids::AccountId,
    store::{Request, SubmitError},
};
use daybook_projections::{
    orders::{OrderRow, Orders},
    payments::{PaymentRow, Payments},
    query::{Between, Reach},
    refunds::{RefundRow, Refunds},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sqlx::types::Json;
use uuid::Uuid;

use super::{
    apply::{Messenger, Mode, Outcome, State, Trouble, apply},
    refund,
};
use crate::{
    app::App,
    processors::{Processor, Unanswered, manual, news::News},
};

/// How many rows are read at once.
const PAGE: i64 = 200;
/// How far back a processor is asked the first time, in days.
const FIRST_DAYS: i64 = 30;
/// How far a run reaches into what was asked before, in days: a payment may be authorised so late.
const OVERLAP_DAYS: i64 = 4;
/// What is so new, in seconds, may still be on its way to the ledger, or to the processor's list.
const SETTLING_SECONDS: i64 = 120;

/// What was found to differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Difference {
    /// The processor knew it, the ledger did not; now it does.
    Missed,
    /// The ledger had an intent without its outcome; now it has it.
    Settled,
    /// It does not fit what the ledger has: somebody has to look.
    Unfit,
    /// The processor has something that the ledger can place nowhere.
    UnknownHere,
    /// The ledger has a payment that the processor does not list.
    UnknownThere,
    /// The processor has not answered: asked again next time.
    Unanswered,
}

impl Difference {
    /// Whether somebody has to look at it.
    #[must_use]
    pub fn is_open(self) -> bool {
        match self {
            Self::Missed | Self::Settled => false,
            Self::Unfit | Self::UnknownHere | Self::UnknownThere | Self::Unanswered => true,
        }
    }
}

/// One thing that differed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Finding {
    /// How.
    pub difference: Difference,
    /// What it is about: the processor's id, or ours.
    pub about: String,
    /// Whose it is; `null` where that is not known.
    pub account_id: Option<AccountId>,
    /// What exactly, in a sentence.
    pub detail: String,
}

/// What a run found at one processor.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Report {
    /// How many orders it was asked about.
    pub orders: u64,
    /// How many refunds.
    pub refunds: u64,
    /// How many things it told of the time that was compared.
    pub news: u64,
    /// What differed.
    pub findings: Vec<Finding>,
}

/// A run at one processor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Run {
    /// Which processor.
    pub processor: String,
    /// From when on what it did was compared.
    pub from: Timestamp,
    /// Up to when.
    pub to: Timestamp,
    /// Whether it answered everything.
    pub complete: bool,
    /// What was found.
    #[serde(flatten)]
    pub report: Report,
}

/// Asks every processor, and notes what differed.
///
/// # Errors
/// The machinery failed. A processor that does not answer is a finding.
pub async fn run(app: &Arc<App>, at: DateTime<Utc>, mode: Mode) -> Result<Vec<Run>, Trouble> {
    let mut runs = Vec::new();
    for processor in app.processors.iter().filter(|it| it.name() != manual::NAME) {
        let from = since(app, processor.name(), at).await?;
        let mut asking = Asking { app, processor, mode, report: Report::default() };
        asking.orders().await?;
        asking.refunds().await?;
        let (from, to) = (Timestamp::new(from), Timestamp::new(at));
        asking.lately(from, to).await?;
        let report = asking.report;
        let complete = !report.findings.iter().any(|it| it.difference == Difference::Unanswered);
        let run = Run { processor: processor.name().to_owned(), from, to, complete, report };
        if mode == Mode::Append {
            note(app, &run).await?;
        }
        runs.push(run);
    }
    Ok(runs)
}

/// Runs until it is stopped: every so often, unless another process has just done it.
pub async fn every(app: Arc<App>, pause: Duration) {
    loop {
        tokio::time::sleep(pause).await;
        match due(&app, pause).await {
            Ok(false) => {}
            Ok(true) => match run(&app, Utc::now(), Mode::Append).await {
                Ok(runs) => runs.iter().for_each(tell),
                Err(error) => tracing::warn!(%error, "the reconciler tries again"),
            },
            Err(error) => tracing::warn!(%error, "the reconciler tries again"),
        }
    }
}

/// Whether nobody has asked within most of a pause.
async fn due(app: &App, pause: Duration) -> Result<bool, sqlx::Error> {
    let recent = "select not exists (select from reconciliations
        where finished_at > now() - make_interval(secs => $1))";
    sqlx::query_scalar(recent).bind(pause.as_secs_f64() * 0.9).fetch_one(app.pool()).await
}

fn tell(run: &Run) {
    let processor = &run.processor;
    for found in &run.report.findings {
        let Finding { difference, about, detail, .. } = found;
        tracing::warn!(processor, ?difference, about, detail, "the reconciler found a difference");
    }
}

/// From when on a processor is asked: a little before where the last complete run ended.
async fn since(
    app: &App,
    processor: &str,
    at: DateTime<Utc>,
) -> Result<DateTime<Utc>, sqlx::Error> {
    let asked: Option<DateTime<Utc>> = sqlx::query_scalar(
        "select max(to_at) from reconciliations where complete and processor = $1",
    )
    .bind(processor)
    .fetch_one(app.pool())
    .await?;
    Ok(match asked {
        Some(asked) => asked.min(at) - TimeDelta::days(OVERLAP_DAYS),
        None => at - TimeDelta::days(FIRST_DAYS),
    })
}

async fn note(app: &App, run: &Run) -> Result<(), sqlx::Error> {
    sqlx::query(
        "insert into reconciliations (processor, from_at, to_at, complete, report)
         values ($1, $2::timestamptz, $3::timestamptz, $4, $5)",
    )
    .bind(&run.processor)
    .bind(run.from.to_string())
    .bind(run.to.to_string())
    .bind(run.complete)
    .bind(Json(&run.report))
    .execute(app.pool())
    .await?;
    Ok(())
}

/// A run as it was noted.
#[derive(Debug, sqlx::FromRow)]
pub struct PastRun {
    pub(super) reconciliation_id: i64,
    pub(super) processor: String,
    pub(super) from_at: DateTime<Utc>,
    pub(super) to_at: DateTime<Utc>,
    pub(super) complete: bool,
    pub(super) report: Json<Report>,
    pub(super) finished_at: DateTime<Utc>,
}

/// A page of runs, newest first: those before a number.
///
/// # Errors
/// A database that cannot be reached.
pub async fn past(
    pool: &sqlx::PgPool,
    before: Option<i64>,
    limit: i64,
) -> Result<Vec<PastRun>, sqlx::Error> {
    sqlx::query_as(
        "select reconciliation_id, processor, from_at, to_at, complete, report, finished_at
         from reconciliations where $1::bigint is null or reconciliation_id < $1
         order by reconciliation_id desc limit $2",
    )
    .bind(before)
    .bind(limit)
    .fetch_all(pool)
    .await
}

struct Asking<'a> {
    app: &'a Arc<App>,
    processor: &'a Arc<dyn Processor>,
    mode: Mode,
    report: Report,
}

impl Asking<'_> {
    fn found(
        &mut self,
        difference: Difference,
        about: &str,
        account_id: Option<AccountId>,
        detail: impl Into<String>,
    ) {
        let (about, detail) = (about.to_owned(), detail.into());
        self.report.findings.push(Finding { difference, about, account_id, detail });
    }

    fn unanswered(&mut self, about: &str, account: Option<AccountId>, error: &Unanswered) {
        self.found(Difference::Unanswered, about, account, error.to_string());
    }

    /// The orders whose payment the processor was asked to take, or may have been.
    async fn orders(&mut self) -> Result<(), Trouble> {
        for awaits in [self.processor.name(), ""] {
            let mut after = String::new();
            loop {
                let rows = self.app.rows(Reach::Ledger);
                let page = rows.matching::<Orders>("awaits", awaits, &after, PAGE).await?;
                let Some(last) = page.last() else { break };
                after = last.order_id.to_string();
                for order in &page {
                    self.report.orders += 1;
                    match &order.processor_order_id {
                        Some(id) if !awaits.is_empty() => self.order(order, id).await?,
                        Some(_) | None => self.intent(order).await?,
                    }
                }
            }
        }
        Ok(())
    }

    async fn order(&mut self, order: &OrderRow, theirs: &str) -> Result<(), Trouble> {
        match self.processor.news_of(theirs).await {
            Ok(news) => {
                for news in news {
                    let reason = format!("asked about order {}", order.number);
                    self.take(&news, theirs, reason).await?;
                }
            }
            Err(error) => self.unanswered(theirs, Some(order.account_id), &error),
        }
        Ok(())
    }

    /// An order of which nobody knows whether the processor has heard of it.
    async fn intent(&mut self, order: &OrderRow) -> Result<(), Trouble> {
        let (account_id, order_id) = (order.account_id, order.order_id);
        let about = order_id.to_string();
        let started = match self.processor.started(order_id, order.amount).await {
            Ok(Some(started)) => started,
            Ok(None) => return Ok(()),
            Err(error) => {
                self.unanswered(&about, Some(account_id), &error);
                return Ok(());
            }
        };
        let detail = format!("order {} had an unknown checkout there", order.number);
        if self.mode == Mode::Append {
            let command = StartCheckout {
                account_id,
                order_id,
                processor: self.processor.name().to_owned(),
                processor_order_id: started.processor_order_id,
                returns: Returns { page: started.url, ..Returns::default() },
                merchant_of_record: self.processor.merchant().is_some(),
            };
            match self.submit(command).await? {
                Ok(()) => {}
                Err(rejection) => {
                    self.found(Difference::Unfit, &about, Some(account_id), rejection.to_string());
                    return Ok(());
                }
            }
        }
        self.found(Difference::Settled, &about, Some(account_id), detail);
        Ok(())
    }

    /// The refunds that were reserved, and of which nobody knows whether they were sent.
    async fn refunds(&mut self) -> Result<(), Trouble> {
        let mut after = String::new();
        loop {
            let rows = self.app.rows(Reach::Ledger);
            let name = self.processor.name();
            let page = rows.matching::<Refunds>("awaits", name, &after, PAGE).await?;
            let Some(last) = page.last() else { return Ok(()) };
            after = last.refund_id.to_string();
            for row in &page {
                self.report.refunds += 1;
                if self.mode == Mode::Append {
                    self.refund(row).await?;
                }
            }
        }
    }

    async fn refund(&mut self, row: &RefundRow) -> Result<(), Trouble> {
        let (account_id, refund_id) = (row.account_id, row.refund_id);
        let about = refund_id.to_string();
        let outcome = match refund::ask(self.app, account_id, refund_id).await {
            Ok(Some(outcome)) => outcome,
            Ok(None) => return Ok(()),
            Err(refund::NotAsked::Ledger(error)) => return Err(error.into()),
            Err(refund::NotAsked::Processor(error)) => {
                self.found(Difference::Unanswered, &about, Some(account_id), error.to_string());
                return Ok(());
            }
        };
        let detail = format!("a refund of {} is answered: {outcome:?}", row.amount);
        match self.submit(RecordRefund { account_id, refund_id, outcome }).await? {
            Ok(()) => self.found(Difference::Settled, &about, Some(account_id), detail),
            // A message was faster.
            Err(Rejection::RefundAlreadySettled { .. }) => {}
            Err(other) => {
                self.found(Difference::Unfit, &about, Some(account_id), other.to_string());
            }
        }
        Ok(())
    }

    /// What the processor did within a time: whatever the ledger does not know is booked, and
    /// whatever the ledger knows alone is said.
    async fn lately(&mut self, from: Timestamp, to: Timestamp) -> Result<(), Trouble> {
        let news = match self.processor.news_between(from, to).await {
            Ok(news) => news,
            Err(error) => {
                self.unanswered("what was done lately", None, &error);
                return Ok(());
            }
        };
        let mut there = HashSet::new();
        for news in &news {
            self.report.news += 1;
            let about = about(news);
            there.extend(captured(news).cloned());
            self.take(news, &about, format!("asked what was done since {from}")).await?;
        }
        self.only_here(from, to, &there).await
    }

    async fn only_here(
        &mut self,
        from: Timestamp,
        to: Timestamp,
        there: &HashSet<String>,
    ) -> Result<(), Trouble> {
        // What was booked long before the processor's list begins is on no such list.
        let to = to.plus_seconds(-SETTLING_SECONDS);
        let mut from = from.plus_days(1);
        loop {
            let range = Between {
                column: "captured_at",
                from: Some(from.to_string()),
                to: Some(to.to_string()),
                limit: PAGE,
            };
            let page = self.app.rows(Reach::Ledger).between::<Payments>(&range).await?;
            for row in &page {
                self.compare(row, there).await;
            }
            match page.last() {
                Some(last) if i64::try_from(page.len()) == Ok(PAGE) => {
                    from = last.captured_at.plus_micros(1);
                }
                Some(_) | None => return Ok(()),
            }
        }
    }

    /// What is not on the list may have been made before the list begins and booked late, as after
    /// days without a connection: then its order knows it.
    async fn compare(&mut self, row: &PaymentRow, there: &HashSet<String>) {
        let id = &row.processor_payment_id;
        if row.processor != self.processor.name() || there.contains(id) {
            return;
        }
        let account = Some(row.account_id);
        match self.processor.news_of(&row.processor_order_id).await {
            Ok(news) if news.iter().any(|it| captured(it) == Some(id)) => {}
            Ok(_) | Err(Unanswered::Refused { .. }) => {
                let detail = format!("{} is booked, and not on the processor's list", row.amount);
                self.found(Difference::UnknownThere, id, account, detail);
            }
            Err(error @ (Unanswered::Busy | Unanswered::Unreachable | Unanswered::Unknown)) => {
                self.unanswered(id, account, &error);
            }
        }
    }

    /// Takes news the way of all news, and notes what it says that was not known.
    async fn take(&mut self, news: &News, about: &str, reason: String) -> Result<(), Trouble> {
        let processor = self.processor.name().to_owned();
        let messenger = Messenger { processor, via: "reconciler", reason };
        let outcome = apply(self.app, &messenger, news, self.mode).await?;
        let Outcome { state, account, detail, appended, .. } = outcome;
        let detail = detail.unwrap_or_default();
        match state {
            State::Booked => {
                self.found(Difference::Missed, about, account, appended.join(", "));
            }
            State::Aside => self.found(Difference::Unfit, about, account, detail),
            State::Waiting => self.found(Difference::UnknownHere, about, account, detail),
            State::New | State::Known | State::Nothing => {}
        }
        Ok(())
    }

    async fn submit(
        &self,
        command: impl Into<daybook_events::commands::Command>,
    ) -> Result<Result<(), Rejection>, Trouble> {
        let origin = daybook_events::Origin {
            actor: self.processor.name().to_owned(),
            via: "reconciler".to_owned(),
            ..daybook_events::Origin::default()
        };
        match self.app.submit(Request::new(command, origin, Uuid::now_v7())).await {
            Ok(_) => Ok(Ok(())),
            Err(SubmitError::Rejected(rejection)) => Ok(Err(rejection)),
            Err(trouble) => Err(trouble.into()),
        }
    }
}

/// The processor's id of a payment that it has captured.
fn captured(news: &News) -> Option<&String> {
    match news {
        News::Captured(captured) => Some(&captured.payment.payment_id),
        News::Authorised(_)
        | News::Failed { .. }
        | News::Refund(_)
        | News::RefundedInAll(_)
        | News::Dispute(_)
        | News::Subscription(_)
        | News::Nothing => None,
    }
}

/// The processor's id of what its news is about.
fn about(news: &News) -> String {
    match news {
        News::Captured(captured) => captured.payment.payment_id.clone(),
        News::Authorised(payment) | News::Failed { payment, .. } => payment.payment_id.clone(),
        News::Refund(refund) => refund.refund_id.clone(),
        News::RefundedInAll(refunded) => refunded.payment_id.clone(),
        News::Dispute(dispute) => dispute.dispute_id.clone(),
        News::Subscription(it) => it.subscription_id.clone(),
        News::Nothing => String::new(),
    }
}
