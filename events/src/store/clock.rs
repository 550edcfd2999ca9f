//! The clock that the appender reads: the system's, or one that is set by hand.

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use crate::{time::Timestamp, world::World};

/// Where the appender takes the instant of a batch from.
#[derive(Debug, Clone, Default)]
pub enum Clock {
    /// The system's clock.
    #[default]
    System,
    /// A clock that stands still until it is moved, in microseconds since 1970: for simulated
    /// histories and tests.
    Manual(Arc<AtomicI64>),
}

impl Clock {
    /// A clock that stands at an instant.
    #[must_use]
    pub fn standing_at(instant: Timestamp) -> Self {
        Self::Manual(Arc::new(AtomicI64::new(instant.micros())))
    }

    /// Moves a manual clock; the system's does not move.
    pub fn set(&self, instant: Timestamp) {
        match self {
            Self::System => {}
            Self::Manual(micros) => micros.store(instant.micros(), Ordering::SeqCst),
        }
    }

    /// The present instant of a ledger: where its own clock stands, once a sandbox ledger's has
    /// been advanced, else what this clock says.
    #[must_use]
    pub fn instant(&self, world: &World) -> Timestamp {
        world.book.clock.unwrap_or_else(|| self.now())
    }

    /// The present instant.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        match self {
            Self::System => Timestamp::new(chrono::Utc::now()),
            Self::Manual(micros) => Timestamp::from_micros(micros.load(Ordering::SeqCst))
                .unwrap_or_else(|| Timestamp::new(chrono::DateTime::UNIX_EPOCH)),
        }
    }
}
