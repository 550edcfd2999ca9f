//! Give the account credit by hand, for a reason.

use super::{
    billing,
    reasons::{check_amount, check_reason},
};
use crate::{
    draft::Draft, event::CreditSource, ids::AccountId, money::Money, rejection::Rejection,
};

/// Give the account credit.
#[derive(Debug, Clone)]
pub struct GrantCredit {
    /// Which account.
    pub account_id: AccountId,
    /// How much.
    pub amount: Money,
    /// Why.
    pub reason: String,
}

impl GrantCredit {
    pub(super) fn decide(&self, draft: &mut Draft) -> Result<(), Rejection> {
        let account = draft.account(self.account_id)?;
        check_reason(&self.reason)?;
        check_amount(&account, self.amount)?;
        let (adjustment_id, reason) = (draft.mint(), self.reason.clone());
        let source = CreditSource::Adjustment { adjustment_id, reason };
        let now = draft.now();
        billing::grant(draft, account.id, self.amount, source, now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::*;

    #[test]
    fn credit_pays_what_is_due_already() {
        let given = given_subscribed("pro").at("2026-06-16T00:00:00Z").and(settle_due());
        let then = given.when(grant("20"));
        then.recorded(&[
            "credit.granted",
            "credit.applied",
            "invoice.paid",
            "order.cancelled",
            "subscription.recovered",
        ]);
        assert_eq!(then.account().credit, usd("5"));
    }

    #[test]
    fn credit_is_given_used_and_undone_while_it_is_there() {
        let given = given_subscribed("pro").and(grant("10"));
        assert!(given.clone().and(undo(&given)).account().credit.is_zero());
        let used = given.at("2026-06-01T00:00:00Z").and(settle_due());
        used.clone().when(undo(&used)).rejected("credit_already_used");
        given_subscribed("pro").when(grant("0")).rejected("amount_not_positive");
        let silent = GrantCredit { reason: " ".into(), ..grant("1") };
        given_subscribed("pro").when(silent).rejected("reason_required");
    }
}
