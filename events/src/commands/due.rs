//! What falls due: periods that end.
//!
//! At the end of a period a cancelled subscription ends; one whose invoice for that very period is
//! still unpaid ends too; any other renews, and the next period is billed at the price that the
//! subscription holds. Each fact counts from the boundary, whenever it is recorded.

use crate::{
    account::{Account, Status, Subscription},
    commands::billing,
    draft::Draft,
    envelope::StreamId,
    event::{EndReason, SubscriptionEnded, SubscriptionRenewed},
    ids::AccountId,
    rejection::Rejection,
};

/// Record what has fallen due on an account, and nothing else.
#[derive(Debug, Clone)]
pub struct SettleDue {
    /// Which account.
    pub account_id: AccountId,
}

impl SettleDue {
    pub(super) fn decide(&self, draft: &mut Draft) -> Result<(), Rejection> {
        draft.account(self.account_id)?;
        if draft.is_empty() { Err(Rejection::NothingDue) } else { Ok(()) }
    }
}

/// Records everything that has fallen due on an account.
pub(super) fn settle(draft: &mut Draft, id: AccountId) -> Result<(), Rejection> {
    loop {
        let account = draft.account(id)?;
        match account.live() {
            Some(subscription) if subscription.period.end <= draft.now() => {
                settle_period(draft, &account, subscription)?;
            }
            Some(_) | None => return Ok(()),
        }
    }
}

fn settle_period(
    draft: &mut Draft,
    account: &Account,
    subscription: &Subscription,
) -> Result<(), Rejection> {
    let unpaid = account.invoices.of(subscription.id).any(|invoice| {
        invoice.is_open()
            && invoice.lines.iter().any(|line| line.billed.span.end <= subscription.period.end)
    });
    match subscription.status {
        Status::Cancelling => end(draft, account, subscription, EndReason::Cancelled),
        Status::Active if unpaid => end(draft, account, subscription, EndReason::Unpaid),
        Status::Active => renew(draft, account, subscription),
        Status::Ended(_) => Ok(()),
    }
}

fn end(
    draft: &mut Draft,
    account: &Account,
    subscription: &Subscription,
    reason: EndReason,
) -> Result<(), Rejection> {
    let at = subscription.period.end;
    let ended = SubscriptionEnded { subscription_id: subscription.id, reason, at };
    draft.record_as_of(StreamId::Account(account.id), at, ended)
}

fn renew(
    draft: &mut Draft,
    account: &Account,
    subscription: &Subscription,
) -> Result<(), Rejection> {
    let at = subscription.period.end;
    let period_index = subscription.period_index + 1;
    let period = subscription.anchor.period(period_index);
    let renewed = SubscriptionRenewed { subscription_id: subscription.id, period_index, period };
    draft.record_as_of(StreamId::Account(account.id), at, renewed)?;
    if subscription.plan.price.is_zero() {
        return Ok(());
    }
    let line = billing::plan_line(&subscription.plan, period, None);
    let invoice = billing::issue(draft, account, subscription, None, vec![line], at)?;
    billing::settle(draft, account.id, invoice, None, at)
}

#[cfg(test)]
mod tests {
    use crate::{event::AccountEvent as E, testing::*};

    #[test]
    fn a_period_that_ends_renews_at_the_boundary_and_bills_the_next_one() {
        let then = given_subscribed("pro").at("2026-06-03T12:00:00Z").when(settle_due());
        then.recorded(&["subscription.renewed", "invoice.issued", "order.placed"]);
        let renewed = then.first(|event| {
            if let E::SubscriptionRenewed(renewed) = event { Some(renewed.clone()) } else { None }
        });
        assert_eq!(renewed.period.start.to_string(), "2026-06-01T00:00:00.000000Z");
        assert_eq!(then.events()[0].effective_at, renewed.period.start);
        assert_eq!(then.events()[1].posting_on.to_string(), "2026-06-01");
    }

    #[test]
    fn a_subscription_whose_invoice_stays_unpaid_for_its_whole_period_ends() {
        let then = given_subscribed("pro").at("2026-09-01T00:00:00Z").when(settle_due());
        then.recorded(&[
            "subscription.renewed",
            "invoice.issued",
            "order.placed",
            "subscription.ended",
        ]);
    }

    #[test]
    fn credit_pays_a_renewal_before_anybody_is_asked() {
        let given = given_subscribed("pro")
            .and(change_plan("enterprise_lite"))
            .and_paid()
            .and(change_plan("starter"));
        let then = given.at("2026-06-01T00:00:00Z").when(settle_due());
        then.recorded(&[
            "subscription.renewed",
            "invoice.issued",
            "credit.applied",
            "invoice.paid",
        ]);
    }

    #[test]
    fn before_the_period_ends_nothing_is_due() {
        given_subscribed("pro")
            .at("2026-05-31T23:59:59Z")
            .when(settle_due())
            .rejected("nothing_due");
    }

    #[test]
    fn a_cancelled_subscription_ends_with_its_period() {
        given_subscribed("pro")
            .and(cancel(true))
            .at("2026-06-01T00:00:00Z")
            .when(settle_due())
            .recorded(&["subscription.ended"]);
    }
}
