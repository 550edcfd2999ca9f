//! The desk at which everybody is served: the ledger, the processor, luck, and the tally of what
//! happened.

use std::sync::Arc;

use daybook_events::{
    Money, Origin, Recorded, Rejection, Timestamp,
    account::Account,
    commands::{Command, RefundOutcome},
    ids::{AccountId, OrderId, RefundId},
    store::{Ledger, Receipt, Request, SubmitError},
};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha12Rng;
use uuid::{Builder, Uuid};

use super::{Shape, SimulationError, Written, is_fault};
use crate::processors::sandbox::{self, Keys};

pub(super) struct Desk<'l> {
    pub(super) ledger: &'l Ledger,
    pub(super) rng: ChaCha12Rng,
    pub(super) written: Written,
    /// A plan that is on offer for a season.
    pub(super) special: Option<&'static str>,
    /// What was recorded since somebody last listened.
    heard: Vec<Arc<Recorded>>,
    sandbox: Keys,
    now: Timestamp,
}

impl<'l> Desk<'l> {
    pub(super) fn new(ledger: &'l Ledger, shape: &Shape) -> Self {
        // Its ids go into the log, so they are no secret's but the seed's.
        let sandbox = Keys::new(format!("simulation {}", shape.seed));
        Self {
            ledger,
            rng: ChaCha12Rng::seed_from_u64(shape.seed),
            written: Written::default(),
            special: None,
            heard: Vec::new(),
            sandbox,
            now: shape.from,
        }
    }

    /// Lets the clock stand at an instant.
    pub(super) fn at(&mut self, at: Timestamp) {
        self.now = at;
        self.ledger.clock().set(at);
    }

    /// The instant at which the clock stands.
    pub(super) fn now(&self) -> Timestamp {
        self.now
    }

    /// What was recorded since this was last asked.
    pub(super) fn listen(&mut self) -> Vec<Arc<Recorded>> {
        std::mem::take(&mut self.heard)
    }

    /// Asks a command in somebody's name. A rejection is part of life; one that is not, is a fault.
    pub(super) async fn ask(
        &mut self,
        actor: &str,
        command: impl Into<Command>,
    ) -> Result<Result<Receipt, Rejection>, SimulationError> {
        let seed = Builder::from_random_bytes(self.rng.random()).into_uuid();
        self.ask_with(seed, actor, command).await
    }

    /// As [`Self::ask`], with ids that grow out of another seed than luck's.
    pub(super) async fn ask_with(
        &mut self,
        seed: Uuid,
        actor: &str,
        command: impl Into<Command>,
    ) -> Result<Result<Receipt, Rejection>, SimulationError> {
        let command = command.into();
        let named = name(&command);
        let origin =
            Origin { actor: actor.to_owned(), via: "simulation".to_owned(), ..Origin::default() };
        match self.ledger.submit(Request::new(command, origin, seed)).await {
            Ok(receipt) => {
                for recorded in &receipt.events {
                    *self.written.events.entry(recorded.event.type_name()).or_default() += 1;
                    self.written.invariants.read(recorded);
                }
                self.heard.extend(receipt.events.iter().cloned());
                Ok(Ok(receipt))
            }
            Err(SubmitError::Rejected(rejection)) if !is_fault(&rejection) => {
                *self.written.refusals.entry(rejection.code()).or_default() += 1;
                Ok(Err(rejection))
            }
            Err(source) => Err(SimulationError::Submit { command: named, at: self.now, source }),
        }
    }

    /// Looks at an account.
    pub(super) async fn account<T: Send + 'static>(
        &self,
        id: AccountId,
        look: impl FnOnce(&Account) -> Option<T> + Send + 'static,
    ) -> Result<Option<T>, SimulationError> {
        let look =
            move |world: &daybook_events::world::World| world.account(id).and_then(|it| look(it));
        Ok(self.ledger.look(Some(id), look).await?)
    }

    /// The processor's name, and its id of an order.
    pub(super) fn processor_order(&self, order: OrderId, amount: Money) -> (String, String) {
        (sandbox::NAME.to_owned(), self.sandbox.order_id(order, amount))
    }

    /// What the processor answers to a refund.
    pub(super) fn processor_refund(&self, id: RefundId) -> RefundOutcome {
        RefundOutcome::Processed(self.sandbox.refund_id(id))
    }

    /// Whether something of this likelihood, in percent, happens.
    pub(super) fn chance(&mut self, percent: u32) -> bool {
        self.rng.random_range(0..100) < percent
    }

    /// An instant from a range of seconds after now.
    pub(super) fn within(&mut self, from: i64, to: i64) -> Timestamp {
        self.now.plus_seconds(self.rng.random_range(from..to.max(from + 1)))
    }

    /// One of several, each as likely as its weight.
    pub(super) fn pick<T: Copy>(&mut self, weighted: &[(u32, T)]) -> T {
        pick(&mut self.rng, weighted)
    }
}

/// The name of a command, for those who have to find out why it was not taken.
fn name(command: &Command) -> &'static str {
    let of_account = command.account().is_some();
    if of_account { "a customer's command" } else { "the seller's command" }
}

/// One of several, each as likely as its weight.
pub(super) fn pick<T: Copy>(rng: &mut ChaCha12Rng, weighted: &[(u32, T)]) -> T {
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
