//! Set room aside under a limit, before the panel makes something that needs it.

use super::counting;
use crate::{
    account::{Account, Subscription},
    catalogue::Plan,
    draft::Draft,
    envelope::StreamId,
    event::UsageReserved,
    ids::AccountId,
    rejection::Rejection,
};

/// Set room aside under a limit of the subscription.
#[derive(Debug, Clone)]
pub struct ReserveUsage {
    /// Which account.
    pub account_id: AccountId,
    /// The limit's name.
    pub limit: String,
    /// How much.
    pub quantity: u64,
}

impl ReserveUsage {
    pub(super) fn decide(&self, draft: &mut Draft) -> Result<(), Rejection> {
        let account = draft.account(self.account_id)?;
        counting::check(&account, &self.limit, self.quantity)?;
        if self.quantity == 0 {
            return Err(Rejection::AmountNotPositive);
        }
        let subscription = account.live().ok_or(Rejection::NoSubscription)?;
        let limits = &subscription.plan.limits;
        let unknown = || Rejection::LimitUnknown { limit: self.limit.clone() };
        let allowed = *limits.get(&self.limit).ok_or_else(unknown)?;
        let used_before = account.usage.of(&self.limit);
        let wanted = used_before.saturating_add(self.quantity);
        if let Some(allowed) = allowed
            && wanted > allowed
        {
            return Err(Rejection::PlanLimitExceeded {
                limit: self.limit.clone(),
                allowed,
                plan: subscription.plan.name.clone(),
                upgrade: upgrade(draft, &account, subscription, &self.limit, wanted),
            });
        }
        let (limit, quantity) = (self.limit.clone(), self.quantity);
        let reservation_id = draft.mint();
        let reserved = UsageReserved { reservation_id, limit, quantity, used_before, allowed };
        draft.record(StreamId::Account(account.id), reserved)
    }
}

/// The cheapest listed plan whose limit suffices.
fn upgrade(
    draft: &Draft,
    account: &Account,
    subscription: &Subscription,
    limit: &str,
    wanted: u64,
) -> Option<String> {
    let suffices = |plan: &Plan| match plan.terms.limits.get(limit) {
        Some(Some(allowed)) => *allowed >= wanted,
        Some(None) => true,
        None => false,
    };
    let price = |plan: &Plan| {
        let price = plan.terms.price(subscription.plan.cycle, account.currency)?;
        let listed = !plan.retired && !plan.terms.hidden;
        (listed && suffices(plan)).then_some((price.minor(), plan.slug.clone()))
    };
    let plans = draft.world().catalogue.iter();
    plans.filter_map(|plan| price(plan)).min().map(|(_, slug)| slug)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::*;

    #[test]
    fn over_a_limit_the_cheapest_plan_that_suffices_is_named() {
        let then = given_subscribed("starter").and(report("max_servers", 5)).when(reserve(1));
        let Err(Rejection::PlanLimitExceeded { upgrade, .. }) = then.outcome() else { panic!() };
        assert_eq!(upgrade.as_deref(), Some("pro"));
    }

    #[test]
    fn room_that_cannot_be_is_refused() {
        let given = given_subscribed("starter");
        given.clone().when(reserve(0)).rejected("amount_not_positive");
        let unknown = ReserveUsage { limit: "moons".into(), ..reserve(1) };
        given.when(unknown).rejected("limit_unknown");
        given_account().when(reserve(1)).rejected("no_subscription");
    }
}
