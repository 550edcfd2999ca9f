//! Move one subscriber to its plan's current limits. The price is not touched, and limits of the
//! subscription's own stay unless forced.

use crate::{
    draft::Draft,
    envelope::StreamId,
    event::LimitsReapplied,
    ids::{AccountId, PlanId, ReapplicationId},
    rejection::Rejection,
};

/// Move one subscriber to the plan's current limits.
#[derive(Debug, Clone)]
pub struct ReapplyLimitsTo {
    /// Which account.
    pub account_id: AccountId,
    /// The reapplication that this is a step of.
    pub reapplication_id: ReapplicationId,
    /// Which plan.
    pub plan_id: PlanId,
    /// Whether limits of the subscription's own are overwritten.
    pub force: bool,
}

impl ReapplyLimitsTo {
    pub(super) fn decide(&self, draft: &mut Draft) -> Result<(), Rejection> {
        let account = draft.account(self.account_id)?;
        let subscription = account.live().ok_or(Rejection::NoSubscription)?;
        if subscription.plan.plan_id != self.plan_id {
            return Err(Rejection::NothingToChange);
        }
        if subscription.limits_customised && !self.force {
            return Err(Rejection::LimitsCustomised);
        }
        let plan = draft.world().catalogue.get(self.plan_id);
        let plan = plan.ok_or(Rejection::PlanUnknown { plan: self.plan_id.to_string() })?.clone();
        let limits = plan.terms.limits.clone();
        if limits == subscription.plan.limits && !subscription.limits_customised {
            return Err(Rejection::NothingToChange);
        }
        let reapplied = LimitsReapplied {
            subscription_id: subscription.id,
            reapplication_id: self.reapplication_id,
            revision: plan.revision,
            limits,
            forced: subscription.limits_customised,
        };
        draft.record(StreamId::Account(account.id), reapplied)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{commands::CustomiseLimits, ids::Id, testing::*};

    fn reapply_to(given: &Given, force: bool) -> ReapplyLimitsTo {
        let plan_id = given.world().catalogue.find("pro").unwrap().id;
        let reapplication_id = ReapplicationId::from_uuid(uuid::Uuid::from_u128(7));
        ReapplyLimitsTo { account_id: account_id(), reapplication_id, plan_id, force }
    }

    fn revised() -> Given {
        let mut revision = revise("pro", "99");
        revision.terms.limits.insert("max_servers".into(), Some(30));
        given_subscribed("pro").and(revision)
    }

    #[test]
    fn a_subscriber_gets_the_new_limits_at_the_old_price() {
        let given = revised();
        let command = reapply_to(&given, false);
        let given = given.and(command.clone());
        let held = given.account().live().unwrap().plan.clone();
        assert_eq!((held.limits["max_servers"], held.price), (Some(30), usd("15")));
        given.when(command).rejected("nothing_to_change");
    }

    #[test]
    fn limits_of_its_own_stay_unless_forced() {
        let limits = [("max_servers".to_owned(), Some(99))].into();
        let own = CustomiseLimits { account_id: account_id(), limits };
        let given = revised().and(own);
        given.clone().when(reapply_to(&given, false)).rejected("limits_customised");
        let given = given.clone().and(reapply_to(&given, true));
        assert_eq!(given.account().live().unwrap().plan.limits["max_servers"], Some(30));
    }
}
