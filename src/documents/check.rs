//! Checks what is kept of documents against what the log says of their bytes.

use std::collections::HashMap;

use daybook_events::audit::Finding;
use daybook_projections::{documents::Documents, query::Reads};
use sqlx::PgPool;

use super::{
    DocumentError,
    kept::{self, Kept},
};

/// How many documents are looked at in one step.
const PAGE: i64 = 50;
/// How many findings are kept.
const MOST: usize = 20;

/// What is wrong with the documents that are kept: bytes that are not those that were kept or
/// recorded, and files of no document. Their rows are checked against the log elsewhere.
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
            let recorded = rows.get(&kept.document).and_then(|row| row.rendered.as_ref());
            let hash = recorded.map(|rendered| rendered.sha256.as_str());
            if let Some(problem) = problem(kept, hash).filter(|_| findings.len() < MOST) {
                let row = Some(format!("documents {}", kept.document));
                findings.push(Finding { check: "document", position: None, row, problem });
            }
        }
    }
}

fn problem(kept: &Kept, recorded: Option<&str>) -> Option<String> {
    let found = kept::hash(&kept.bytes);
    match recorded {
        Some(recorded) if recorded != found => {
            Some(format!("its bytes have SHA-256 {found}, recorded is {recorded}"))
        }
        Some(_) => None,
        None if found != kept.sha256 => {
            Some(format!("its bytes have SHA-256 {found}, kept were {}", kept.sha256))
        }
        None => None,
    }
}
