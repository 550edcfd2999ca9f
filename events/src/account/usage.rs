//! Usage: what the panel has counted, and what it has set aside, against the plan's limits.

use imbl::OrdMap;

use crate::{
    event::{UsageEvent as E, UsageReserved},
    ids::ReservationId,
};

/// An account's usage.
#[derive(Debug, Clone, Default)]
pub struct Usage {
    counted: OrdMap<String, u64>,
    reserved: OrdMap<ReservationId, (String, u64)>,
}

impl Usage {
    /// What is used of a limit and set aside under it, together.
    #[must_use]
    pub fn of(&self, limit: &str) -> u64 {
        let counted = self.counted.get(limit).copied().unwrap_or(0);
        let of_limit = self.reserved.values().filter(|(name, _)| name == limit);
        of_limit.fold(counted, |sum, (_, quantity)| sum.saturating_add(*quantity))
    }

    /// Every limit of which something is used or set aside, with how much.
    #[must_use]
    pub fn all(&self) -> Vec<(String, u64)> {
        let mut limits: Vec<String> = self.counted.keys().cloned().collect();
        limits.extend(self.reserved.values().map(|(limit, _)| limit.clone()));
        limits.sort_unstable();
        limits.dedup();
        limits.into_iter().map(|limit| (limit.clone(), self.of(&limit))).collect()
    }

    /// The limit and the quantity of a reservation that stands.
    #[must_use]
    pub fn reservation(&self, id: ReservationId) -> Option<&(String, u64)> {
        self.reserved.get(&id)
    }

    pub(super) fn evolve(&mut self, event: &E) {
        match event {
            E::UsageReported(reported) => {
                self.counted.insert(reported.limit.clone(), reported.used);
                if let Some(settled) = reported.settles {
                    self.reserved.remove(&settled);
                }
            }
            E::UsageReserved(reserved) => self.set_aside(reserved),
            E::UsageReleased(released) => {
                self.reserved.remove(&released.reservation_id);
            }
        }
    }

    fn set_aside(&mut self, reserved: &UsageReserved) {
        let room = (reserved.limit.clone(), reserved.quantity);
        self.reserved.insert(reserved.reservation_id, room);
    }
}
