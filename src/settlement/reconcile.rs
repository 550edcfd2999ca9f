//! The reconciler: settles what no message told, by asking the processors.
//!
//! Every order that waits, every refund without an answer, every subscription that a processor runs,
//! and everything that it did of late is asked for; what comes back goes the way of every other
//! news. What differed is reported: what was missed and is booked now, what does not fit, what only
//! one side knows.

mod lately;
mod open;
mod report;
mod running;

use std::{sync::Arc, time::Duration};

use chrono::{DateTime, TimeDelta, Utc};
use daybook_events::{
    Origin, Rejection, Timestamp,
    commands::Command,
    ids::AccountId,
    store::{Request, SubmitError},
};
use sqlx::types::Json;
use uuid::Uuid;

pub use self::report::{Difference, Finding, PastRun, Report, Run, past};
use super::apply::{Messenger, Mode, Outcome, State, Trouble, apply};
use crate::{
    app::App,
    processors::{Processor, Unanswered, manual, news::News},
};

/// How many rows are read at once.
const PAGE: i64 = 200;
/// How far back a processor is asked the first time, in days.
const FIRST_DAYS: i64 = 30;
/// How far a run reaches into what was asked before, in days: a
/// payment may be authorised days late, and a refund takes a week.
const OVERLAP_DAYS: i64 = 10;

/// Asks every processor, and notes what differed.
///
/// # Errors
/// The machinery failed. A processor that does not answer is a finding.
pub async fn run(app: &Arc<App>, at: DateTime<Utc>, mode: Mode) -> Result<Vec<Run>, Trouble> {
    let mut runs = Vec::new();
    for processor in app.processors.iter().filter(|it| it.name() != manual::NAME) {
        let from = since(app, processor.name(), at).await?;
        let report = Report::default();
        let mut asking = Asking { app, processor, mode, report, gave_up: false };
        let (from, to) = (Timestamp::new(from), Timestamp::new(at));
        // What was done lately comes first: it tells of many things in few questions.
        asking.lately(from, to).await?;
        asking.orders().await?;
        asking.refunds().await?;
        asking.subscriptions().await?;
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
        where finished_at > now() - 0.9 * make_interval(secs => $1))";
    let seconds = i32::try_from(pause.as_secs()).unwrap_or(i32::MAX);
    sqlx::query_scalar(recent).bind(f64::from(seconds)).fetch_one(app.pool()).await
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

/// What is being asked of one processor, and what was found so far.
struct Asking<'a> {
    app: &'a Arc<App>,
    processor: &'a Arc<dyn Processor>,
    mode: Mode,
    report: Report,
    /// Whether it has stopped answering.
    gave_up: bool,
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

    /// A question without a good answer. One that was refused is somebody's to look at; after any
    /// other the processor is left alone until the next run.
    fn unanswered(&mut self, about: &str, account: Option<AccountId>, error: &Unanswered) {
        if let Unanswered::Refused { .. } = error {
            return self.found(Difference::Unfit, about, account, error.to_string());
        }
        self.gave_up = true;
        self.found(Difference::Unanswered, about, account, error.to_string());
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

    async fn submit(&self, command: impl Into<Command>) -> Result<Result<(), Rejection>, Trouble> {
        let origin = Origin {
            actor: self.processor.name().to_owned(),
            via: "reconciler".to_owned(),
            ..Origin::default()
        };
        match self.app.submit(Request::new(command, origin, Uuid::now_v7())).await {
            Ok(_) => Ok(Ok(())),
            Err(SubmitError::Rejected(rejection)) => Ok(Err(rejection)),
            Err(trouble) => Err(trouble.into()),
        }
    }
}
