//! Ask, once for a plan, that its current limits reach its subscribers; [`super::ReapplyLimitsTo`]
//! then moves them, account by account.

use crate::{draft::Draft, envelope::StreamId, event::PlanLimitsReapplied, rejection::Rejection};

/// Ask that a plan's current limits reach its subscribers.
#[derive(Debug, Clone)]
pub struct ReapplyLimits {
    /// Id, number or slug of the plan.
    pub plan: String,
    /// Whether subscribers with limits of their own lose them.
    pub force: bool,
}

impl ReapplyLimits {
    pub(super) fn decide(&self, draft: &mut Draft) -> Result<(), Rejection> {
        let unknown = || Rejection::PlanUnknown { plan: self.plan.chars().take(64).collect() };
        let plan = draft.world().catalogue.find(&self.plan).ok_or_else(unknown)?.clone();
        let reapplied = PlanLimitsReapplied {
            reapplication_id: draft.mint(),
            plan_id: plan.id,
            revision: plan.revision,
            force: self.force,
        };
        draft.record(StreamId::Plan(plan.id), reapplied)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::*;

    #[test]
    fn a_reapplication_is_asked_of_a_plan() {
        let command = ReapplyLimits { plan: "pro".into(), force: false };
        given_account().when(command.clone()).recorded(&["plan.limits_reapplied"]);
        let unknown = ReapplyLimits { plan: "nope".into(), ..command };
        given_account().when(unknown).rejected("plan_unknown");
    }
}
