//! The worker of documents: follows the log, prints what is issued, and records what was printed.
//!
//! One process leads, by an advisory lock: that is politeness, not correctness, since a document is
//! recorded once whoever tries. A document that cannot be printed holds up no other: it is noted
//! (`daybook verify` and `/api/ledger/documents` tell of it) and tried again, later each time.

use std::{sync::Arc, time::Duration};

use chrono::Utc;
use daybook_events::store::{self, SubmitError};
use daybook_projections::{
    documents::{DocumentRow, Documents as DocumentRows},
    history::EventPage,
    projection::Projection,
    query::Reach,
};
use futures_util::{StreamExt, stream};
use sqlx::{Connection, PgConnection};

use super::{DocumentError, kept, service};
use crate::{app::App, scheduler};

/// How many events are looked at in one step.
const PAGE: i64 = 500;
/// How many documents are worked on at once.
const ABREAST: usize = 4;
/// How long one rests at least between two looks.
const BREATH: Duration = Duration::from_millis(100);
/// How long the one who leads rests between two looks, where nothing wakes it.
const REST: Duration = Duration::from_secs(2);
/// How long one waits who does not lead, or whose database is away.
const PATIENCE: Duration = Duration::from_secs(5);

/// The advisory lock of the one who leads.
const LEADER: i64 = 7_221_036;

/// The types of the events by which documents are issued.
const ISSUES: [&str; 2] = ["invoice.issued", "credit_note.issued"];

/// Works until it is stopped, as long as this process leads.
pub async fn run(app: Arc<App>) {
    let mut position = app.ledger.position();
    let mut leadership = None;
    loop {
        let rest = match turn(&app, &mut leadership).await {
            Ok(()) if leadership.is_some() => REST,
            Ok(()) => PATIENCE,
            // A database that is away comes back; what was to print is still there then.
            Err(error) => {
                tracing::warn!(%error, "the worker of documents tries again");
                leadership = None;
                PATIENCE
            }
        };
        tokio::time::sleep(BREATH).await;
        tokio::select! {
            () = tokio::time::sleep(rest) => {}
            Ok(()) = position.changed(), if leadership.is_some() => {}
        }
    }
}

async fn turn(app: &App, leadership: &mut Option<PgConnection>) -> Result<(), DocumentError> {
    match leadership {
        Some(connection) => connection.ping().await?,
        None => *leadership = scheduler::lead_by(LEADER, app.pool()).await?,
    }
    if leadership.is_some() { round(app).await } else { Ok(()) }
}

/// Prints everything that was issued, tries again what is to be tried again, and records what was
/// printed.
///
/// # Errors
/// A database that cannot be reached. A document that meets trouble of its own is noted.
pub async fn round(app: &App) -> Result<(), DocumentError> {
    let head = store::head(app.pool()).await.map_err(daybook_projections::EngineError::from)?;
    // Documents are printed of the log, and found by their rows.
    if app.reaches(head.position).await {
        while follow(app, head.position).await? {}
    }
    let again = kept::to_try_again(app.pool(), Utc::now(), PAGE).await?;
    print(app, again).await?;
    record(app).await
}

/// Prints what a page of the log issued; tells whether there may be more.
async fn follow(app: &App, head: i64) -> Result<bool, DocumentError> {
    let after = kept::followed(app.pool()).await?;
    if after >= head {
        return Ok(false);
    }
    let page = EventPage { after, until: head, limit: PAGE, ..EventPage::default() };
    let events = app.history(Reach::Ledger).page(&page).await?;
    let mut issued = Vec::new();
    for (stored, _) in events.iter().filter(|(it, _)| ISSUES.contains(&it.type_name.as_str())) {
        match stored.decode() {
            Ok(recorded) => {
                issued.extend(DocumentRows::keys(&recorded));
            }
            Err(error) => {
                tracing::error!(position = stored.position, %error, "an event cannot be read");
            }
        }
    }
    print(app, issued).await?;
    let full = i64::try_from(events.len()) == Ok(PAGE);
    let last = events.last().filter(|_| full).map_or(head, |(stored, _)| stored.position);
    kept::note_followed(app.pool(), last).await?;
    Ok(full)
}

/// Prints documents, several at once.
async fn print(app: &App, documents: Vec<String>) -> Result<(), DocumentError> {
    let printed = stream::iter(documents).map(|document| print_one(app, document));
    let printed: Vec<_> = printed.buffer_unordered(ABREAST).collect().await;
    printed.into_iter().collect()
}

async fn print_one(app: &App, document: String) -> Result<(), DocumentError> {
    let Some(row) = row(app, &document).await? else {
        return kept::clear_failure(app.pool(), &document).await.map_err(Into::into);
    };
    match app.documents.fetch(app, &row).await {
        Ok(_) => Ok(kept::clear_failure(app.pool(), &document).await?),
        Err(error) => trouble(app, &row, error).await,
    }
}

/// Records what was printed and is not recorded.
async fn record(app: &App) -> Result<(), DocumentError> {
    loop {
        let waiting = kept::unrecorded(app.pool(), PAGE).await?;
        let count = waiting.len();
        let done = stream::iter(waiting).map(|document| record_one(app, document));
        let done: Vec<_> = done.buffer_unordered(ABREAST * 2).collect().await;
        let done = done.into_iter().collect::<Result<Vec<_>, _>>()?;
        let moved_on = done.contains(&true);
        if !moved_on || i64::try_from(count) != Ok(PAGE) {
            return Ok(());
        }
    }
}

async fn record_one(app: &App, document: String) -> Result<bool, DocumentError> {
    let Some(row) = row(app, &document).await? else { return Ok(false) };
    match service::record(app, &row).await {
        Ok(recorded) => Ok(recorded),
        Err(error) => trouble(app, &row, error).await.map(|()| false),
    }
}

async fn row(app: &App, document: &str) -> Result<Option<DocumentRow>, DocumentError> {
    Ok(app.rows(Reach::Ledger).get::<DocumentRows>(document).await?)
}

/// Notes the trouble of one document; an outage is everybody's, and ends the round.
async fn trouble(app: &App, row: &DocumentRow, error: DocumentError) -> Result<(), DocumentError> {
    let is_outage = match &error {
        DocumentError::Database(_) | DocumentError::Engine(_) => true,
        DocumentError::Submit(error) => !matches!(error, SubmitError::Rejected(_)),
        _ => false,
    };
    if is_outage {
        return Err(error);
    }
    tracing::error!(document = row.number, %error, "a document is tried again later");
    let which = (row.document_id.as_str(), &*row.account_id.to_string());
    Ok(kept::note_failure(app.pool(), which, &error.to_string(), Utc::now()).await?)
}
