//! Verify: everything that can be checked, in one snapshot of the database, so that a live server
//! does not disturb it.
//!
//! The log is audited line by line; what must hold of every history (that no cent appears or
//! vanishes, that periods tile) is reckoned from the events alone; every projection is folded anew
//! and compared with its table, row by row.

use std::collections::HashMap;

use daybook_events::{
    Recorded,
    audit::{Audit, Claim, Finding},
    invariants::Invariants,
    store::{self, LogCopy},
};
use serde::Serialize;
use sqlx::{AssertSqlSafe, Connection, PgConnection, PgPool, Row};

use crate::{
    EngineError,
    tables::{self, Tables},
    view::View,
};
use futures_util::TryStreamExt;

/// What a verification read and found.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// How many events the log holds.
    pub events: i64,
    /// The root over the log, lower-case hex.
    pub root: String,
    /// How many rows were compared.
    pub rows: usize,
    /// What is not as it should be; empty in an intact ledger.
    pub findings: Vec<Finding>,
}

/// How many findings are kept of one projection, or of invariants: a damaged log damages many rows.
const KEPT: usize = 20;

/// Verifies the log and some projections. `progress` hears how many events have been read, of how
/// many.
///
/// # Errors
/// A database that cannot be reached; what is wrong with the ledger is a finding, not an error.
pub async fn verify(
    pool: &PgPool,
    views: Vec<Box<dyn View>>,
    progress: &mut (dyn FnMut(i64, i64) + Send),
) -> Result<Report, EngineError> {
    let mut connection = pool.acquire().await?.detach();
    tables::reserve(&mut connection, Tables::Kept).await?;
    sqlx::raw_sql("begin isolation level repeatable read read only")
        .execute(&mut connection)
        .await?;
    let head = store::head(&mut connection).await?;
    let checkpoints = tables::checkpoints(&mut connection).await?;
    let mut folds: Vec<_> = views
        .into_iter()
        .map(|view| {
            let own = checkpoints.iter().find(|checkpoint| checkpoint.projection == view.name());
            let until = own.map(|checkpoint| checkpoint.position);
            Fold { until, view, broken: None }
        })
        .collect();

    let mut audit = Audit::new(head.ledger);
    let mut invariants = Invariants::default();
    let mut copy = LogCopy::start(&mut connection, 0, i64::MAX).await?;
    while let Some(rows) = copy.next().await? {
        for (stored, leaf) in rows {
            if let Some(recorded) = audit.read(&stored, &leaf) {
                invariants.read(&recorded);
                folds.iter_mut().for_each(|fold| fold.take_in(&recorded));
            }
        }
        progress(audit.position(), head.position);
    }
    drop(copy);
    let (position, frontier, numbers) = (head.position, head.frontier, head.numbers);
    audit.finish(&Claim { position, frontier, numbers });

    let mut findings = std::mem::take(&mut audit.findings);
    for breach in invariants.breaches().iter().take(KEPT) {
        let problem = format!("{}: {}", breach.law, breach.detail);
        findings.push(Finding::at("invariant", breach.position, problem));
    }
    for checkpoint in checkpoints.iter().filter(|checkpoint| checkpoint.position > position) {
        let ahead = checkpoint.position;
        let problem = format!("its checkpoint is at {ahead}, the log ends at {position}");
        findings.push(about_row(&checkpoint.projection, None, problem));
    }
    let mut rows = 0;
    // Of a ledger that nobody has opened yet there are no projections either.
    folds.retain(|fold| fold.until.is_some() || position > 0);
    for fold in folds {
        rows += fold.compare(&mut connection, &mut findings).await?;
    }
    sqlx::raw_sql("rollback").execute(&mut connection).await?;
    connection.close().await?;
    Ok(Report { events: audit.position(), root: audit.root(), rows, findings })
}

/// A projection that is folded anew, up to the checkpoint of its table.
struct Fold {
    view: Box<dyn View>,
    until: Option<i64>,
    broken: Option<Finding>,
}

impl Fold {
    fn take_in(&mut self, recorded: &Recorded) {
        let due = self.until.is_some_and(|until| recorded.position <= until);
        if !due || self.broken.is_some() {
            return;
        }
        if let Err(error) = self.view.fold(recorded) {
            let text = format!("{} cannot be folded: {error}", self.view.name());
            self.broken = Some(Finding::at("projection", recorded.position, text));
        }
    }

    /// Compares what was folded with what the table holds; tells how many rows that were.
    async fn compare(
        mut self,
        connection: &mut PgConnection,
        findings: &mut Vec<Finding>,
    ) -> Result<usize, EngineError> {
        let name = self.view.name();
        if self.until.is_none() {
            let problem = "it has no checkpoint: run `daybook rebuild`".to_owned();
            findings.push(about_row(name, None, problem));
            return Ok(0);
        }
        if let Some(broken) = self.broken.take() {
            findings.push(broken);
            return Ok(0);
        }
        let mut expected: HashMap<String, String> =
            self.view.rows().map(|(key, row)| (key.to_owned(), row)).collect();
        let compared = expected.len();
        let mut differing = Vec::new();
        let sql = format!("select key, row::text as row from daybook_views.{name} order by key");
        let mut rows = sqlx::query(AssertSqlSafe(sql)).fetch(connection);
        while let Some(row) = rows.try_next().await? {
            let (key, live): (String, String) = (row.try_get("key")?, row.try_get("row")?);
            match expected.remove(&key) {
                Some(folded) if folded == live => {}
                Some(folded) => differing.push((key, difference(&live, &folded))),
                None => differing.push((key, "no event brings it about".to_owned())),
            }
        }
        differing.extend(expected.into_keys().map(|key| (key, "it is missing".to_owned())));
        differing.sort();
        let more = differing.len().saturating_sub(KEPT);
        for (key, problem) in differing.into_iter().take(KEPT) {
            findings.push(about_row(name, Some(&key), problem));
        }
        if more > 0 {
            findings.push(about_row(name, None, format!("and {more} more rows differ")));
        }
        Ok(compared)
    }
}

fn about_row(projection: &str, key: Option<&str>, problem: String) -> Finding {
    let row = key.map_or_else(|| projection.to_owned(), |key| format!("{projection}/{key}"));
    Finding { check: "projection", position: None, row: Some(row), problem }
}

/// The fields in which two rows differ, in words.
fn difference(live: &str, folded: &str) -> String {
    let object = |text: &str| {
        serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(text).unwrap_or_default()
    };
    let (live, folded) = (object(live), object(folded));
    let fields: Vec<_> = folded
        .iter()
        .filter(|(field, value)| live.get(*field) != Some(value))
        .map(|(field, value)| {
            let found = live.get(field).map_or_else(|| "nothing".to_owned(), ToString::to_string);
            format!("{field} is {found}, the events say {value}")
        })
        .collect();
    if fields.is_empty() { "its text differs".to_owned() } else { fields.join("; ") }
}
