//! Checks what is kept of documents against what the log says of their bytes.

use std::collections::HashMap;

use daybook_events::{audit::Finding, ids::AccountId};
use daybook_projections::{
    EngineError,
    documents::{DocumentRow, Documents},
    projection::Projection,
    query::{Reach, Reads},
};
use sqlx::PgPool;

use super::{
    DocumentError,
    kept::{self, Kept},
};

/// How many documents are looked at in one step.
const PAGE: i64 = 50;
/// How many findings are kept.
const MOST: usize = 20;

/// What is wrong with the documents that are kept.
///
/// That is bytes that are not those that were kept or recorded, files that show what was before
/// their document was issued, and files of no document or of another account's. Their rows are
/// checked against the log elsewhere.
///
/// # Errors
/// A database that cannot be reached.
pub async fn kept_documents(pool: &PgPool) -> Result<Vec<Finding>, DocumentError> {
    let reads = Reads::new(pool.clone());
    let (mut findings, mut after) = (Vec::new(), String::new());
    loop {
        let page = kept::page(pool, &after, PAGE).await?;
        let Some(last) = page.last() else { return Ok(findings) };
        after.clone_from(&last.document);
        let ids = page.iter().map(|kept| kept.document.clone()).collect();
        let rows = reads.all().each::<Documents>(ids).await?;
        let rows: HashMap<_, _> =
            rows.into_iter().map(|row| (row.document_id.clone(), row)).collect();
        for kept in &page {
            let problem = match rows.get(&kept.document) {
                Some(row) => problem(kept, row),
                None => problem_without_row(&reads, kept).await?,
            };
            let Some(problem) = problem else { continue };
            let row = Some(format!("documents {}", kept.document));
            findings.push(Finding { check: "document", position: None, row, problem });
            if findings.len() == MOST {
                return Ok(findings);
            }
        }
    }
}

fn problem(kept: &Kept, row: &DocumentRow) -> Option<String> {
    let account = row.account_id.to_string();
    if kept.account != account {
        return Some(format!("it is kept for account {}, and is {account}'s", kept.account));
    }
    let Some(rendered) = &row.rendered else {
        return damage(kept).or_else(|| prematurity(kept, row));
    };
    let (found, recorded) = (kept::hash(&kept.bytes), &rendered.sha256);
    let differs = found != *recorded;
    differs.then(|| format!("its bytes have SHA-256 {found}, recorded is {recorded}"))
}

/// Rows may be a moment behind the log, or not made yet: without one, the log says whether there is
/// such a document.
async fn problem_without_row(reads: &Reads, kept: &Kept) -> Result<Option<String>, EngineError> {
    if is_in_log(reads, kept).await? {
        return Ok(damage(kept));
    }
    let account = &kept.account;
    Ok(Some(format!("it is kept for account {account}, whose history has no such document")))
}

/// Whether the history of its account has a document. A history that cannot be read is told of
/// elsewhere, and says nothing against the document.
async fn is_in_log(reads: &Reads, kept: &Kept) -> Result<bool, EngineError> {
    let Ok(account) = kept.account.parse::<AccountId>() else { return Ok(false) };
    match reads.history(Reach::Ledger).of_account(account).await {
        Ok(events) => Ok(events.iter().any(|it| Documents::keys(it).contains(&kept.document))),
        Err(EngineError::Store(_)) => Ok(true),
        Err(error) => Err(error),
    }
}

/// Bytes that are not those that were kept.
fn damage(kept: &Kept) -> Option<String> {
    let (found, claimed) = (kept::hash(&kept.bytes), &kept.sha256);
    let differs = found != *claimed;
    differs.then(|| format!("its bytes have SHA-256 {found}, kept were {claimed}"))
}

/// A file that was printed of less than what its document was issued of.
fn prematurity(kept: &Kept, row: &DocumentRow) -> Option<String> {
    let (shows, issued) = (kept.shows, row.issued);
    let is_early = shows < issued;
    is_early.then(|| format!("it shows position {shows}, and was issued at position {issued}"))
}
