//! The appender: one task that turns what waits in the queue into one transaction.
//!
//! ```text
//! read the states that are missing ─ lock and read the head ─ learn what others appended
//!   ─ decide each command on the world that the ones before it left ─ insert ─ commit ─ answer
//! ```
//! The world is a value: a rejection, a failed transaction or a lost database goes back to the one
//! before, and nothing has to be undone.

use std::{
    collections::BTreeSet,
    panic::{AssertUnwindSafe, catch_unwind},
    time::Duration,
};

use sqlx::{Connection, PgConnection, postgres::PgConnectOptions};
use tokio::{
    sync::{mpsc, oneshot, watch},
    time::Instant,
};

use super::{
    StoreError,
    append::{self, Appendix, NewKey, UsedKey},
    connect::connect,
    decide::{Decided, decide},
    job::{Job, Looking, Pending, Seen},
    read::{self, Head},
    request::{Batch, Options, SubmitError},
};
use crate::{
    envelope::{Recorded, StreamId},
    ids::AccountId,
    time::Timestamp,
    world::World,
};

/// Why a transaction came to nothing.
enum Failure {
    /// It was never committed, for a reason that may pass.
    NotCommitted(StoreError),
    /// It was never committed, and the data of some command in it is why.
    Data(StoreError),
    /// The commit was sent and its answer lost.
    InDoubt(Box<Decided>),
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        match &error {
            StoreError::Database(sqlx::Error::Database(refusal))
                if refusal.code().is_some_and(|code| is_data_error(&code)) =>
            {
                Self::Data(error)
            }
            StoreError::Database(_)
            | StoreError::Undecodable { .. }
            | StoreError::History { .. }
            | StoreError::NotMigrated
            | StoreError::DamagedHead(_)
            | StoreError::Copy(_)
            | StoreError::Unsuitable(_)
            | StoreError::ClockAhead { .. } => Self::NotCommitted(error),
        }
    }
}

impl From<sqlx::Error> for Failure {
    fn from(error: sqlx::Error) -> Self {
        StoreError::from(error).into()
    }
}

/// Classes 22 (data exception) and 23 (integrity constraint): the same data fails again.
fn is_data_error(code: &str) -> bool {
    code.starts_with("22") || code.starts_with("23")
}

pub(super) struct Appender {
    connect: PgConnectOptions,
    connection: Option<PgConnection>,
    options: Options,
    world: World,
    // The position up to which `world` is true.
    position: i64,
    announce: watch::Sender<i64>,
    followers: Vec<mpsc::Sender<Batch>>,
}

impl Appender {
    pub(super) async fn start(
        connect_options: PgConnectOptions,
        options: Options,
        announce: watch::Sender<i64>,
    ) -> Result<Self, StoreError> {
        let mut connection = connect(&connect_options).await?;
        // The head first: whatever is appended in between is met again and known by its version.
        let head = read::head(&mut connection).await?;
        let mut world = World::default();
        world.numbers = head.numbers;
        for recorded in read::shared_streams(&mut connection).await? {
            take_in(&mut world, &recorded)?;
        }
        Ok(Self {
            connect: connect_options,
            connection: Some(connection),
            options,
            world,
            position: head.position,
            announce,
            followers: Vec::new(),
        })
    }

    /// The ledger's present instant.
    pub(super) fn instant(&self) -> Timestamp {
        self.options.clock.instant(&self.world)
    }

    /// Works until the last handle is gone.
    pub(super) async fn run(mut self, mut queue: mpsc::Receiver<Job>) {
        let mut jobs = Vec::with_capacity(self.options.batch);
        while queue.recv_many(&mut jobs, self.options.batch).await > 0 {
            let (commands, looks) = self.sort(jobs.drain(..));
            if !commands.is_empty() {
                self.settle(commands).await;
            }
            for looking in looks {
                self.look(looking).await;
            }
        }
        if let Some(connection) = self.connection {
            let _ = connection.close().await;
        }
    }

    fn sort(&mut self, jobs: impl Iterator<Item = Job>) -> (Vec<Pending>, Vec<Looking>) {
        let (mut commands, mut looks) = (Vec::new(), Vec::new());
        for job in jobs {
            match job {
                Job::Command(pending) => commands.push(pending),
                Job::Look(looking) => looks.push(looking),
                Job::Follow(follower) => self.followers.push(follower),
            }
        }
        (commands, looks)
    }

    /// Sees a batch through to its answers, whatever the database does meanwhile.
    async fn settle(&mut self, mut batch: Vec<Pending>) {
        let deadline = Instant::now() + self.options.patience;
        loop {
            let failure = match self.attempt(&mut batch).await {
                Ok(decided) => return self.finish(batch, decided).await,
                Err(failure) => failure,
            };
            match failure {
                Failure::InDoubt(decided) => match self.find_out(&decided, deadline).await {
                    Some(true) => return self.finish(batch, *decided).await,
                    Some(false) if Instant::now() >= deadline => {
                        return refuse(batch, || SubmitError::Unavailable);
                    }
                    Some(false) => tracing::warn!("a commit was lost before it took effect"),
                    None => return refuse(batch, || SubmitError::OutcomeUnknown),
                },
                Failure::Data(error) if batch.len() > 1 => {
                    tracing::warn!(%error, size = batch.len(), "a batch is tried one by one");
                    self.abandon().await;
                    for pending in batch {
                        Box::pin(self.settle(vec![pending])).await;
                    }
                    return;
                }
                Failure::Data(error) => {
                    self.abandon().await;
                    let text = error_text(&error);
                    return refuse(batch, || SubmitError::Failed(text.clone()));
                }
                Failure::NotCommitted(error) => {
                    tracing::warn!(error = error_text(&error), "a batch was not committed");
                    self.connection = None;
                    if Instant::now() >= deadline {
                        return refuse(batch, || SubmitError::Unavailable);
                    }
                    pause().await;
                }
            }
        }
    }

    /// Ends a transaction that a statement has failed in: its connection takes no other one before.
    async fn abandon(&mut self) {
        if let Some(connection) = &mut self.connection
            && append::rollback(connection).await.is_err()
        {
            self.connection = None;
        }
    }

    async fn connection(&mut self) -> Result<&mut PgConnection, StoreError> {
        if self.connection.is_none() {
            self.connection = Some(connect(&self.connect).await?);
        }
        self.connection.as_mut().ok_or(StoreError::DamagedHead("no connection"))
    }

    /// One transaction for the whole batch.
    async fn attempt(&mut self, batch: &mut [Pending]) -> Result<Decided, Failure> {
        let accounts = batch.iter().filter_map(|pending| pending.request.command.account());
        self.hold(accounts.collect()).await?;
        let head = self.lock().await?;
        let used = self.used_keys(batch).await?;
        let clock = self.instant();
        let now = head.recorded_at.map_or(clock, |last| clock.max(last.plus_micros(1)));
        let mut decided = decide(&self.world, head.position, now, batch, &used);
        let (rows, frontier) = append::hashed(decided.events.iter().map(AsRef::as_ref), &head);
        let (Some((_, first_leaf)), Some((_, last_leaf))) = (rows.first(), rows.last()) else {
            append::rollback(self.connection().await?).await?;
            return Ok(decided);
        };
        (decided.first_leaf, decided.last_leaf) = (*first_leaf, *last_leaf);
        let keys: Vec<_> = decided
            .keyed
            .iter()
            .filter_map(|(index, first_position, last_position)| {
                let key = batch.get(*index)?.request.key.as_ref()?;
                Some(NewKey { key, first_position: *first_position, last_position: *last_position })
            })
            .collect();
        let appendix = Appendix {
            events: &rows,
            keys: &keys,
            frontier: &frontier,
            numbers: &decided.world.numbers,
        };
        append::insert(self.connection().await?, &appendix).await?;
        if self.options.answer_early {
            answer_early(batch, &mut decided);
        }
        if append::commit(self.connection().await?).await.is_err() {
            self.connection = None;
            return Err(Failure::InDoubt(Box::new(decided)));
        }
        Ok(decided)
    }

    /// Brings accounts into the world that are not in it, before anything is locked.
    async fn hold(&mut self, accounts: BTreeSet<AccountId>) -> Result<(), Failure> {
        if self.world.accounts_held() > self.options.accounts {
            self.world.forget_accounts();
        }
        let missing: Vec<_> = accounts
            .into_iter()
            .filter(|id| self.world.account(*id).is_none())
            .map(|id| StreamId::Account(id).to_string())
            .collect();
        if missing.is_empty() {
            return Ok(());
        }
        let events = read::streams(self.connection().await?, &missing).await?;
        for recorded in &events {
            take_in(&mut self.world, recorded)?;
        }
        Ok(())
    }

    /// Locks the head and brings the world up to it: after this, the world is the truth.
    async fn lock(&mut self) -> Result<Head, Failure> {
        const FEW: i64 = 2_000;
        loop {
            let position = self.position;
            let head = append::lock_head(self.connection().await?).await?;
            let behind = head.position - position;
            if behind == 0 {
                return Ok(head);
            }
            if behind <= FEW {
                self.catch_up(head.position).await?;
                self.world.numbers = head.numbers.clone();
                return Ok(head);
            }
            // So much that nobody should wait for it: read it without the lock, then try again.
            append::rollback(self.connection().await?).await?;
            while self.position < head.position {
                self.catch_up((self.position + FEW).min(head.position)).await?;
            }
        }
    }

    /// Takes in what was appended after the world's position.
    async fn catch_up(&mut self, until: i64) -> Result<(), Failure> {
        let position = self.position;
        let events = read::range(self.connection().await?, position, until, i64::MAX).await?;
        for recorded in &events {
            take_in(&mut self.world, recorded)?;
        }
        self.position = until;
        Ok(())
    }

    async fn used_keys(&mut self, batch: &[Pending]) -> Result<Vec<UsedKey>, Failure> {
        let keys: Vec<_> =
            batch.iter().filter_map(|pending| pending.request.key.as_ref()).collect();
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        Ok(append::used_keys(self.connection().await?, &keys).await?)
    }

    /// After a lost commit: whether it took effect. Locking the head first waits out a backend
    /// that is still at it. `None` where the database does not come back in time.
    async fn find_out(&mut self, decided: &Decided, deadline: Instant) -> Option<bool> {
        loop {
            match self.took_effect(decided).await {
                Ok(effect) => return Some(effect),
                Err(error) => {
                    tracing::warn!(error = error_text(&error), "a commit is in doubt");
                    self.connection = None;
                }
            }
            if Instant::now() >= deadline {
                return None;
            }
            pause().await;
        }
    }

    async fn took_effect(&mut self, decided: &Decided) -> Result<bool, StoreError> {
        if self.options.trust_lost_commits {
            return Ok(false);
        }
        let connection = self.connection().await?;
        append::lock_head(connection).await?;
        let mut effect = true;
        let ends = [
            (decided.events.first(), &decided.first_leaf),
            (decided.events.last(), &decided.last_leaf),
        ];
        for (event, leaf) in ends {
            let position = event.map_or(0, |event| event.position);
            effect &= append::carries(connection, position, leaf).await?;
        }
        append::rollback(connection).await?;
        Ok(effect)
    }

    /// The batch is durable: keep its world, answer, tell the followers.
    async fn finish(&mut self, batch: Vec<Pending>, decided: Decided) {
        let last = decided.events.last().map(|event| event.position);
        if let Some(last) = last {
            self.world = decided.world;
            self.position = last;
        }
        for (pending, answer) in batch.into_iter().zip(decided.answers) {
            if let Some(answer) = answer {
                // A caller that went away needs no answer.
                let _ = pending.answer.send(answer);
            }
        }
        self.announce.send_replace(self.position);
        if last.is_none() {
            return;
        }
        let events: Batch = decided.events.into();
        for follower in &self.followers {
            // Waiting here is the back-pressure: a follower bounds how far it can fall behind.
            let _ = follower.send(events.clone()).await;
        }
        self.followers.retain(|follower| !follower.is_closed());
    }

    async fn look(&mut self, looking: Looking) {
        let Looking { account, look, answer } = looking;
        let seen = match self.newest(account).await {
            Err(error) => Err(error),
            Ok(world) => catch_unwind(AssertUnwindSafe(|| look(world)))
                .map_err(|_| SubmitError::Failed("looking at the state panicked".to_owned())),
        };
        // A caller that went away needs no answer.
        let _: Result<(), Result<Seen, SubmitError>> = answer.send(seen);
    }

    /// The newest committed state, however long the database takes within the patience.
    async fn newest(&mut self, account: Option<AccountId>) -> Result<&World, SubmitError> {
        let deadline = Instant::now() + self.options.patience;
        while let Err(failure) = self.up_to_date(account).await {
            if let Failure::NotCommitted(error) | Failure::Data(error) = failure {
                tracing::warn!(error = error_text(&error), "a state could not be read");
            }
            self.connection = None;
            if Instant::now() >= deadline {
                return Err(SubmitError::Unavailable);
            }
            pause().await;
        }
        Ok(&self.world)
    }

    /// Brings the world to the newest committed state, without holding anybody up.
    async fn up_to_date(&mut self, account: Option<AccountId>) -> Result<(), Failure> {
        self.hold(account.into_iter().collect()).await?;
        let head = read::head(self.connection().await?).await?;
        if head.position > self.position {
            self.catch_up(head.position).await?;
            self.world.numbers = head.numbers;
        }
        Ok(())
    }
}

fn take_in(world: &mut World, recorded: &Recorded) -> Result<(), StoreError> {
    let position = recorded.position;
    world.apply(recorded).map_err(|source| StoreError::History { position, source })
}

fn answer_early(batch: &mut [Pending], decided: &mut Decided) {
    for (pending, answer) in batch.iter_mut().zip(&mut decided.answers) {
        if let Some(answer) = answer.take() {
            let sender = std::mem::replace(&mut pending.answer, oneshot::channel().0);
            let _ = sender.send(answer);
        }
    }
}

fn refuse(batch: Vec<Pending>, error: impl Fn() -> SubmitError) {
    for pending in batch {
        let _ = pending.answer.send(Err(error()));
    }
}

fn error_text(error: &StoreError) -> String {
    use std::error::Error;
    match error.source() {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}

/// Between two tries at a database that is away.
async fn pause() {
    tokio::time::sleep(Duration::from_millis(50)).await;
}
