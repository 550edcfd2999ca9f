//! The world: every state that the rules decide on, as one value.
//!
//! It is made of persistent maps, so a clone is a few pointers: a [`Draft`](crate::draft::Draft)
//! works on a copy, a rejection throws the copy away, an accepted command keeps it, and a failed
//! transaction goes back to the world before it. Plans, coupons, keys and the book are always in it,
//! accounts only while somebody needs them.

use std::sync::Arc;

use imbl::HashMap;

use crate::{
    access::Access,
    account::Account,
    book::Book,
    catalogue::Catalogue,
    coupon::Coupons,
    envelope::{Recorded, StreamId},
    event::{AccountEvent, Event, ProfileEvent},
    history::HistoryError,
    ids::AccountId,
    numbers::Numbers,
};

/// Every state that the rules decide on.
#[derive(Debug, Clone, Default)]
pub struct World {
    /// The book.
    pub book: Book,
    /// The keys.
    pub access: Access,
    /// The plans.
    pub catalogue: Catalogue,
    /// The coupons.
    pub coupons: Coupons,
    /// How far numbers have been given out.
    pub numbers: Numbers,
    accounts: HashMap<AccountId, Arc<Account>>,
}

impl World {
    /// An account, where it exists and is held.
    #[must_use]
    pub fn account(&self, id: AccountId) -> Option<&Arc<Account>> {
        self.accounts.get(&id)
    }

    /// How many accounts are held.
    #[must_use]
    pub fn accounts_held(&self) -> usize {
        self.accounts.len()
    }

    /// Lets go of every account, to bound memory; they are read again when needed.
    pub fn forget_accounts(&mut self) {
        self.accounts = HashMap::new();
    }

    /// Holds an account that was folded from its stream elsewhere.
    pub fn hold(&mut self, account: Account) {
        self.accounts.insert(account.id, Arc::new(account));
    }

    /// The version of a stream, 0 where it has no events (or, of an account, is not held).
    #[must_use]
    pub fn version(&self, stream: StreamId) -> i64 {
        match stream {
            StreamId::Book => self.book.version,
            StreamId::Access => self.access.version,
            StreamId::Plan(id) => self.catalogue.get(id).map_or(0, |plan| plan.version),
            StreamId::Coupon(code) => self.coupons.get(code).map_or(0, |coupon| coupon.version),
            StreamId::Account(id) => self.account(id).map_or(0, |account| account.version),
        }
    }

    /// Takes in a recorded event. Events that are already in it, and events of accounts that are
    /// not held, change nothing.
    ///
    /// # Errors
    /// A history that does not hold together.
    pub fn apply(&mut self, recorded: &Recorded) -> Result<(), HistoryError> {
        if recorded.version <= self.version(recorded.stream) {
            return Ok(());
        }
        match (&recorded.event, recorded.stream) {
            (Event::Book(event), _) => {
                self.book.evolve(event, recorded);
                self.book.version = recorded.version;
            }
            (Event::Access(event), _) => {
                self.access.evolve(event, recorded.effective_at);
                self.access.version = recorded.version;
            }
            (Event::Plan(event), StreamId::Plan(id)) => {
                self.catalogue.evolve(id, event, recorded);
            }
            (Event::Coupon(event), StreamId::Coupon(code)) => {
                self.coupons.evolve(code, event, recorded.version);
            }
            (Event::Account(event), StreamId::Account(id)) => {
                self.apply_to_account(id, event, recorded)?;
            }
            (Event::Plan(_) | Event::Coupon(_) | Event::Account(_), _) => {
                return Err(HistoryError::Missing(format!("{} in its stream", recorded.stream)));
            }
        }
        Ok(())
    }

    fn apply_to_account(
        &mut self,
        id: AccountId,
        event: &AccountEvent,
        recorded: &Recorded,
    ) -> Result<(), HistoryError> {
        if let Some(account) = self.accounts.get_mut(&id) {
            return Arc::make_mut(account).evolve(event, recorded);
        }
        if let AccountEvent::Profile(ProfileEvent::AccountOpened(opened)) = event {
            self.hold(Account::open(opened, recorded));
        }
        Ok(())
    }
}
