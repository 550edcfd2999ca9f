//! Record what the processor that runs a subscription answered when it was asked for another plan.

use super::processor_run;
use crate::{
    draft::Draft, envelope::StreamId, event::PlanChangeWithdrawn, ids::AccountId,
    rejection::Rejection,
};

/// What a processor answered to a plan change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PlanChangeOutcome {
    /// It has changed the plan.
    Done,
    /// It does not, for a reason in its words.
    Refused(String),
}

/// Record what the processor answered to the plan change that it was asked for.
#[derive(Debug, Clone)]
pub struct SettlePlanChange {
    /// Which account.
    pub account_id: AccountId,
    /// What it answered.
    pub outcome: PlanChangeOutcome,
}

impl SettlePlanChange {
    pub(super) fn decide(&self, draft: &mut Draft) -> Result<(), Rejection> {
        let account = draft.account(self.account_id)?;
        let live = account.live().ok_or(Rejection::PlanChangeNotPending)?;
        // Its own news may have been first.
        let to = live.requested.clone().ok_or(Rejection::PlanChangeNotPending)?;
        let stream = StreamId::Account(account.id);
        match &self.outcome {
            PlanChangeOutcome::Done => {
                let changed = processor_run::changed(live, to, draft.now());
                draft.record(stream, changed)
            }
            PlanChangeOutcome::Refused(reason) => {
                let refused = Some(reason.chars().take(500).collect());
                let subscription_id = live.id;
                draft.record(stream, PlanChangeWithdrawn { subscription_id, refused })
            }
        }
    }
}
