//! Report what the panel counts of a limit. A count is a fact: it is recorded even over the limit.

use super::counting;
use crate::{
    account::Account,
    draft::Draft,
    envelope::StreamId,
    event::UsageReported,
    ids::{AccountId, ReservationId},
    rejection::Rejection,
};

/// Report what is used of a limit.
#[derive(Debug, Clone)]
pub struct ReportUsage {
    /// Which account.
    pub account_id: AccountId,
    /// The limit's name.
    pub limit: String,
    /// How much is used, all in all.
    pub used: u64,
    /// The reservation that the count includes, which is thereby over.
    pub settles: Option<ReservationId>,
}

impl ReportUsage {
    pub(super) fn decide(&self, draft: &mut Draft) -> Result<(), Rejection> {
        let account = draft.account(self.account_id)?;
        counting::check(&account, &self.limit, self.used)?;
        if let Some(id) = self.settles {
            reserved_under(&account, id, &self.limit)?;
        }
        let (limit, used, settles) = (self.limit.clone(), self.used, self.settles);
        draft.record(StreamId::Account(account.id), UsageReported { limit, used, settles })
    }
}

fn reserved_under(account: &Account, id: ReservationId, limit: &str) -> Result<(), Rejection> {
    match account.usage.reservation(id) {
        Some((of, _)) if of == limit => Ok(()),
        Some(_) | None => Err(Rejection::ReservationUnknown { reservation: id }),
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::*;

    #[test]
    fn a_count_over_the_limit_is_a_fact() {
        let given = given_subscribed("starter");
        given.when(report("max_servers", 50)).recorded(&["usage.reported"]);
    }

    #[test]
    fn a_count_that_makes_no_sense_is_refused() {
        let given = given_subscribed("starter");
        given.clone().when(report("max servers", 1)).rejected("usage_invalid");
        given.when(report("max_servers", u64::MAX)).rejected("usage_invalid");
    }
}
