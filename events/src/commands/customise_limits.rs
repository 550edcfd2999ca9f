//! Give the subscription limits of its own, in place of its plan's.

use super::publish_plan::check_limits;
use crate::{
    draft::Draft,
    envelope::StreamId,
    event::{Limits, LimitsCustomised},
    ids::AccountId,
    rejection::Rejection,
};

/// Give the subscription limits of its own.
#[derive(Debug, Clone)]
pub struct CustomiseLimits {
    /// Which account.
    pub account_id: AccountId,
    /// The limits that change; the others stay as they are.
    pub limits: Limits,
}

impl CustomiseLimits {
    pub(super) fn decide(&self, draft: &mut Draft) -> Result<(), Rejection> {
        let account = draft.account(self.account_id)?;
        let subscription = account.live().ok_or(Rejection::NoSubscription)?;
        let mut limits = subscription.plan.limits.clone();
        limits.extend(self.limits.clone());
        check_limits(&limits).map_err(|problem| Rejection::LimitsInvalid { problem })?;
        if limits == subscription.plan.limits {
            return Err(Rejection::NothingToChange);
        }
        let subscription_id = subscription.id;
        draft.record(StreamId::Account(account.id), LimitsCustomised { subscription_id, limits })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::*;

    fn servers(most: u64) -> CustomiseLimits {
        let limits = [("max_servers".to_owned(), Some(most))].into();
        CustomiseLimits { account_id: account_id(), limits }
    }

    #[test]
    fn limits_differ_from_the_plans_until_the_plan_changes() {
        let given = given_subscribed("pro").and(servers(99));
        let limits = |given: &Given| given.account().subscription.unwrap().plan.limits.clone();
        assert_eq!(limits(&given)["max_servers"], Some(99));
        assert_eq!(limits(&given.and(change_plan("starter")))["max_servers"], Some(5));
    }

    #[test]
    fn limits_of_its_own_outlive_the_free_days() {
        let given = given_account().and(with_trial("pro", 14)).and(order_of("pro"));
        let given = given.and(servers(99)).at("2026-05-15T00:00:00Z").and(settle_due());
        let subscription = given.account().subscription.unwrap();
        assert_eq!(subscription.plan.limits["max_servers"], Some(99));
        assert!(subscription.limits_customised);
    }

    #[test]
    fn limits_that_make_no_sense_or_no_difference_are_refused() {
        given_subscribed("pro").when(servers(u64::MAX)).rejected("limits_invalid");
        given_subscribed("pro").when(servers(15)).rejected("nothing_to_change");
        given_account().when(servers(9)).rejected("no_subscription");
    }
}
