//! The worker of documents: follows the log, prints what is issued, and records what was printed.
//!
//! One process leads, by an advisory lock: that is politeness, not correctness, since a document is
//! recorded once whoever tries. A document that cannot be printed holds up no other: it is noted
//! (`daybook verify` and `/api/ledger/documents` tell of it) and tried again, later each time.

use std::{sync::Arc, time::Duration};

use chrono::Utc;
use daybook_events::store::{self, StoreError, SubmitError};
use daybook_projections::{
    EngineError,
    documents::{DocumentRow, Documents as DocumentRows},
    history::EventPage,
    projection::Projection,
    query::Reach,
};
use futures_util::{StreamExt, stream};
use sqlx::PgConnection;

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

/// Whose a document is whose row cannot be read.
const UNKNOWN: &str = "";

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
    let leads = scheduler::keep_lead(LEADER, app.pool(), leadership).await?;
    if leads { round(app).await } else { Ok(()) }
}

/// Prints everything that was issued, tries again what is to be tried again, and records what was
/// printed.
///
/// # Errors
/// A database that cannot be reached. A document that meets trouble of its own is noted.
pub async fn round(app: &App) -> Result<(), DocumentError> {
    let head = store::head(app.pool()).await.map_err(EngineError::from)?;
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
    let row = match row(app, &document).await {
        Ok(Some(row)) => row,
        Ok(None) => return Ok(kept::clear_failure(app.pool(), &document).await?),
        Err(error) => return trouble(app, (&*document, UNKNOWN), error).await,
    };
    match app.documents.fetch(app, &row).await {
        Ok(_) if row.rendered.is_some() => Ok(kept::clear_failure(app.pool(), &document).await?),
        // What is printed may be refused its record still, and has as many tries behind it then.
        Ok(_) => Ok(()),
        Err(error) => {
            let which = (&*document, &*row.account_id.to_string());
            trouble(app, which, error).await
        }
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
    let row = match row(app, &document).await {
        Ok(Some(row)) => row,
        Ok(None) => return Ok(false),
        Err(error) => return trouble(app, (&*document, UNKNOWN), error).await.map(|()| false),
    };
    match service::record(app, &row).await {
        Ok(true) => {
            kept::clear_failure(app.pool(), &document).await?;
            Ok(true)
        }
        Ok(false) => Ok(false),
        Err(error) => {
            let which = (&*document, &*row.account_id.to_string());
            trouble(app, which, error).await.map(|()| false)
        }
    }
}

async fn row(app: &App, document: &str) -> Result<Option<DocumentRow>, DocumentError> {
    Ok(app.rows(Reach::Ledger).get::<DocumentRows>(document).await?)
}

/// Notes the trouble of one document, which names itself and its account; an outage is everybody's,
/// and ends the round.
async fn trouble(
    app: &App,
    (document, account): (&str, &str),
    error: DocumentError,
) -> Result<(), DocumentError> {
    if is_outage(&error) {
        return Err(error);
    }
    tracing::error!(document, %error, "a document is tried again later");
    let which = (document, account);
    Ok(kept::note_failure(app.pool(), which, &error.to_string(), Utc::now()).await?)
}

/// Whether an error is of the database or of the machinery, and not of one document: a history or a
/// row that cannot be read is one account's, and holds up nobody else's documents.
fn is_outage(error: &DocumentError) -> bool {
    match error {
        DocumentError::Database(_) => true,
        DocumentError::Engine(error) => is_engine_outage(error),
        DocumentError::Submit(error) => is_ledger_outage(error),
        DocumentError::Fold(_)
        | DocumentError::Money(..)
        | DocumentError::Missing(_)
        | DocumentError::Unprintable { .. }
        | DocumentError::Altered { .. }
        | DocumentError::UnknownPrinting { .. } => false,
    }
}

fn is_engine_outage(error: &EngineError) -> bool {
    match error {
        EngineError::Database(_) | EngineError::Gap { .. } | EngineError::LedgerStopped => true,
        EngineError::Store(error) => is_store_outage(error),
        EngineError::Row(_) | EngineError::Fold { .. } => false,
    }
}

fn is_ledger_outage(error: &SubmitError) -> bool {
    match error {
        SubmitError::Overloaded | SubmitError::Unavailable | SubmitError::OutcomeUnknown => true,
        SubmitError::Store(error) => is_store_outage(error),
        SubmitError::Rejected(_)
        | SubmitError::KeyReused
        | SubmitError::VersionConflict { .. }
        | SubmitError::Failed(_) => false,
    }
}

fn is_store_outage(error: &StoreError) -> bool {
    !matches!(error, StoreError::Undecodable { .. } | StoreError::History { .. })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outage_is_everybodys_and_what_cannot_be_read_is_its_documents_own() {
        let engine = |error: StoreError| DocumentError::from(EngineError::from(error));
        for (error, expected) in [
            (DocumentError::from(sqlx::Error::PoolTimedOut), true),
            (engine(StoreError::Database(sqlx::Error::PoolTimedOut)), true),
            (engine(StoreError::NotMigrated), true),
            (EngineError::LedgerStopped.into(), true),
            (SubmitError::Unavailable.into(), true),
            (SubmitError::Failed("planted".to_owned()).into(), false),
            (DocumentError::Missing("inv_1".to_owned()), false),
        ] {
            assert_eq!(is_outage(&error), expected, "{error}");
        }
    }
}
