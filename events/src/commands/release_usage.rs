//! Give back room that was set aside, where nothing came of what needed it.

use crate::{
    draft::Draft,
    envelope::StreamId,
    event::UsageReleased,
    ids::{AccountId, ReservationId},
    rejection::Rejection,
};

/// Give back room that was set aside.
#[derive(Debug, Clone)]
pub struct ReleaseUsage {
    /// Which account.
    pub account_id: AccountId,
    /// Which reservation.
    pub reservation_id: ReservationId,
}

impl ReleaseUsage {
    pub(super) fn decide(&self, draft: &mut Draft) -> Result<(), Rejection> {
        let account = draft.account(self.account_id)?;
        let reservation_id = self.reservation_id;
        let unknown = Rejection::ReservationUnknown { reservation: reservation_id };
        account.usage.reservation(reservation_id).ok_or(unknown)?;
        draft.record(StreamId::Account(account.id), UsageReleased { reservation_id })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        commands::ReportUsage,
        event::{AccountEvent, Event, UsageEvent},
        testing::*,
    };

    fn reservation(given: &Given) -> ReservationId {
        given.last(|event| match event {
            Event::Account(AccountEvent::Usage(UsageEvent::UsageReserved(reserved))) => {
                Some(reserved.reservation_id)
            }
            _other => None,
        })
    }

    #[test]
    fn what_is_set_aside_counts_until_it_is_counted_or_given_back() {
        let given = given_subscribed("starter").and(report("max_servers", 3)).and(reserve(2));
        given.clone().when(reserve(1)).rejected("plan_limit_exceeded");
        let id = reservation(&given);
        let counted = ReportUsage { settles: Some(id), ..report("max_servers", 4) };
        given.clone().and(counted).when(reserve(1)).recorded(&["usage.reserved"]);
        let give_back = ReleaseUsage { account_id: account_id(), reservation_id: id };
        let given = given.and(give_back.clone());
        given.clone().when(reserve(2)).recorded(&["usage.reserved"]);
        given.when(give_back).rejected("reservation_unknown");
    }
}
