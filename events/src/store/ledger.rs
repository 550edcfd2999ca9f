//! The handle that everyone holds: submit a command, look at a state, follow what is appended.

use std::{any::Any, sync::Arc, time::Duration};

use sqlx::{PgPool, postgres::PgConnectOptions};
use thiserror::Error;
use tokio::sync::{mpsc, oneshot, watch};
use uuid::Uuid;

use super::{
    StoreError,
    appender::{Appender, Job, Outcome},
    clock::Clock,
    migrate, read,
};
use crate::{
    commands::Command,
    draft::Draft,
    envelope::{Origin, Recorded},
    merkle::Hash,
    rejection::Rejection,
    world::World,
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

/// A running ledger. Cheap to clone; the appender stops when the last handle is gone.
#[derive(Debug, Clone)]
pub struct Ledger {
    jobs: mpsc::Sender<Job>,
    pool: PgPool,
    position: watch::Receiver<i64>,
    clock: Clock,
}

impl Ledger {
    /// Opens the ledger of a database that has been migrated.
    ///
    /// # Errors
    /// A database that cannot be reached, is not migrated, or whose history cannot be read; a
    /// clock that is years ahead.
    pub async fn open(pool: PgPool, options: Options) -> Result<Self, StoreError> {
        if !migrate::is_migrated(&pool).await? {
            return Err(StoreError::NotMigrated);
        }
        let head = read::head(&pool).await?;
        let now = options.clock.now();
        if let Some(last) = head.recorded_at
            && !options.accept_clock
            && last.plus_days(366) < now
        {
            return Err(StoreError::ClockAhead { now, last });
        }
        let clock = options.clock.clone();
        let connect: PgConnectOptions = pool.connect_options().as_ref().clone();
        let (jobs, queue) = mpsc::channel(options.queue);
        let (announce, position) = watch::channel(head.position);
        let appender = Appender::start(connect, options, announce).await?;
        tokio::spawn(appender.run(queue));
        Ok(Self { jobs, pool, position, clock })
    }

    /// The pool for reading.
    #[must_use]
    pub fn pool(&self) -> &PgPool {
        &self.pool
    }

    /// The clock that the appender reads.
    #[must_use]
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// The last position that this process has appended or met, as it moves.
    #[must_use]
    pub fn position(&self) -> watch::Receiver<i64> {
        self.position.clone()
    }

    /// Every batch that this process appends from now on. The channel is bounded: a follower that
    /// falls behind slows the appender down instead of growing a backlog without end.
    ///
    /// # Errors
    /// Where the appender has stopped.
    pub async fn follow(&self) -> Result<mpsc::Receiver<Batch>, SubmitError> {
        const BATCHES: usize = 64;
        let (sender, receiver) = mpsc::channel(BATCHES);
        self.jobs.send(Job::Follow(sender)).await.map_err(|_| SubmitError::Unavailable)?;
        Ok(receiver)
    }

    /// Asks a command and waits for it to be durable.
    ///
    /// # Errors
    /// Its rejection, or the failure of the machinery; either way nothing of it was appended,
    /// except where the outcome is unknown.
    pub async fn submit(&self, request: Request) -> Result<Receipt, SubmitError> {
        let (answer, answered) = oneshot::channel();
        let job = Job::Command { request: Box::new(request), answer };
        self.jobs.try_send(job).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => SubmitError::Overloaded,
            mpsc::error::TrySendError::Closed(_) => SubmitError::Unavailable,
        })?;
        match answered.await.map_err(|_| SubmitError::OutcomeUnknown)?? {
            Outcome::Appended(events) => Ok(Receipt { events, replayed: false }),
            Outcome::Replayed { first, last } => {
                let events = read::range(&self.pool, first - 1, last, i64::MAX).await?;
                let events = events.into_iter().map(Arc::new).collect();
                Ok(Receipt { events, replayed: true })
            }
        }
    }

    /// What a command would append now, without appending it.
    ///
    /// # Errors
    /// Its rejection, or the failure of the machinery.
    pub async fn preview(&self, request: Request) -> Result<Vec<Recorded>, SubmitError> {
        let account = request.command.account();
        let clock = self.clock.clone();
        self.look(account, move |world| {
            let position = 0;
            let now = clock.now();
            let mut draft = Draft::new(world.clone(), position, now, request.seed, request.origin);
            request.command.decide(&mut draft)?;
            Ok(draft.finish().0)
        })
        .await?
    }

    /// Looks at the newest state, with an account in it where one is named and exists.
    ///
    /// # Errors
    /// The failure of the machinery.
    pub async fn look<T: Send + 'static>(
        &self,
        account: Option<crate::ids::AccountId>,
        look: impl FnOnce(&World) -> T + Send + 'static,
    ) -> Result<T, SubmitError> {
        let (answer, answered) = oneshot::channel();
        let look = Box::new(move |world: &World| Box::new(look(world)) as Box<dyn Any + Send>);
        let job = Job::Look { account, look, answer };
        self.jobs.send(job).await.map_err(|_| SubmitError::Unavailable)?;
        let seen = answered.await.map_err(|_| SubmitError::Unavailable)??;
        let seen = seen.downcast::<T>().map_err(|_| SubmitError::Unavailable)?;
        Ok(*seen)
    }
}
