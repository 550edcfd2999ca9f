//! A draft: what a command would append, decided on a copy of the world.
//!
//! Every event that is recorded in it is numbered and taken in at once, so the next step of the
//! same decision sees its effect. A rejection drops the draft and with it every trace.

use std::sync::Arc;

use sha2::{Digest, Sha256};
use uuid::{Builder, Uuid};

use crate::{
    account::Account,
    envelope::{Origin, Recorded, StreamId},
    event::Event,
    ids::{AccountId, Id},
    rejection::Rejection,
    time::Timestamp,
    world::World,
};

/// What a command would append.
#[derive(Debug, Clone)]
pub struct Draft {
    begun: (World, i64),
    world: World,
    position: i64,
    now: Timestamp,
    seed: Uuid,
    minted: u32,
    minted_since: u32,
    origin: Origin,
    recorded: Vec<Recorded>,
}

impl Draft {
    /// A draft on a world whose last position is `position`, decided at the instant `now`.
    ///
    /// New ids grow out of `seed`: the same seed, world and instant give the same events.
    #[must_use]
    pub fn new(world: World, position: i64, now: Timestamp, seed: Uuid, origin: Origin) -> Self {
        let begun = (world.clone(), position);
        Self {
            begun,
            world,
            position,
            now,
            seed,
            minted: 0,
            minted_since: 0,
            origin,
            recorded: Vec::new(),
        }
    }

    /// The instant of the decision.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// The world with everything that the draft has recorded so far.
    #[must_use]
    pub fn world(&self) -> &World {
        &self.world
    }

    /// The world before the draft recorded anything.
    #[must_use]
    pub fn begun(&self) -> &World {
        &self.begun.0
    }

    /// Forgets everything that was recorded.
    pub fn restart(&mut self) {
        (self.world, self.position) = self.begun.clone();
        self.recorded.clear();
    }

    /// An account, as the draft has it.
    ///
    /// # Errors
    /// No such account.
    pub fn account(&self, id: AccountId) -> Result<Arc<Account>, Rejection> {
        self.world.account(id).cloned().ok_or(Rejection::AccountUnknown { account: id })
    }

    /// A new id: ordered by the instant and, within a millisecond, by the place in the log,
    /// otherwise grown out of the seed.
    pub fn mint<T: Id>(&mut self) -> T {
        self.minted += 1;
        let digest = Sha256::new()
            .chain_update(self.seed)
            .chain_update(T::PREFIX)
            .chain_update(self.minted.to_be_bytes())
            .finalize();
        // A version 7 id keeps 74 of these 80 bits; the first 42 of them count: events, and up to
        // 32 ids between two of them.
        self.minted_since += 1;
        let place = u64::try_from(self.position).unwrap_or(0) << 5 | u64::from(self.minted_since);
        let [high, low] = u16::try_from(place >> 30 & 0x0fff).unwrap_or(0).to_be_bytes();
        let [w, x, y, z] = u32::try_from(place & 0x3fff_ffff).unwrap_or(0).to_be_bytes();
        let mut random = [high, low, w, x, y, z, 0, 0, 0, 0];
        random[6..].copy_from_slice(&digest[..4]);
        let millis = u64::try_from(self.now.micros() / 1000).unwrap_or(0);
        T::from_uuid(Builder::from_unix_timestamp_millis(millis, &random).into_uuid())
    }

    /// Records an event that counts from now.
    ///
    /// # Errors
    /// Where the states cannot take it in.
    pub fn record(&mut self, stream: StreamId, event: impl Into<Event>) -> Result<(), Rejection> {
        self.record_as_of(stream, self.now, event)
    }

    /// From when an event of a stream counts that should count from `at`: not after now, and not
    /// before the stream's newest event, since both times of a stream only go forward.
    #[must_use]
    pub fn effective_at(&self, stream: StreamId, at: Timestamp) -> Timestamp {
        let newest = match stream {
            StreamId::Account(id) => self.world.account(id).map(|account| account.effective_at),
            StreamId::Book | StreamId::Access | StreamId::Plan(_) | StreamId::Coupon(_) => None,
        };
        newest.map_or(at, |newest| at.max(newest)).min(self.now)
    }

    /// Records an event that counts from an earlier instant: something that has fallen due.
    ///
    /// # Errors
    /// Where the states cannot take it in.
    pub fn record_as_of(
        &mut self,
        stream: StreamId,
        effective_at: Timestamp,
        event: impl Into<Event>,
    ) -> Result<(), Rejection> {
        let event = event.into();
        let effective_at = self.effective_at(stream, effective_at);
        let posting_on = self.world.book.posting_day(effective_at);
        let start_month = self.world.book.financial_year_start_month();
        let number = self.world.numbers.assign(&event, posting_on, start_month);
        self.position += 1;
        self.minted_since = 0;
        let recorded = Recorded {
            position: self.position,
            stream,
            version: self.world.version(stream) + 1,
            recorded_at: self.now,
            effective_at,
            posting_on,
            number,
            origin: self.origin.clone(),
            event,
        };
        self.world.apply(&recorded)?;
        self.recorded.push(recorded);
        Ok(())
    }

    /// The newest event recorded in this draft.
    #[must_use]
    pub fn last(&self) -> Option<&Recorded> {
        self.recorded.last()
    }

    /// Whether nothing has been recorded.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.recorded.is_empty()
    }

    /// The events, in order, and the world after them.
    #[must_use]
    pub fn finish(self) -> (Vec<Recorded>, World) {
        (self.recorded, self.world)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        event::{BillingDetailsRevised, PlanRetired},
        ids::PlanId,
        testing::{account_id, given_account, personal},
    };

    /// A draft on the test account's world that has recorded on two streams.
    fn draft_on_two_streams() -> (Draft, World, PlanId) {
        let given = given_account();
        let world = given.world().clone();
        let plan = world.catalogue.find("pro").map(|plan| plan.id).unwrap();
        let position = given.events().last().map_or(0, |event| event.position);
        let now = "2026-05-02T00:00:00Z".parse().unwrap();
        let mut draft =
            Draft::new(world.clone(), position, now, Uuid::from_u128(9), Origin::default());
        let billing = BillingDetailsRevised { billing: personal("Grace") };
        draft.record(StreamId::Account(account_id()), billing).unwrap();
        draft.record(StreamId::Plan(plan), PlanRetired { plan_id: plan }).unwrap();
        (draft, world, plan)
    }

    #[test]
    fn one_decision_records_on_several_streams_in_one_order() {
        let (draft, before, plan) = draft_on_two_streams();
        let (events, after) = draft.finish();
        assert_eq!(events[1].position, events[0].position + 1);
        for (event, stream) in
            events.iter().zip([StreamId::Account(account_id()), StreamId::Plan(plan)])
        {
            assert_eq!(event.version, before.version(stream) + 1);
            assert_eq!(after.version(stream), event.version);
        }
    }

    #[test]
    fn a_draft_that_is_dropped_leaves_the_world_as_it_was() {
        let (draft, before, plan) = draft_on_two_streams();
        drop(draft);
        assert!(!before.catalogue.get(plan).unwrap().retired);
        assert_eq!(before.account(account_id()).unwrap().version, 1);
    }

    #[test]
    fn the_same_seed_gives_the_same_ids_and_another_gives_others() {
        let mint = |seed| {
            let now = "2026-05-02T00:00:00Z".parse().unwrap();
            let world = World::default();
            let mut draft = Draft::new(world, 0, now, Uuid::from_u128(seed), Origin::default());
            [draft.mint::<PlanId>(), draft.mint::<PlanId>()]
        };
        assert_eq!(mint(1), mint(1));
        assert_ne!(mint(1)[0], mint(1)[1]);
        assert_ne!(mint(1), mint(2));
    }

    #[test]
    fn ids_of_one_millisecond_are_ordered_as_they_were_made() {
        let now = "2026-05-02T00:00:00Z".parse().unwrap();
        let mut last = None;
        for position in [0, 1, 3, 127, 128, 1 << 25, (1 << 25) + 1, 1 << 36] {
            let world = World::default();
            let seed = Uuid::from_u128(u128::try_from(position).unwrap());
            let mut draft = Draft::new(world, position, now, seed, Origin::default());
            for id in [draft.mint::<PlanId>(), draft.mint::<PlanId>()] {
                assert!(last < Some(id), "{last:?} then {id}");
                last = Some(id);
            }
        }
    }
}
