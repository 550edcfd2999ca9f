//! Take a plan off the shelf; existing subscriptions keep it.

use crate::{draft::Draft, envelope::StreamId, event::PlanRetired, rejection::Rejection};

/// Take a plan off the shelf.
#[derive(Debug, Clone)]
pub struct RetirePlan {
    /// Id, number or slug.
    pub plan: String,
}

impl RetirePlan {
    pub(super) fn decide(&self, draft: &mut Draft) -> Result<(), Rejection> {
        let unknown = || Rejection::PlanUnknown { plan: self.plan.clone() };
        let plan = draft.world().catalogue.find(&self.plan).ok_or_else(unknown)?.clone();
        if plan.retired {
            return Err(Rejection::PlanRetired { plan: plan.slug.clone() });
        }
        draft.record(StreamId::Plan(plan.id), PlanRetired { plan_id: plan.id })
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::*;

    #[test]
    fn a_retired_plan_cannot_be_ordered_but_still_renews() {
        given_account().and(retire("pro")).when(place_order()).rejected("plan_retired");
        given_subscribed("pro")
            .and(retire("pro"))
            .at("2026-06-01T00:00:00Z")
            .when(settle_due())
            .recorded(&["subscription.renewed", "invoice.issued", "order.placed"]);
        given_account().and(retire("pro")).when(retire("pro")).rejected("plan_retired");
    }
}
