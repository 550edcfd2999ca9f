//! Give a plan new terms for those who order from now on; existing subscriptions keep theirs.

use super::publish_plan::check_terms;
use crate::{
    draft::Draft,
    envelope::StreamId,
    event::{PlanRevised, PlanTerms},
    rejection::Rejection,
};

/// Give a plan new terms.
#[derive(Debug, Clone)]
pub struct RevisePlan {
    /// Id, number or slug.
    pub plan: String,
    /// The new terms, whole.
    pub terms: PlanTerms,
}

impl RevisePlan {
    pub(super) fn decide(&self, draft: &mut Draft) -> Result<(), Rejection> {
        let unknown = || Rejection::PlanUnknown { plan: self.plan.clone() };
        let plan = draft.world().catalogue.find(&self.plan).ok_or_else(unknown)?.clone();
        if plan.retired {
            return Err(Rejection::PlanRetired { plan: plan.slug.clone() });
        }
        check_terms(&self.terms)?;
        if plan.terms == self.terms {
            return Err(Rejection::PlanTermsUnchanged { slug: plan.slug.clone() });
        }
        let (plan_id, revision) = (plan.id, plan.revision + 1);
        let terms = self.terms.clone();
        draft.record(StreamId::Plan(plan_id), PlanRevised { plan_id, revision, terms })
    }
}

#[cfg(test)]
mod tests {
    use crate::{commands::PlaceOrder, testing::*};

    #[test]
    fn old_subscribers_keep_their_price_until_they_move() {
        let given = given_subscribed("pro").and(revise("pro", "99"));
        let then = given.at("2026-06-01T00:00:00Z").when(settle_due());
        assert_eq!(then.invoice_total(), "15.00 USD");
        let given = given_account().and(revise("pro", "99"));
        let then = given.when(PlaceOrder { plan: "pro".into(), ..place_order() });
        assert_eq!(then.order_amount(), "99.00 USD");
    }

    #[test]
    fn terms_that_change_nothing_are_not_a_revision() {
        given_account().when(revise("pro", "15")).rejected("plan_terms_unchanged");
        given_account().when(revise("nope", "15")).rejected("plan_unknown");
        given_account().and(retire("pro")).when(revise("pro", "16")).rejected("plan_retired");
    }
}
