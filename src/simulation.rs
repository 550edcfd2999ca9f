//! Whole businesses on a simulated clock: a seller and its customers, who sign up, pay, fall behind,
//! upgrade, cancel and ask for refunds, through the real commands.
//!
//! There is one calendar and one submitter: whatever is next is done, and the ledger's clock stands
//! at its instant. What falls due on an account is recorded at that very instant, as the scheduler
//! would. Everybody's choices, every id and the ledger's own id grow out of the seed, so the same
//! shape gives the same log, down to its root.

mod calendar;
mod customer;
mod desk;
mod people;
mod prices;
mod reactions;
mod seller;
mod support;
mod whims;

use std::collections::BTreeMap;

use daybook_events::{
    Rejection, Timestamp,
    invariants::Invariants,
    store::{self, Ledger, SubmitError},
};
use rand_chacha::rand_core::{Rng, SeedableRng};
use thiserror::Error;
use uuid::{Builder, Uuid};

use self::{
    calendar::Calendar,
    customer::{Customer, Step},
    desk::Desk,
    seller::{Move, Seller},
};

/// How much history, and which.
#[derive(Debug, Clone, Copy)]
pub struct Shape {
    /// How many customers sign up.
    pub accounts: u32,
    /// When it begins.
    pub from: Timestamp,
    /// When it ends.
    pub until: Timestamp,
    /// What the choices grow out of.
    pub seed: u64,
}

impl Shape {
    fn seconds(&self) -> i64 {
        (self.until.seconds() - self.from.seconds()).max(1)
    }

    /// The id of the ledger that is written from its first event on.
    #[must_use]
    pub fn ledger_id(&self) -> Uuid {
        let mut bytes = [0; 16];
        // A stream of its own: the choices are the same on a ledger that has an id already.
        let mut rng = rand_chacha::ChaCha12Rng::seed_from_u64(self.seed);
        rng.set_stream(1);
        rng.fill_bytes(&mut bytes);
        Builder::from_random_bytes(bytes).into_uuid()
    }
}

/// Who does what.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Task {
    /// The seller.
    Seller(Move),
    /// A customer, by number.
    Customer(u32, Step),
}

/// Why a history could not be written.
#[derive(Debug, Error)]
pub enum SimulationError {
    /// The ledger did not take a command that it should have taken.
    #[error("{command} of the simulation at {at} was not taken")]
    Submit {
        /// Which.
        command: &'static str,
        /// When.
        at: Timestamp,
        /// Why.
        source: SubmitError,
    },
    /// The ledger cannot be looked at.
    #[error(transparent)]
    Look(#[from] SubmitError),
    /// The ledger's head cannot be read.
    #[error(transparent)]
    Store(#[from] store::StoreError),
    /// The simulation's own catalogue or tax rules cannot be read.
    #[error("the simulation's own {what} cannot be read: {problem}")]
    Example {
        /// Which file.
        what: &'static str,
        /// Why.
        problem: String,
    },
    /// Other events stand where this history would.
    #[error(
        "the ledger's last event was recorded at {last}, after {from}: begin later, or with an \
         empty ledger"
    )]
    BeginsTooEarly {
        /// When the last event was recorded.
        last: Timestamp,
        /// When this history would begin.
        from: Timestamp,
    },
    /// The same simulation was written before.
    #[error(
        "the ledger holds customers of seed {seed} already, of a simulation that is whole or was cut \
         off: begin with an empty ledger, or give another seed"
    )]
    WrittenBefore {
        /// The seed.
        seed: u64,
    },
    /// The clock cannot be set by the simulation.
    #[error("the ledger's clock was advanced by hand and stands at {at}: give another ledger")]
    ClockIsSet {
        /// Where it stands.
        at: Timestamp,
    },
}

/// What a simulation wrote.
#[derive(Debug, Default)]
pub struct Written {
    /// How many events, by type.
    pub events: BTreeMap<&'static str, u64>,
    /// How many commands were refused, by the code of the refusal.
    pub refusals: BTreeMap<&'static str, u64>,
    /// What money did, and whether anything broke.
    pub invariants: Invariants,
}

/// Writes a history into a ledger whose clock is set by hand. `progress` hears how many seconds of
/// it are written, of how many.
///
/// # Errors
/// A ledger that fails, or that the history does not fit into.
pub async fn write(
    ledger: &Ledger,
    shape: Shape,
    progress: &mut (dyn FnMut(i64, i64) + Send),
) -> Result<Written, SimulationError> {
    check(ledger, &shape).await?;
    let mut desk = Desk::new(ledger, &shape);
    let mut calendar = Calendar::new();
    let mut seller = Seller::default();
    desk.at(shape.from);
    seller.open(&shape, &mut desk).await?;
    for (at, step) in seller::plans(&shape) {
        calendar.enter(at, Task::Seller(step));
    }
    let mut customers = Vec::new();
    for n in 0..shape.accounts {
        let (customer, first) = Customer::new(n, &shape, &mut desk.rng);
        calendar.enter(first, Task::Customer(n, Step::SignUp));
        customers.push(customer);
    }
    while let Some((at, task)) = calendar.next().filter(|(at, _)| *at <= shape.until) {
        desk.at(at);
        match task {
            Task::Seller(step) => {
                for (n, step) in seller.act(step, shape.accounts, &mut desk).await? {
                    calendar.enter(at, Task::Customer(n, step));
                }
            }
            Task::Customer(n, step) => {
                let index = usize::try_from(n).unwrap_or(usize::MAX);
                if let Some(customer) = customers.get_mut(index) {
                    for (next, step) in customer.take(step, at, &mut desk).await? {
                        calendar.enter(next.max(at), Task::Customer(n, step));
                    }
                }
            }
        }
        progress(at.seconds() - shape.from.seconds(), shape.seconds());
    }
    desk.at(shape.until);
    progress(shape.seconds(), shape.seconds());
    Ok(desk.written)
}

/// Refuses a ledger that the history does not fit into.
async fn check(ledger: &Ledger, shape: &Shape) -> Result<(), SimulationError> {
    let (from, seed) = (shape.from, shape.seed);
    let first = people::account_id(seed, 0);
    let look = |world: &daybook_events::world::World| world.book.clock;
    if let Some(at) = ledger.look(None, look).await? {
        return Err(SimulationError::ClockIsSet { at });
    }
    if ledger.look(Some(first), move |world| world.account(first).is_some()).await? {
        return Err(SimulationError::WrittenBefore { seed });
    }
    match store::head(ledger.pool()).await?.recorded_at {
        Some(last) if last > from => Err(SimulationError::BeginsTooEarly { last, from }),
        Some(_) | None => Ok(()),
    }
}

/// Rejections that say that the simulation or the rules are wrong, not that life is hard.
fn is_fault(rejection: &Rejection) -> bool {
    rejection.kind() == daybook_events::rejection::Kind::Internal
        || matches!(
            rejection,
            Rejection::BookNotOpen
                | Rejection::PlanUnknown { .. }
                | Rejection::AccountUnknown { .. }
                | Rejection::AccountExists { .. }
                | Rejection::NothingDue
                | Rejection::ReasonRequired
                | Rejection::BillingDetailsInvalid { .. }
                | Rejection::TaxIdInvalid { .. }
        )
}
