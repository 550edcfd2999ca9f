//! The handle that everyone holds: submit a command, look at a state, follow what is appended.

use std::sync::Arc;

use sqlx::{PgPool, postgres::PgConnectOptions};
use tokio::sync::{mpsc, oneshot, watch};

use super::{
    StoreError,
    appender::Appender,
    clock::Clock,
    job::{Job, Looking, Outcome, Pending, Seen},
    migrate, read,
    request::{Batch, Options, Receipt, Request, SubmitError},
};
use crate::{draft::Draft, envelope::Recorded, time::Timestamp, world::World};

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
        let clock = options.clock.clone();
        let connect: PgConnectOptions = pool.connect_options().as_ref().clone();
        let (jobs, queue) = mpsc::channel(options.queue);
        let (announce, position) = watch::channel(head.position);
        let accept_clock = options.accept_clock;
        let appender = Appender::start(connect, options, announce).await?;
        let now = appender.instant();
        if let Some(last) = head.recorded_at
            && !accept_clock
            && last.plus_days(366) < now
        {
            return Err(StoreError::ClockAhead { now, last });
        }
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
        let job = Job::Command(Pending { request: Box::new(request), answer });
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
            let newest = account.and_then(|id| world.account(id)).map(|it| it.effective_at);
            let clock = clock.instant(world);
            let now = newest.map_or(clock, |newest| clock.max(newest));
            let mut draft = Draft::new(world.clone(), position, now, request.seed, request.origin);
            request.command.decide(&mut draft)?;
            Ok(draft.finish().0)
        })
        .await?
    }

    /// The ledger's present instant: what its clock says, and never before its last event.
    ///
    /// # Errors
    /// The failure of the machinery.
    pub async fn now(&self) -> Result<Timestamp, SubmitError> {
        let clock = self.clock.clone();
        let (clock, stands) = self
            .look(None, move |world| (clock.instant(world), world.book.clock.is_some()))
            .await?;
        // What was recorded where the clock stands is microseconds past it.
        if stands {
            return Ok(clock);
        }
        let last = read::head(&self.pool).await?.recorded_at;
        Ok(last.map_or(clock, |last| clock.max(last)))
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
        let look = Box::new(move |world: &World| Box::new(look(world)) as Seen);
        let job = Job::Look(Looking { account, look, answer });
        self.jobs.send(job).await.map_err(|_| SubmitError::Unavailable)?;
        let seen = answered.await.map_err(|_| SubmitError::Unavailable)??;
        let seen = seen.downcast::<T>().map_err(|_| SubmitError::Unavailable)?;
        Ok(*seen)
    }
}
