//! What a run found, and the runs that were noted.

use chrono::{DateTime, Utc};
use daybook_events::{Timestamp, ids::AccountId};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sqlx::types::Json;

/// What was found to differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Difference {
    /// The processor knew it, the ledger did not; now it does.
    Missed,
    /// The ledger had an intent without its outcome; now it has it.
    Settled,
    /// The ledger waits for an answer that has not come: it is asked again next time.
    Pending,
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
            Self::Missed | Self::Settled | Self::Pending => false,
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
    /// How many subscriptions.
    pub subscriptions: u64,
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

/// A run as it was noted.
#[derive(Debug, sqlx::FromRow)]
pub struct PastRun {
    pub(in crate::settlement) reconciliation_id: i64,
    pub(in crate::settlement) processor: String,
    pub(in crate::settlement) from_at: DateTime<Utc>,
    pub(in crate::settlement) to_at: DateTime<Utc>,
    pub(in crate::settlement) complete: bool,
    pub(in crate::settlement) report: Json<Report>,
    pub(in crate::settlement) finished_at: DateTime<Utc>,
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
