//! The ledger's own `/api/ledger/periods`, `/api/ledger/journal` and `/api/ledger/trial-balance`:
//! the books, for finance and auditors.

use std::{collections::BTreeMap, sync::Arc};

use chrono::NaiveDate;
use daybook_events::{accounting::AccountingPeriod, commands::ClosePeriod};
use daybook_projections::{
    books::trial_balance::TrialBalanceRow,
    history::EventPage,
    journal::{Bounds, Journal, JournalRow, entry::Entry},
    projection::Projection,
    query::Reach,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::http::{
    answer::Answer,
    call::Call,
    error::ApiError,
    reading::{ledger_wide, listed, shown},
};
use crate::{
    app::App,
    books::{self, Periods},
};

/// How many events are read at a time for a page of the journal.
const EVENTS: i64 = 1_000;

/// How many events are looked at for one page: most post nothing.
const LOOKED_AT: i64 = 20_000;

/// `GET /api/ledger/periods`
///
/// # Errors
/// A key of one account.
pub async fn periods(app: Arc<App>, call: Call) -> Result<Answer, ApiError> {
    ledger_wide(&call)?;
    let periods = app.ledger.look(None, |world| Periods::of(&world.book)).await?;
    Ok(Answer::ok(&periods).at(app.settled(Reach::Ledger).await))
}

/// What `POST /api/ledger/periods` takes.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(example = serde_json::json!({ "period": "2026-05" }))]
pub struct PeriodBody {
    /// A month such as `2026-05`, or its first and last day such as `2026-05-01/2026-05-15`.
    #[schemars(length(max = 21))]
    period: String,
}

/// `POST /api/ledger/periods`: closes one, for ever.
///
/// # Errors
/// A period that is none, is not over, is closed, or does not come next; a key of one account.
pub async fn close_period(app: Arc<App>, call: Call) -> Result<Answer, ApiError> {
    ledger_wide(&call)?;
    let body: PeriodBody = call.json()?;
    let period: AccountingPeriod = body
        .period
        .parse()
        .map_err(|error| ApiError::new("invalid_request", format!("`period`: {error}")))?;
    let receipt = app.submit(call.request(ClosePeriod { period })?).await?;
    let position = receipt.position();
    // As it was then: a retry gets the same answer, whatever was closed since.
    let periods = app.ledger.look(None, move |world| {
        let mut book = world.book.clone();
        book.closed.retain(|closed| closed.position <= position);
        Periods::of(&book)
    });
    Ok(Answer::ok(&periods.await?).at(position))
}

/// `GET /api/ledger/journal`: the entries that events posted, by position.
///
/// # Errors
/// A page out of range, or a key of one account.
pub async fn journal(app: Arc<App>, call: Call) -> Result<Answer, ApiError> {
    ledger_wide(&call)?;
    let head = shown(&app, &call, Reach::Ledger).await?;
    let (limit, after) = call.page()?;
    let after = after.map_or(Some(0), |text| text.parse().ok().filter(|after| *after >= 0));
    let text = "`after` is the `next` of the page before: a number";
    let after = after.ok_or_else(|| ApiError::new("invalid_request", text))?;
    let (entries, reached) = entries(&app, after, head, limit).await?;
    let next = (reached < head).then(|| reached.to_string());
    Ok(listed(&call, entries, next).at(head))
}

/// Entries after a position, and how far the log was looked through for them.
async fn entries(
    app: &App,
    after: i64,
    head: i64,
    limit: i64,
) -> Result<(Vec<Entry>, i64), ApiError> {
    let (mut found, mut reached) = (Vec::new(), after);
    let most = usize::try_from(limit).unwrap_or(0);
    while reached < head && reached - after < LOOKED_AT {
        let page = EventPage { after: reached, until: head, limit: EVENTS, ..Default::default() };
        let events = app.history(Reach::Ledger).page(&page).await?;
        let Some((last, _)) = events.last() else { break };
        let last = last.position;
        let mut keys = Vec::new();
        for (stored, _) in &events {
            let recorded = stored.decode().map_err(|error| ApiError::internal(&error))?;
            keys.extend(Journal::keys(&recorded));
        }
        keys.sort_unstable();
        keys.dedup();
        let rows = app.rows(Reach::Ledger).each::<Journal>(keys).await?;
        for (position, entry) in between(rows, reached, last) {
            if found.len() == most {
                return Ok((found, reached));
            }
            found.push(entry);
            reached = position;
        }
        reached = last;
        if found.len() == most {
            break;
        }
    }
    Ok((found, reached))
}

/// The rows' entries after one position and up to another, in the order of the log.
fn between(rows: Vec<JournalRow>, after: i64, until: i64) -> BTreeMap<i64, Entry> {
    let entries = rows.into_iter().flat_map(|row| row.entries);
    let within = |position: &i64| after < *position && *position <= until;
    entries.filter_map(|entry| Some((entry.position.filter(within)?, entry))).collect()
}

/// The trial balance at a position and a day.
#[derive(Debug, Serialize, JsonSchema)]
pub struct TrialBalanceShown {
    /// What is recorded up to this position.
    position: i64,
    /// What is posted up to this accounting day, and earned up to its end.
    through: NaiveDate,
    /// The accounts, by currency and path.
    accounts: Vec<TrialBalanceRow>,
}

/// `GET /api/ledger/trial-balance`
///
/// # Errors
/// A day that is none or is still to come, or a key of one account.
pub async fn trial_balance(app: Arc<App>, call: Call) -> Result<Answer, ApiError> {
    ledger_wide(&call)?;
    let position = shown(&app, &call, Reach::Ledger).await?;
    let now = app.ledger.now().await?;
    let today = app.ledger.look(None, move |world| world.book.day_of(now)).await?;
    let through = match call.query.get("through") {
        Some(text) => day(text)?,
        None => today,
    };
    if through > today {
        let text = format!("it is {today} for the seller, not later");
        return Err(ApiError::new("as_of_ahead", text));
    }
    let bounds = Bounds { position, through };
    let balance = books::trial_balance(app.rows(Reach::Ledger), bounds).await?;
    let accounts = balance.rows().collect();
    Ok(Answer::ok(&TrialBalanceShown { position, through, accounts }).at(position))
}

fn day(text: &str) -> Result<NaiveDate, ApiError> {
    let day = text.parse::<NaiveDate>().ok().filter(|day| day.to_string() == text);
    day.ok_or_else(|| ApiError::new("invalid_request", "`through` is a day such as 2026-05-31"))
}
