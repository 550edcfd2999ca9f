//! Release a parked account: somebody has looked, and it is billed again.

use super::reasons::check_reason;
use crate::{
    draft::Draft, envelope::StreamId, event::AccountReleased, ids::AccountId, rejection::Rejection,
};

/// Release a parked account.
#[derive(Debug, Clone)]
pub struct ReleaseAccount {
    /// Which account.
    pub account_id: AccountId,
    /// What was found.
    pub reason: String,
}

impl ReleaseAccount {
    pub(super) fn decide(&self, draft: &mut Draft) -> Result<(), Rejection> {
        let account = draft.account(self.account_id)?;
        check_reason(&self.reason)?;
        if !account.parked {
            return Err(Rejection::AccountNotParked);
        }
        let reason = self.reason.clone();
        draft.record(StreamId::Account(account.id), AccountReleased { reason })
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::*;

    #[test]
    fn a_runaway_parks_the_account_and_bills_nothing() {
        let mut given = given_subscribed("pro");
        // The subscription itself was the first line of the day.
        for _ in 0..7 {
            given = given.and(change_plan("starter")).and(change_plan("pro"));
        }
        let invoices = given.account().invoices.iter().count();
        let then = given.clone().when(change_plan("starter"));
        then.recorded(&["account.parked"]);
        let parked = given.and(change_plan("starter"));
        assert_eq!(parked.account().invoices.iter().count(), invoices);
        parked.clone().when(change_plan("pro")).rejected("account_parked");
        parked.clone().at("2026-06-02T00:00:00Z").when(settle_due()).rejected("nothing_due");
        let released = parked.and(release("a script gone wild"));
        released.clone().when(release("again")).rejected("account_not_parked");
        let next_day = released.at("2026-05-02T00:00:00Z").and(change_plan("starter"));
        assert_eq!(next_day.account().live().unwrap().plan.slug, "starter");
    }
}
