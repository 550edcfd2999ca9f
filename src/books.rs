//! The books as finance sees them: which periods are closed, and the trial balance.

use chrono::NaiveDate;
use daybook_events::{
    Timestamp,
    accounting::AccountingPeriod,
    book::{Book, ClosedPeriod},
};
use daybook_projections::{
    EngineError,
    books::trial_balance::TrialBalance,
    journal::{Bounds, Journal, recognition::Recognition},
    query::{Page, Rows},
};
use schemars::JsonSchema;
use serde::Serialize;

/// How many rows of the journal are read at a time.
const ROWS: i64 = 1_000;

/// A period by its name and its days.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct PeriodShown {
    /// A month such as `2026-05`, or its first and last day such as `2026-05-01/2026-05-15`.
    pub period: String,
    /// Its first day, in the seller's zone.
    pub first_day: NaiveDate,
    /// Its last.
    pub last_day: NaiveDate,
}

impl From<AccountingPeriod> for PeriodShown {
    fn from(period: AccountingPeriod) -> Self {
        let AccountingPeriod { first_day, last_day } = period;
        Self { period: period.to_string(), first_day, last_day }
    }
}

/// A period that is closed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ClosedShown {
    /// Which.
    #[serde(flatten)]
    pub period: PeriodShown,
    /// When it was closed.
    pub closed_at: Timestamp,
    /// The position at which it was: nothing after it posts to the period.
    pub position: i64,
}

impl From<&ClosedPeriod> for ClosedShown {
    fn from(closed: &ClosedPeriod) -> Self {
        let ClosedPeriod { period, position, closed_at } = *closed;
        Self { period: period.into(), closed_at, position }
    }
}

/// The periods of the book.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Periods {
    /// Those that are closed, oldest first.
    pub closed: Vec<ClosedShown>,
    /// The one that comes next where months are closed; `null` before the book is opened.
    pub next: Option<PeriodShown>,
}

impl Periods {
    /// What the book knows of them.
    #[must_use]
    pub fn of(book: &Book) -> Self {
        Self {
            closed: book.closed.iter().map(ClosedShown::from).collect(),
            next: book.next_period().map(PeriodShown::from),
        }
    }
}

/// The trial balance within bounds, from the rows of the journal, read page by page. Entries are
/// only ever added, so what is recorded meanwhile changes nothing of it.
///
/// # Errors
/// A database that cannot be reached, or a row of another shape.
pub async fn trial_balance(journal: Rows<'_>, bounds: Bounds) -> Result<TrialBalance, EngineError> {
    let (mut balance, mut recognition) = (TrialBalance::default(), Recognition::new(bounds));
    let mut after: Option<String> = None;
    loop {
        let page = Page { after: after.as_deref(), limit: ROWS };
        let (rows, next) = journal.page::<Journal>(&page).await?;
        for row in &rows {
            row.entries_within(&bounds).for_each(|entry| balance.add(entry));
            recognition.add(row);
        }
        let Some(next) = next else { break };
        after = Some(next);
    }
    for entry in recognition.entries() {
        let entry = entry.map_err(|source| EngineError::Fold {
            projection: "journal",
            position: bounds.position,
            source: source.into(),
        })?;
        balance.add(&entry);
    }
    Ok(balance)
}
