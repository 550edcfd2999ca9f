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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{commands::ChangePlan, testing::*};

    fn settle(outcome: PlanChangeOutcome) -> SettlePlanChange {
        SettlePlanChange { account_id: account_id(), outcome }
    }

    #[test]
    fn a_plan_change_is_asked_for_and_happens_once_the_processor_says_so() {
        let given = given_run_by_merchant();
        let asked = given.clone().when(change_plan("starter"));
        asked.recorded(&["subscription.plan_change_requested"]);
        assert_eq!(asked.account().live().unwrap().plan.slug, "pro");
        let given = given.and(change_plan("starter"));
        given.clone().when(change_plan("enterprise_lite")).rejected("plan_change_pending");
        let done = given.clone().when(settle(PlanChangeOutcome::Done));
        done.recorded(&["subscription.plan_changed"]);
        assert_eq!(done.account().live().unwrap().plan.slug, "starter");
        let by_news = crate::commands::FollowProcessor {
            plan: Some(("starter".into(), crate::period::Cycle::Monthly)),
            ..word("active", "2026-05-01T00:00:01Z")
        };
        let given = given.and(by_news);
        given.when(settle(PlanChangeOutcome::Done)).rejected("plan_change_not_pending");
    }

    #[test]
    fn a_refusal_leaves_the_plan_as_it_was() {
        let given = given_run_by_merchant().and(change_plan("starter"));
        let then = given.when(settle(PlanChangeOutcome::Refused("PayPal".into())));
        then.recorded(&["subscription.plan_change_withdrawn"]);
        let live = then.account().live().unwrap().clone();
        assert_eq!((live.plan.slug.as_str(), live.requested.is_none()), ("pro", true));
        given_account().when(settle(PlanChangeOutcome::Done)).rejected("plan_change_not_pending");
    }

    #[test]
    fn what_the_processor_does_not_do_is_refused() {
        let given = given_run_by_merchant();
        given.clone().when(change_plan("pro")).rejected("plan_unchanged");
        let later = ChangePlan { at_period_end: true, ..change_plan("starter") };
        given.clone().when(later).rejected("subscription_run_by_processor");
        let agreed = ChangePlan { price: Some(usd("1")), ..change_plan("enterprise") };
        given.clone().when(agreed).rejected("subscription_run_by_processor");
        let applied = crate::commands::ApplyPlan {
            account_id: account_id(),
            plan: "starter".into(),
            temporary: false,
            until: None,
        };
        given.when(applied).rejected("subscription_run_by_processor");
    }
}
