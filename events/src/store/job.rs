//! What waits in the appender's queue.

use std::{any::Any, sync::Arc};

use tokio::sync::{mpsc, oneshot};

use super::request::{Batch, Request, SubmitError};
use crate::{envelope::Recorded, ids::AccountId, world::World};

/// What waits in the queue.
pub(super) enum Job {
    /// A command.
    Command(Pending),
    /// A look at the newest state.
    Look(Looking),
    /// Send every batch there from now on.
    Follow(mpsc::Sender<Batch>),
}

/// A command that waits for its answer.
pub(super) struct Pending {
    /// What is asked.
    pub(super) request: Box<Request>,
    /// Where the answer goes.
    pub(super) answer: oneshot::Sender<Result<Outcome, SubmitError>>,
}

/// What a look saw, of a type that is its caller's own affair.
pub(super) type Seen = Box<dyn Any + Send>;

/// A look at the newest state.
pub(super) struct Looking {
    /// The account that must be in it.
    pub(super) account: Option<AccountId>,
    /// What to do with it.
    pub(super) look: Box<dyn FnOnce(&World) -> Seen + Send>,
    /// Where the result goes.
    pub(super) answer: oneshot::Sender<Result<Seen, SubmitError>>,
}

/// What became of an accepted command.
#[derive(Debug, Clone)]
pub(super) enum Outcome {
    /// It appended these.
    Appended(Vec<Arc<Recorded>>),
    /// An earlier request with the same key appended these.
    Replayed {
        /// The first position.
        first: i64,
        /// The last position.
        last: i64,
    },
}
