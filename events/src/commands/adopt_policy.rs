//! Adopt another billing policy. What was decided under an earlier one stays.

use crate::{
    draft::Draft, envelope::StreamId, event::PolicyAdopted, policy::Policy, rejection::Rejection,
};

/// Adopt another billing policy.
#[derive(Debug, Clone)]
pub struct AdoptPolicy {
    /// The policy, whole.
    pub policy: Policy,
}

impl AdoptPolicy {
    pub(super) fn decide(&self, draft: &mut Draft) -> Result<(), Rejection> {
        if let Some(problem) = self.policy.fault() {
            return Err(Rejection::PolicyInvalid { problem: problem.to_owned() });
        }
        let slugs = self.policy.plan_changes.iter().flat_map(|rule| [&rule.from, &rule.to]);
        let unknown = |slug: &&String| draft.world().catalogue.find(slug).is_none();
        if let Some(plan) = slugs.flatten().find(unknown) {
            return Err(Rejection::PlanUnknown { plan: plan.chars().take(64).collect() });
        }
        let version = draft.world().book.policy_version() + 1;
        let policy = self.policy.clone();
        draft.record(StreamId::Book, PolicyAdopted { version, policy })
    }
}

#[cfg(test)]
mod tests {
    use crate::{policy::Policy, testing::*};

    #[test]
    fn each_policy_has_the_next_version() {
        let given = given_account().and(adopt(Policy::default())).and(adopt(Policy::default()));
        assert_eq!(given.world().book.policy_version(), 3);
    }

    #[test]
    fn a_policy_that_makes_no_sense_is_refused() {
        let policy = Policy { order_expires_after_days: 0, ..Policy::default() };
        given_account().when(adopt(policy)).rejected("policy_invalid");
    }

    #[test]
    fn an_exception_names_plans_that_exist() {
        let rule = |slug: &str| crate::policy::PlanChangeRule {
            from: Some(slug.into()),
            to: None,
            timing: crate::policy::ChangeTiming::Refused,
        };
        let policy = |slug| Policy { plan_changes: vec![rule(slug)], ..Policy::default() };
        given_account().when(adopt(policy("pro"))).recorded(&["book.policy_adopted"]);
        given_account().when(adopt(policy("prp"))).rejected("plan_unknown");
    }

    #[test]
    fn an_invoice_keeps_the_ladder_that_it_was_issued_with() {
        let given = given_subscribed("pro").at("2026-06-01T00:00:00Z").and(settle_due());
        let given = given.and(adopt(Policy { dunning: Vec::new(), ..Policy::default() }));
        let then = given.at("2026-06-08T00:00:00Z").when(settle_due());
        then.recorded(&["subscription.fell_past_due"]);
    }
}
