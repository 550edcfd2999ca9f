//! What is asked of a ledger, and what comes of it.

use std::{sync::Arc, time::Duration};

use thiserror::Error;
use uuid::Uuid;

use super::{StoreError, clock::Clock};
use crate::{
    commands::Command,
    envelope::{Origin, Recorded},
    merkle::Hash,
    rejection::Rejection,
};

/// How a ledger is run by this process.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where instants come from.
    pub clock: Clock,
    /// How many commands wait before callers are turned away.
    pub queue: usize,
    /// How many commands share a transaction at most.
    pub batch: usize,
    /// How many accounts are held in memory at most.
    pub accounts: usize,
    /// How long a lost database is waited for before callers are told.
    pub patience: Duration,
    /// A clock more than a year ahead of the last event is taken for right.
    pub accept_clock: bool,
    /// Answer before the commit: the fault that the crash tests must catch.
    pub(super) answer_early: bool,
    /// Take a lost commit for one that never was: the fault that the tests of lost commits must
    /// catch.
    pub(super) trust_lost_commits: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            clock: Clock::System,
            queue: 4096,
            batch: 512,
            accounts: 50_000,
            patience: Duration::from_secs(30),
            accept_clock: false,
            answer_early: false,
            trust_lost_commits: false,
        }
    }
}

impl Options {
    /// Options with the fault of answering before the commit, for the tests that must catch it.
    #[cfg(feature = "planted-faults")]
    #[must_use]
    pub fn answering_before_the_commit() -> Self {
        Self { answer_early: true, ..Self::default() }
    }

    /// Options with the fault of taking a lost commit for one that never took effect, without
    /// asking the log.
    #[cfg(feature = "planted-faults")]
    #[must_use]
    pub fn trusting_lost_commits() -> Self {
        Self { trust_lost_commits: true, ..Self::default() }
    }
}

/// A caller's promise to mean the same thing whenever it sends this key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdempotencyKey {
    /// Whose key it is: one caller's keys never meet another's.
    pub scope: String,
    /// The key.
    pub key: String,
    /// SHA-256 over what was asked.
    pub fingerprint: Hash,
}

/// A command with everything that the log keeps of its asking.
#[derive(Debug, Clone)]
pub struct Request {
    /// What is asked.
    pub command: Command,
    /// Who, how and why.
    pub origin: Origin,
    /// What new ids grow out of: random, or seeded for a repeatable history.
    pub seed: Uuid,
    /// The caller's idempotency key.
    pub key: Option<IdempotencyKey>,
    /// The version that the command's account must have, where the caller insists.
    pub expected_version: Option<i64>,
}

impl Request {
    /// A request without a key or an expected version.
    pub fn new(command: impl Into<Command>, origin: Origin, seed: Uuid) -> Self {
        Self { command: command.into(), origin, seed, key: None, expected_version: None }
    }
}

/// What became of an accepted command.
#[derive(Debug, Clone)]
pub struct Receipt {
    /// Its events, durable.
    pub events: Vec<Arc<Recorded>>,
    /// Whether they are of an earlier request with the same key.
    pub replayed: bool,
}

impl Receipt {
    /// The position of the last event.
    #[must_use]
    pub fn position(&self) -> i64 {
        self.events.last().map_or(0, |event| event.position)
    }
}

/// Why a command was not accepted.
#[derive(Debug, Error)]
pub enum SubmitError {
    /// The rules refused it.
    #[error(transparent)]
    Rejected(#[from] Rejection),
    /// The idempotency key was used for something else.
    #[error("the idempotency key was used before for another request")]
    KeyReused,
    /// The account has moved on.
    #[error("the account is at version {actual}, not {expected}")]
    VersionConflict {
        /// What the caller insisted on.
        expected: i64,
        /// What is true.
        actual: i64,
    },
    /// Too many commands wait.
    #[error("too many commands are waiting")]
    Overloaded,
    /// The database cannot be reached; nothing was appended.
    #[error("the database cannot be reached; nothing was appended")]
    Unavailable,
    /// The database was lost during the commit and has not come back to say what became of it.
    #[error("the outcome is not known: ask again with the same idempotency key")]
    OutcomeUnknown,
    /// The command's own data made the database or the decision fail.
    #[error("the command could not be recorded: {0}")]
    Failed(String),
    /// The machinery failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Events that were appended together, in order.
pub type Batch = Arc<[Arc<Recorded>]>;
