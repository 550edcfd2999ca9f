//! Believable histories: customers who sign up, pay, upgrade, cancel and ask for refunds, through
//! the real commands and a simulated clock.
//!
//! Each customer is a small state machine that puts its next steps into one calendar; the calendar
//! is worked off in order, and the clock stands at each step's instant. The same seed makes the
//! same choices.

mod customer;

use std::{cmp::Reverse, collections::BinaryHeap};

use daybook_events::{
    Origin, Rejection, Timestamp,
    commands::Command,
    ids::AccountId,
    store::{Ledger, Receipt, Request, SubmitError},
    world::World,
};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha12Rng;
use thiserror::Error;
use uuid::Builder;

use self::customer::{Customer, Step};
use crate::processors::{Processor, ProcessorError};

/// How much history, and which.
#[derive(Debug, Clone, Copy)]
pub struct Shape {
    /// How many customers sign up.
    pub accounts: u32,
    /// When the first may sign up.
    pub from: Timestamp,
    /// When it ends.
    pub until: Timestamp,
    /// What the choices grow out of.
    pub seed: u64,
}

/// Why a history could not be written.
#[derive(Debug, Error)]
pub enum HistoryError {
    /// The ledger did not take a command that it should have taken.
    #[error(transparent)]
    Submit(#[from] SubmitError),
    /// No processor to pay with.
    #[error(transparent)]
    Processor(#[from] ProcessorError),
}

/// Writes a history into a ledger whose clock is set by hand. `progress` hears how many seconds of
/// it are written, of how many.
///
/// # Errors
/// A ledger that fails.
pub async fn write(
    ledger: &Ledger,
    processor: &Processor,
    shape: Shape,
    progress: &mut (dyn FnMut(i64, i64) + Send),
) -> Result<(), HistoryError> {
    let mut rng = ChaCha12Rng::seed_from_u64(shape.seed);
    let mut customers = Vec::new();
    let mut calendar = BinaryHeap::new();
    for n in 0..shape.accounts {
        let (customer, first) = Customer::new(n, &shape, &mut rng);
        calendar.push(Reverse((first, calendar.len(), n, Step::SignUp)));
        customers.push(customer);
    }
    let whole = shape.until.seconds() - shape.from.seconds();
    let mut book = Desk { ledger, processor, rng };
    let mut entries = calendar.len();
    while let Some(Reverse((at, _, n, step))) = calendar.pop() {
        if at > shape.until {
            break;
        }
        ledger.clock().set(at);
        let Some(customer) = customers.get_mut(usize::try_from(n).unwrap_or(usize::MAX)) else {
            continue;
        };
        for (next, step) in customer.take(step, at, &mut book).await? {
            entries += 1;
            calendar.push(Reverse((next, entries, n, step)));
        }
        progress(at.seconds() - shape.from.seconds(), whole);
    }
    ledger.clock().set(shape.until);
    progress(whole, whole);
    Ok(())
}

/// Where customers are served: the ledger, the processor, and their luck.
struct Desk<'l> {
    ledger: &'l Ledger,
    processor: &'l Processor,
    rng: ChaCha12Rng,
}

impl Desk<'_> {
    /// Asks a command. A rejection is part of life and gives nothing.
    async fn ask(&mut self, command: impl Into<Command>) -> Result<Option<Receipt>, HistoryError> {
        let origin = Origin {
            actor: "simulation".to_owned(),
            via: "history".to_owned(),
            ..Origin::default()
        };
        let seed = Builder::from_random_bytes(self.rng.random()).into_uuid();
        match self.ledger.submit(Request::new(command, origin, seed)).await {
            Ok(receipt) => Ok(Some(receipt)),
            Err(SubmitError::Rejected(rejection)) if is_fault(&rejection) => {
                Err(SubmitError::Rejected(rejection).into())
            }
            Err(SubmitError::Rejected(_)) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    async fn look<T: Send + 'static>(
        &self,
        account: AccountId,
        look: impl FnOnce(&World) -> T + Send + 'static,
    ) -> Result<T, HistoryError> {
        Ok(self.ledger.look(Some(account), look).await?)
    }

    /// Whether something of this likelihood, in percent, happens.
    fn chance(&mut self, percent: u32) -> bool {
        self.rng.random_range(0..100) < percent
    }

    /// A number of seconds from a range of minutes.
    fn minutes(&mut self, from: i64, to: i64) -> i64 {
        self.rng.random_range(from * 60..to * 60)
    }

    /// One of several, each as likely as its weight.
    fn pick<T: Copy>(&mut self, weighted: &[(u32, T)]) -> T {
        pick(&mut self.rng, weighted)
    }
}

/// One of several, each as likely as its weight.
fn pick<T: Copy>(rng: &mut ChaCha12Rng, weighted: &[(u32, T)]) -> T {
    let whole: u32 = weighted.iter().map(|(weight, _)| weight).sum();
    let mut drawn = rng.random_range(0..whole);
    for (weight, item) in weighted {
        if drawn < *weight {
            return *item;
        }
        drawn -= weight;
    }
    weighted[0].1
}

/// Rejections that say that the history itself is wrong.
fn is_fault(rejection: &Rejection) -> bool {
    rejection.kind() == daybook_events::rejection::Kind::Internal
        || matches!(rejection, Rejection::BookNotOpen | Rejection::PlanUnknown { .. })
}
