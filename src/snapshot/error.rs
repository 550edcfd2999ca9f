//! Why there is no snapshot.

use std::{
    io,
    path::{Path, PathBuf},
};

use daybook_events::{Timestamp, money::MoneyError, store::StoreError};
use daybook_projections::{EngineError, projection::FoldError};
use thiserror::Error;

/// Why there is no snapshot. Nothing was written under its final name.
#[derive(Debug, Error)]
pub enum SnapshotError {
    /// There is nothing yet.
    #[error("the ledger is empty: there is nothing to take a snapshot of")]
    LedgerEmpty,
    /// Nobody knows the future, and 0 is before the first event.
    #[error("position {position} is not in the log, which ends at position {head}")]
    PositionBeyondHead {
        /// Which was asked for.
        position: i64,
        /// Where the log ends.
        head: i64,
    },
    /// Nobody knows the future, and in the present instant something may yet be recorded.
    #[error("{at} is not over: the ledger's clock says {now}")]
    TimeInFuture {
        /// The instant up to which was asked.
        at: Timestamp,
        /// The ledger's present.
        now: Timestamp,
    },
    /// There was nothing yet.
    #[error("nothing was recorded by {at}: the ledger begins at {first}")]
    TimeBeforeLedger {
        /// The instant up to which was asked.
        at: Timestamp,
        /// When the first event was recorded.
        first: Timestamp,
    },
    /// Not a date, an instant, a position or a month.
    #[error("{0}")]
    BoundsInvalid(String),
    /// A period whose books are still open.
    #[error("the period {0} is not closed")]
    PeriodNotClosed(String),
    /// There is something in its place.
    #[error("{0:?} is not empty: a snapshot goes into a new folder, or into an empty one")]
    OutNotEmpty(PathBuf),
    /// Something that a new folder cannot take the place of.
    #[error("{path:?} {problem}: a snapshot goes into a new folder, or into an empty one")]
    OutUnusable {
        /// What was to be the folder.
        path: PathBuf,
        /// What it is.
        problem: &'static str,
    },
    /// A disk that is full, or may not be written.
    #[error("{path:?} cannot be written: {source}")]
    Writing {
        /// Which file or folder.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// The key that signs.
    #[error("the signing key {path:?} is of no use: {problem}")]
    Key {
        /// Where it lies.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// Events that are not what was hashed: nothing is exported of such a log.
    #[error("the event at position {0} is not as it was written: see `daybook verify`")]
    Damaged(i64),
    /// A fold that cannot go on.
    #[error("{table} cannot take in the log: {source}")]
    Fold {
        /// Which table.
        table: &'static str,
        /// Why.
        source: FoldError,
    },
    /// Sums out of bounds.
    #[error(transparent)]
    Money(#[from] MoneyError),
    /// A row that is not of its table's form: a fault of ours.
    #[error("a row of {0} is not of its form")]
    Row(&'static str),
    /// The books do not add up: a fault of ours, or a damaged projection.
    #[error("the books do not add up: {0}")]
    Books(String),
    /// As many are waited for as may be.
    #[error("{0} snapshots are not taken yet, as many as may be: wait, or delete one")]
    TooMany(i64),
    /// What was asked for is in no words of this version.
    #[error("what was asked for cannot be read: {0}")]
    Scope(serde_json::Error),
    /// Nobody waits for it any more.
    #[error("nobody waits for it any more")]
    GivenUp,
    /// The log.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The projections.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// Postgres refused.
    #[error("the database failed")]
    Database(#[from] sqlx::Error),
}

impl SnapshotError {
    /// A file or folder that cannot be written.
    pub(super) fn writing(path: &Path, source: io::Error) -> Self {
        Self::Writing { path: path.to_owned(), source }
    }

    /// The stable code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::LedgerEmpty => "ledger_empty",
            Self::PositionBeyondHead { .. } => "position_beyond_head",
            Self::TimeInFuture { .. } => "time_in_future",
            Self::TimeBeforeLedger { .. } => "time_before_ledger",
            Self::BoundsInvalid(_) => "bounds_invalid",
            Self::PeriodNotClosed(_) => "period_not_closed",
            Self::OutNotEmpty(_) => "out_not_empty",
            Self::OutUnusable { .. } => "out_unusable",
            Self::TooMany(_) => "too_many_snapshots",
            Self::Scope(_) => "scope_unreadable",
            Self::GivenUp => "given_up",
            Self::Writing { .. } => "disk_refused",
            Self::Key { .. } => "signing_key_unusable",
            Self::Damaged(_) => "log_damaged",
            Self::Fold { .. } | Self::Money(_) | Self::Row(_) | Self::Books(_) => {
                "books_do_not_tie"
            }
            Self::Store(_) | Self::Engine(_) | Self::Database(_) => "database_failed",
        }
    }
}
