//! The store: where events become durable, in one order, without gaps.
//!
//! [`Ledger::submit`] puts a command into one bounded queue. The appender takes what is there as
//! one batch and one transaction: it locks the head row, reads it, learns what other processes
//! have appended, decides the commands one after another, numbers and hashes their events, inserts
//! them, moves the head, commits, and answers each caller. So commands never conflict, a rejection
//! is decided on the truth and concerns its own command only, and many callers share one commit.
//!
//! Several processes may append to one database: the head row keeps them in one order.
//! The serving role can add to the log and nothing else; triggers refuse the rest to anyone.

mod append;
mod appender;
mod clock;
mod connect;
mod copy;
mod decide;
mod job;
mod ledger;
mod migrate;
mod raw;
mod read;
mod request;
mod settings;

use thiserror::Error;

pub use self::{
    clock::Clock,
    connect::{SCHEMA, VIEWS_SCHEMA, connect, pool, prepare},
    copy::{LogCopy, StoredWithLeaf},
    ledger::Ledger,
    migrate::{Grants, MigrateError, append_only, is_migrated, migrate, name_ledger},
    raw::{StreamEnd, Wanted, leaves, recorded_at, stream_ends},
    read::{Head, beyond, head, ledger_id, range, stream, streams},
    request::{Batch, IdempotencyKey, Options, Receipt, Request, SubmitError},
    settings::{setting, setting_or_insert},
};
use crate::{event::DecodeError, history::HistoryError};

/// The machinery failed; the caller's command was not at fault.
#[derive(Debug, Error)]
pub enum StoreError {
    /// Postgres refused or could not be reached.
    #[error("the database failed")]
    Database(#[from] sqlx::Error),
    /// A stored event that today's code cannot read.
    #[error("the event at position {position} cannot be read")]
    Undecodable {
        /// Where it stands.
        position: i64,
        /// Why.
        source: DecodeError,
    },
    /// Events that do not add up to a state.
    #[error("the history up to position {position} does not hold together")]
    History {
        /// Where it broke.
        position: i64,
        /// Why.
        source: HistoryError,
    },
    /// The log was never set up.
    #[error("the database has no ledger yet: run `daybook migrate`")]
    NotMigrated,
    /// The head row contradicts itself.
    #[error("the head row is damaged: {0}")]
    DamagedHead(&'static str),
    /// Binary COPY sent something else than rows of the log.
    #[error("the copied log is malformed: {0}")]
    Copy(&'static str),
    /// A server that the log cannot rest on.
    #[error("{0}")]
    Unsuitable(String),
    /// The host's clock is so far ahead that recording it would spoil the order for good.
    #[error(
        "the clock says {now}, more than a year after the last event at {last}: set it right, or \
         start once with DAYBOOK_ACCEPT_CLOCK=1 if it is"
    )]
    ClockAhead {
        /// What the clock says.
        now: crate::Timestamp,
        /// When the last event was recorded.
        last: crate::Timestamp,
    },
}
