//! Undo credit that was given, or an invoice that was written off, by hand: a compensating event
//! names the adjustment, once. Credit that was used meanwhile cannot be taken back.

use super::{billing, reasons::check_reason};
use crate::{
    draft::Draft,
    envelope::StreamId,
    event::{Adjusted, AdjustmentUndone},
    ids::{AccountId, AdjustmentId},
    rejection::Rejection,
};

/// Undo a wrong adjustment.
#[derive(Debug, Clone)]
pub struct UndoAdjustment {
    /// Which account.
    pub account_id: AccountId,
    /// Which adjustment.
    pub adjustment_id: AdjustmentId,
    /// Why it was wrong.
    pub reason: String,
}

impl UndoAdjustment {
    pub(super) fn decide(&self, draft: &mut Draft) -> Result<(), Rejection> {
        let account = draft.account(self.account_id)?;
        check_reason(&self.reason)?;
        let adjustment_id = self.adjustment_id;
        let unknown = Rejection::AdjustmentUnknown { adjustment: adjustment_id };
        let adjustment = *account.adjustments.get(adjustment_id).ok_or(unknown)?;
        if adjustment.undone {
            return Err(Rejection::AdjustmentAlreadyUndone { adjustment: adjustment_id });
        }
        let (adjusted, amount) = (adjustment.adjusted, adjustment.amount);
        if adjusted == Adjusted::Credit && account.credit.minus(amount)?.minor() < 0 {
            return Err(Rejection::CreditAlreadyUsed { left: account.credit });
        }
        let reason = self.reason.clone();
        let undone = AdjustmentUndone { adjustment_id, adjusted, amount, reason };
        draft.record(StreamId::Account(account.id), undone)?;
        match adjusted {
            Adjusted::Credit => Ok(()),
            Adjusted::WriteOff { invoice_id } => {
                let now = draft.now();
                billing::settle(draft, account.id, invoice_id, None, now)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ids::Id, testing::*};

    #[test]
    fn an_adjustment_that_never_was_is_not_undone() {
        let given = given_subscribed("pro").and(grant("1"));
        let adjustment_id = AdjustmentId::from_uuid(uuid::Uuid::nil());
        let unknown = UndoAdjustment { adjustment_id, ..undo(&given) };
        given.clone().when(unknown).rejected("adjustment_unknown");
        let silent = UndoAdjustment { reason: String::new(), ..undo(&given) };
        given.when(silent).rejected("reason_required");
    }
}
