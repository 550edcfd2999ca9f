//! What it adds up to: projections of the log.
//!
//! A projection is a pure fold from events to keyed rows ([`projection::Projection`]). The engine
//! uses that one fold for everything: [`live`], [`rebuild`], [`verify`].
//! Projections never read each other, and nothing here appends to the log.

#![deny(clippy::wildcard_enum_match_arm)]

mod copy_out;
pub mod export;
pub mod history;
pub mod projection;
pub mod query;
pub mod reach;
mod tables;
pub mod view;

// The engine.
pub mod as_of;
pub mod live;
pub mod rebuild;
pub mod verify;

// What finance reads, reckoned from the journal.
pub mod books;

// The projections: one question, one file.
pub mod accounts;
pub mod coupons;
pub mod documents;
pub mod features;
pub mod invoices;
pub mod journal;
pub mod keys;
pub mod orders;
pub mod payments;
pub mod plans;
pub mod refunds;
pub mod schedules;
pub mod sessions;
pub mod subscriptions;
pub mod usage;

#[cfg(test)]
mod testing;

use daybook_events::store::{self, StoreError};
use sqlx::PgPool;
use thiserror::Error;

use crate::{
    projection::{FoldError, Projection},
    tables::Checkpoint,
    view::{Of, RowError, View},
};

/// Every projection there is: one line each, alphabetical.
#[must_use]
pub fn all() -> Vec<Box<dyn View>> {
    vec![
        Box::new(Of::<accounts::Accounts>::empty()),
        Box::new(Of::<coupons::Coupons>::empty()),
        Box::new(Of::<documents::Documents>::empty()),
        Box::new(Of::<features::Features>::empty()),
        Box::new(Of::<invoices::Invoices>::empty()),
        Box::new(Of::<journal::Journal>::empty()),
        Box::new(Of::<keys::Keys>::empty()),
        Box::new(Of::<orders::Orders>::empty()),
        Box::new(Of::<payments::Payments>::empty()),
        Box::new(Of::<plans::Plans>::empty()),
        Box::new(Of::<refunds::Refunds>::empty()),
        Box::new(Of::<schedules::Schedules>::empty()),
        Box::new(Of::<sessions::Sessions>::empty()),
        Box::new(Of::<subscriptions::Subscriptions>::empty()),
        Box::new(Of::<usage::Usage>::empty()),
    ]
}

/// Why the engine could not go on.
#[derive(Debug, Error)]
pub enum EngineError {
    /// Postgres refused or could not be reached.
    #[error("the database failed")]
    Database(#[from] sqlx::Error),
    /// The log could not be read.
    #[error(transparent)]
    Store(StoreError),
    /// A stored row is not of its projection's shape.
    #[error(transparent)]
    Row(#[from] RowError),
    /// A projection cannot take in an event.
    #[error("{projection} cannot take in the event at position {position}: {source}")]
    Fold {
        /// Which projection.
        projection: &'static str,
        /// Which event.
        position: i64,
        /// Why.
        source: FoldError,
    },
    /// The log has a hole where a projection wants to go on.
    #[error("{projection} wants position {position}, which the log does not have")]
    Gap {
        /// Which projection.
        projection: &'static str,
        /// Which position.
        position: i64,
    },
    /// The appender is gone.
    #[error("the ledger has stopped")]
    LedgerStopped,
}

impl From<StoreError> for EngineError {
    fn from(error: StoreError) -> Self {
        // A lost connection is one, whoever meets it: the engine waits and tries again.
        if let StoreError::Database(error) = error {
            Self::Database(error)
        } else {
            Self::Store(error)
        }
    }
}

/// Makes sure that every projection has its table: new ones are created and, like those whose
/// definition has changed, filled from the log.
///
/// # Errors
/// A database that cannot be reached, or an event that cannot be taken in.
pub async fn prepare(pool: &PgPool) -> Result<(), EngineError> {
    let mut outdated = Vec::new();
    let mut transaction = pool.begin().await?;
    let connection = &mut *transaction;
    // Two processes may start at once; the second waits here and finds everything done.
    sqlx::raw_sql("select from head where book = 1 for update").execute(&mut *connection).await?;
    let checkpoints = tables::checkpoints(connection).await?;
    for view in all() {
        let definition = tables::definition(view.as_ref());
        let own = checkpoints.iter().find(|checkpoint| checkpoint.projection == view.name());
        match own {
            Some(own) if own.definition == definition => {}
            Some(_) => outdated.push(view),
            None => {
                tables::create(connection, view.as_ref(), view.name()).await?;
                let projection = view.name().to_owned();
                let checkpoint = Checkpoint { projection, position: 0, definition };
                tables::set_checkpoint(connection, &checkpoint).await?;
            }
        }
    }
    transaction.commit().await?;
    if !outdated.is_empty() {
        rebuild::rebuild(pool, outdated, &mut |_, _| {}).await?;
    }
    Ok(())
}

/// The head of the log, for those who compare it with a checkpoint.
///
/// # Errors
/// A database that cannot be reached.
pub async fn log_position(pool: &PgPool) -> Result<i64, EngineError> {
    Ok(store::head(pool).await?.position)
}

/// How far the stored rows of a projection reach, whatever a follower remembers: a crash of the
/// database takes the newest rows with it, until they are made again.
///
/// # Errors
/// A database that cannot be reached.
pub async fn stored_position<P: Projection>(pool: &PgPool) -> Result<i64, EngineError> {
    let sql = "select coalesce(max(position), 0) from checkpoints where projection = $1";
    Ok(sqlx::query_scalar(sql).bind(P::NAME).fetch_one(pool).await?)
}
