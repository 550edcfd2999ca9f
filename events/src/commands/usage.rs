//! Usage: the panel counts what is used of a limit, sets room aside before it makes something, and
//! gives it back where nothing came of it.

use crate::{
    account::{Account, Subscription},
    catalogue::Plan,
    draft::Draft,
    envelope::StreamId,
    event::{UsageReleased, UsageReported, UsageReserved},
    ids::{AccountId, ReservationId},
    rejection::Rejection,
};

/// The most that a limit counts to.
const MOST: u64 = 1_000_000_000_000;
/// How many limits an account counts at most.
const LIMITS: usize = 100;

/// Report what is used of a limit. A count is a fact: it is recorded even over the limit.
#[derive(Debug, Clone)]
pub struct ReportUsage {
    /// Which account.
    pub account_id: AccountId,
    /// The limit's name.
    pub limit: String,
    /// How much is used, all in all.
    pub used: u64,
    /// The reservation that the count includes, which is thereby over.
    pub settles: Option<ReservationId>,
}

impl ReportUsage {
    pub(super) fn decide(&self, draft: &mut Draft) -> Result<(), Rejection> {
        let account = draft.account(self.account_id)?;
        check(&account, &self.limit, self.used)?;
        if let Some(id) = self.settles {
            reserved_under(&account, id, &self.limit)?;
        }
        let (limit, used, settles) = (self.limit.clone(), self.used, self.settles);
        draft.record(StreamId::Account(account.id), UsageReported { limit, used, settles })
    }
}

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
        check(&account, &self.limit, self.quantity)?;
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

/// Give back room that was set aside.
#[derive(Debug, Clone)]
pub struct ReleaseUsage {
    /// Which account.
    pub account_id: AccountId,
    /// Which reservation.
    pub reservation_id: ReservationId,
}

impl ReleaseUsage {
    pub(super) fn decide(&self, draft: &mut Draft) -> Result<(), Rejection> {
        let account = draft.account(self.account_id)?;
        let reservation_id = self.reservation_id;
        let unknown = Rejection::ReservationUnknown { reservation: reservation_id };
        account.usage.reservation(reservation_id).ok_or(unknown)?;
        draft.record(StreamId::Account(account.id), UsageReleased { reservation_id })
    }
}

fn check(account: &Account, limit: &str, quantity: u64) -> Result<(), Rejection> {
    let named = (1..=60).contains(&limit.len())
        && limit.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    let counted = account.usage.all();
    let is_new = !counted.iter().any(|(name, _)| name == limit);
    let problem = match () {
        () if !named => "a limit's name is up to 60 letters, digits and `_`",
        () if quantity > MOST => "a quantity is at most 10^12",
        () if is_new && counted.len() >= LIMITS => "an account counts at most 100 limits",
        () => return Ok(()),
    };
    Err(Rejection::UsageInvalid { problem: problem.to_owned() })
}

fn reserved_under(account: &Account, id: ReservationId, limit: &str) -> Result<(), Rejection> {
    match account.usage.reservation(id) {
        Some((of, _)) if of == limit => Ok(()),
        Some(_) | None => Err(Rejection::ReservationUnknown { reservation: id }),
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

    fn reserve(quantity: u64) -> ReserveUsage {
        ReserveUsage { account_id: account_id(), limit: "max_servers".into(), quantity }
    }

    fn reservation(given: &Given) -> ReservationId {
        use crate::event::{AccountEvent, Event, UsageEvent};
        given.last(|event| match event {
            Event::Account(AccountEvent::Usage(UsageEvent::UsageReserved(reserved))) => {
                Some(reserved.reservation_id)
            }
            _other => None,
        })
    }

    #[test]
    fn what_is_set_aside_counts_until_it_is_counted_or_given_back() {
        let given = given_subscribed("starter").and(report("max_servers", 3)).and(reserve(2));
        given.clone().when(reserve(1)).rejected("plan_limit_exceeded");
        let id = reservation(&given);
        let counted = ReportUsage { settles: Some(id), ..report("max_servers", 4) };
        given.clone().and(counted).when(reserve(1)).recorded(&["usage.reserved"]);
        let give_back = ReleaseUsage { account_id: account_id(), reservation_id: id };
        let given = given.and(give_back.clone());
        given.clone().when(reserve(2)).recorded(&["usage.reserved"]);
        given.when(give_back).rejected("reservation_unknown");
    }

    #[test]
    fn over_a_limit_the_cheapest_plan_that_suffices_is_named() {
        let then = given_subscribed("starter").and(report("max_servers", 5)).when(reserve(1));
        let Err(Rejection::PlanLimitExceeded { upgrade, .. }) = then.outcome() else { panic!() };
        assert_eq!(upgrade.as_deref(), Some("pro"));
    }

    #[test]
    fn a_count_over_the_limit_is_a_fact() {
        let given = given_subscribed("starter");
        given.when(report("max_servers", 50)).recorded(&["usage.reported"]);
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        let given = given_subscribed("starter");
        given.clone().when(report("max servers", 1)).rejected("usage_invalid");
        given.clone().when(report("max_servers", u64::MAX)).rejected("usage_invalid");
        given.clone().when(reserve(0)).rejected("amount_not_positive");
        let unknown = ReserveUsage { limit: "moons".into(), ..reserve(1) };
        given.when(unknown).rejected("limit_unknown");
        given_account().when(reserve(1)).rejected("no_subscription");
    }
}
