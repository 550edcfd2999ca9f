//! The gate: who may come in, as the log itself has it.
//!
//! A caller is let in by the state that the rules fold from the access stream, never by rows: a key
//! that was revoked, by whatever process, opens nothing from its commit on, however far the
//! projections lag. Each call asks the log for what the two short streams have beyond what is known
//! here, which is one look at an index, as a look at a row would be.

use std::sync::{Arc, PoisonError, RwLock};

use daybook_events::{
    Recorded, Timestamp,
    store::{self, Clock, StoreError},
    world::World,
};
use sqlx::PgPool;

/// Keys, sessions and the ledger's clock, as new as the log.
#[derive(Debug)]
pub struct Gate {
    pool: PgPool,
    clock: Clock,
    // Of the world only what the streams `access` and `book` make of it.
    seen: RwLock<Arc<World>>,
}

/// The keys and sessions of one moment.
#[derive(Debug, Clone)]
pub struct Present {
    /// What the rules know of them.
    pub world: Arc<World>,
    /// What time it is for the ledger: keys and sessions expire by its clock.
    pub now: Timestamp,
}

impl Gate {
    /// The gate of a ledger, with everything that its log has so far.
    ///
    /// # Errors
    /// A database that cannot be reached, a history that cannot be read.
    pub async fn open(pool: PgPool, clock: Clock) -> Result<Self, StoreError> {
        let gate = Self { pool, clock, seen: RwLock::default() };
        gate.present().await?;
        Ok(gate)
    }

    /// The keys and sessions as they are now, with everything that any process has committed.
    ///
    /// # Errors
    /// A database that cannot be reached, a history that cannot be read.
    pub async fn present(&self) -> Result<Present, StoreError> {
        const AT_ONCE: usize = 2_000;
        loop {
            let known = self.seen.read().unwrap_or_else(PoisonError::into_inner).clone();
            let (access, book) = (known.access.version, known.book.version);
            let limit = i64::try_from(AT_ONCE).unwrap_or(i64::MAX);
            let events = store::beyond(&self.pool, access, book, limit).await?;
            if events.is_empty() {
                return Ok(self.at(known));
            }
            let world = self.take_in(&events)?;
            if events.len() < AT_ONCE {
                return Ok(self.at(world));
            }
        }
    }

    /// The keys and sessions as this process has met them last, without a look at the log.
    #[must_use]
    pub fn met(&self) -> Present {
        self.at(self.seen.read().unwrap_or_else(PoisonError::into_inner).clone())
    }

    /// Whether a credential, by its hash, has worked as far as this process has met it: one that has
    /// not may still work, which only a look at the log tells.
    #[must_use]
    pub fn knows(&self, hash: &str) -> bool {
        let Present { world, now } = self.met();
        let key = world.access.working_key(hash, now).is_some();
        key || world.access.working_session(hash, now).is_some()
    }

    fn take_in(&self, events: &[Recorded]) -> Result<Arc<World>, StoreError> {
        let mut seen = self.seen.write().unwrap_or_else(PoisonError::into_inner);
        let world = Arc::make_mut(&mut seen);
        for recorded in events {
            // What another call has taken in meanwhile is known by its version.
            let position = recorded.position;
            world.apply(recorded).map_err(|source| StoreError::History { position, source })?;
        }
        Ok(seen.clone())
    }

    fn at(&self, world: Arc<World>) -> Present {
        // Another process, whose clock is ahead of this one's, may have stopped a key "now".
        let clock = self.clock.instant(&world);
        let now = world.access.newest.map_or(clock, |newest| clock.max(newest));
        Present { world, now }
    }
}
