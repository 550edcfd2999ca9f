//! Webhooks, outgoing: what happens in the ledger, told to whoever wants to hear of it.
//!
//! ```text
//! the log ─ planner ─ deliveries (schedule) ─ sender ─ message (standard, v1) ─ target ─ receiver
//! ```
//! An event becomes one delivery on each endpoint that wants it, in the transaction that moves the
//! endpoint's cursor past it; a delivery is sent until it gets through, for about three days. What is
//! sent is made from the log each time. Everything arrives at least once, under one id.

pub mod address;
pub mod delivery;
pub mod endpoint;
pub mod interest;
pub mod message;
mod planner;
pub mod requests;
pub mod schedule;
mod sender;
pub mod standard;
pub mod target;
pub mod v1;

use daybook_projections::EngineError;
use thiserror::Error;

pub use self::{
    planner::plan,
    sender::{Sender, run},
};

/// The type of a test's message.
pub const TEST: &str = "webhook.test";

/// Why webhooks could not go on.
#[derive(Debug, Error)]
pub enum WebhookError {
    /// Postgres refused.
    #[error("the database failed")]
    Database(#[from] sqlx::Error),
    /// The log could not be read.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The head of the log could not be read.
    #[error(transparent)]
    Store(#[from] daybook_events::store::StoreError),
    /// An event of the log that this build cannot read.
    #[error("the event at position {0} cannot be read")]
    Event(i64),
    /// A row that is none of ours.
    #[error("the row {0} is damaged")]
    Damaged(String),
    /// The idempotency key came before, with another request.
    #[error("this idempotency key was used for another request")]
    KeyReused,
}
