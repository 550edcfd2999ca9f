//! What falls due: orders that nobody paid, invoices that stay unpaid, periods that end.
//!
//! In the order in which it falls due: an abandoned order expires; a step of the dunning ladder is
//! taken; at the end of a period a cancelled subscription ends, a suspended one ends unpaid, a
//! trial becomes a paid period, and any other subscription renews, after the plan change that was
//! scheduled, where one was. Each fact counts from the instant at which it fell due, whenever it is
//! recorded.

use super::{
    beginning::{Beginning, begin},
    billing::{self, Creditable, Crediting, Issue, Item},
    change_plan,
    redemption::release_coupon,
};
use crate::{
    account::{Account, Due, Status, Subscription},
    coupon::HeldDiscount,
    draft::Draft,
    envelope::StreamId,
    event::{
        CreditReason, EndReason, FellPastDue, OrderExpired, SubscriptionEnded, SubscriptionRenewed,
        SubscriptionSuspended,
    },
    ids::{AccountId, InvoiceId, OrderId},
    period::Span,
    policy::DunningAction,
    rejection::Rejection,
    time::Timestamp,
};

/// Record what has fallen due on an account, and nothing else.
#[derive(Debug, Clone)]
pub struct SettleDue {
    /// Which account.
    pub account_id: AccountId,
    /// Up to when; `None` is now.
    pub until: Option<Timestamp>,
}

impl SettleDue {
    pub(super) fn decide(&self, draft: &mut Draft) -> Result<(), Rejection> {
        draft.account(self.account_id)?;
        if draft.is_empty() { Err(Rejection::NothingDue) } else { Ok(()) }
    }
}

/// Records everything that has fallen due on an account up to an instant, oldest first.
pub(super) fn settle(
    draft: &mut Draft,
    id: AccountId,
    until: Option<Timestamp>,
) -> Result<(), Rejection> {
    let until = until.map_or(draft.now(), |until| until.min(draft.now()));
    loop {
        let account = draft.account(id)?;
        match (account.next_due(), account.live()) {
            (Some((at, Due::Order(order))), _) if at <= until => {
                expire(draft, &account, order, at)?
            }
            (Some((at, Due::Dunning(invoice, action))), Some(subscription)) if at <= until => {
                dun(draft, &account, subscription, invoice, action, at)?;
            }
            (Some((at, Due::PeriodEnd)), Some(subscription)) if at <= until => {
                end_period(draft, &account, subscription)?;
            }
            (Some(_) | None, _) => return Ok(()),
        }
    }
}

/// Nobody paid an order: the redemption of its coupon is free again.
fn expire(
    draft: &mut Draft,
    account: &Account,
    order_id: OrderId,
    at: Timestamp,
) -> Result<(), Rejection> {
    draft.record_as_of(StreamId::Account(account.id), at, OrderExpired { order_id })?;
    release_coupon(draft, account, order_id)
}

/// Takes one step of the dunning ladder.
fn dun(
    draft: &mut Draft,
    account: &Account,
    subscription: &Subscription,
    invoice_id: InvoiceId,
    action: DunningAction,
    at: Timestamp,
) -> Result<(), Rejection> {
    let stream = StreamId::Account(account.id);
    let subscription_id = subscription.id;
    let invoice_number = account.invoices.get(invoice_id).map(|invoice| invoice.number.clone());
    let invoice_id = Some(invoice_id);
    match action {
        DunningAction::PastDue => {
            let event = FellPastDue { subscription_id, invoice_id, invoice_number };
            draft.record_as_of(stream, at, event)
        }
        DunningAction::Suspend => {
            let event = SubscriptionSuspended { subscription_id, invoice_id, invoice_number };
            draft.record_as_of(stream, at, event)
        }
        DunningAction::End => {
            end(draft, account, subscription, EndReason::Unpaid, at)?;
            forgo_the_rest(draft, account, subscription, at)
        }
    }
}

/// What was billed for the time after an unpaid end is not owed.
fn forgo_the_rest(
    draft: &mut Draft,
    account: &Account,
    subscription: &Subscription,
    at: Timestamp,
) -> Result<(), Rejection> {
    let unit = draft.world().book.policy.proration;
    let rest = Creditable::Rest { at: at.whole_second(), unit };
    for invoice in account.invoices.open_of(subscription.id) {
        if let Some(credit) = billing::credit_of(account, invoice, rest)? {
            let crediting = Crediting::new(credit, CreditReason::Ended, at);
            billing::issue_credit_note(draft, account, crediting)?;
        }
    }
    Ok(())
}

fn end_period(
    draft: &mut Draft,
    account: &Account,
    subscription: &Subscription,
) -> Result<(), Rejection> {
    let at = subscription.ends_at();
    match subscription.status {
        Status::Ended(_) => Ok(()),
        // What a processor runs has nothing on our calendar but its end.
        Status::Active | Status::PastDue | Status::Suspended
            if subscription.processor().is_some() =>
        {
            end(draft, account, subscription, EndReason::Cancelled, at)
        }
        Status::Trialing | Status::Active | Status::PastDue if subscription.cancelling => {
            end(draft, account, subscription, EndReason::Cancelled, at)
        }
        Status::Suspended => end(draft, account, subscription, EndReason::Unpaid, at),
        Status::Trialing => end_trial(draft, account, subscription, at),
        Status::Active | Status::PastDue => renew(draft, account, subscription, at),
    }
}

fn end(
    draft: &mut Draft,
    account: &Account,
    subscription: &Subscription,
    reason: EndReason,
    at: Timestamp,
) -> Result<(), Rejection> {
    let subscription_id = subscription.id;
    let service_over = account.invoices.beyond(subscription_id, at);
    let ended = SubscriptionEnded { subscription_id, reason, at, service_over };
    draft.record_as_of(StreamId::Account(account.id), at, ended)
}

fn end_trial(
    draft: &mut Draft,
    account: &Account,
    subscription: &Subscription,
    at: Timestamp,
) -> Result<(), Rejection> {
    change_plan::as_scheduled(draft, account.id, subscription)?;
    let account = draft.account(account.id)?;
    let subscription = account.live().ok_or(Rejection::NoSubscription)?;
    let beginning = Beginning {
        subscription_id: subscription.id,
        order_id: subscription.order_id,
        plan: subscription.plan.clone(),
        discount: subscription.discount.clone(),
        tax: billing::tax_of(draft, &account, subscription)?,
        at,
    };
    begin(draft, account.id, beginning, None)
}

fn renew(
    draft: &mut Draft,
    account: &Account,
    subscription: &Subscription,
    at: Timestamp,
) -> Result<(), Rejection> {
    change_plan::as_scheduled(draft, account.id, subscription)?;
    let account = draft.account(account.id)?;
    let subscription = account.live().ok_or(Rejection::NoSubscription)?;
    let plan = &subscription.plan;
    let (period_index, period) = next_period(subscription, at);
    let (applied, discount) =
        HeldDiscount::use_up(subscription.discount.clone(), plan.plan_id, plan.price)?;
    let subscription_id = subscription.id;
    let renewed = SubscriptionRenewed { subscription_id, period_index, period, discount };
    draft.record_as_of(StreamId::Account(account.id), at, renewed)?;
    if plan.price.is_zero() {
        return Ok(());
    }
    let tax = billing::tax_of(draft, &account, subscription)?;
    let by_processor = None;
    let item = Item { plan, span: period, proration: None, discount: applied, by_processor };
    let items = vec![item];
    let issue = Issue { subscription_id, order_id: None, items, tax, at };
    billing::bill(draft, &account, issue, None)
}

/// The period that begins at a boundary: a scheduled plan change may already have moved to it.
fn next_period(subscription: &Subscription, at: Timestamp) -> (u32, Span) {
    if subscription.period.start == at {
        return (subscription.period_index, subscription.period);
    }
    let next = subscription.period_index + 1;
    (next, subscription.anchor.period(next))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        event::{AccountEvent, SubscriptionEvent as E},
        policy::{DunningStep, Policy},
        testing::*,
    };

    #[test]
    fn a_period_that_ends_renews_at_the_boundary_and_bills_the_next_one() {
        let then = given_subscribed("pro").at("2026-06-03T12:00:00Z").when(settle_due());
        then.recorded(&["subscription.renewed", "invoice.issued", "order.placed"]);
        let renewed = then.first(|event| {
            if let AccountEvent::Subscription(E::SubscriptionRenewed(renewed)) = event {
                Some(renewed.clone())
            } else {
                None
            }
        });
        assert_eq!(renewed.period.start.to_string(), "2026-06-01T00:00:00.000000Z");
        assert_eq!(then.events()[0].effective_at, renewed.period.start);
        assert_eq!(then.events()[1].posting_on.to_string(), "2026-06-01");
    }

    #[test]
    fn an_unpaid_invoice_goes_down_the_ladder_and_the_unserved_rest_is_not_owed() {
        let given = given_subscribed("pro");
        let then = given.clone().at("2026-09-01T00:00:00Z").when(settle_due());
        then.recorded(&[
            "subscription.renewed",
            "invoice.issued",
            "order.placed",
            "subscription.fell_past_due",
            "subscription.suspended",
            "subscription.ended",
            "credit_note.issued",
            "order.cancelled",
            "order.placed",
        ]);
        let at = |n: usize| then.events()[n].effective_at.to_string();
        assert_eq!(at(3), "2026-06-08T00:00:00.000000Z");
        assert_eq!(at(4), "2026-06-15T00:00:00.000000Z");
        assert_eq!(at(5), "2026-06-22T00:00:00.000000Z");
        // Nine of thirty days were not served.
        assert_eq!(then.credit_note_total(), "4.50 USD");
    }

    #[test]
    fn paying_takes_the_subscription_back_up_the_ladder() {
        let suspended = given_subscribed("pro").at("2026-06-16T00:00:00Z").and(settle_due());
        assert_eq!(suspended.account().live().unwrap().status, Status::Suspended);
        let then = suspended.clone().when_paid();
        then.recorded(&["payment.captured", "invoice.paid", "subscription.recovered"]);
        assert_eq!(then.account().live().unwrap().status, Status::Active);
    }

    #[test]
    fn a_suspended_subscription_is_not_billed_for_another_period() {
        let given = given_subscribed("pro").and(adopt(Policy {
            dunning: vec![
                DunningStep { after_days: 3, action: DunningAction::PastDue },
                DunningStep { after_days: 9, action: DunningAction::Suspend },
            ],
            ..Policy::default()
        }));
        let then = given.at("2026-09-01T00:00:00Z").when(settle_due());
        then.recorded(&[
            "subscription.renewed",
            "invoice.issued",
            "order.placed",
            "subscription.fell_past_due",
            "subscription.suspended",
            "subscription.ended",
        ]);
    }

    #[test]
    fn an_abandoned_order_expires_and_its_coupon_is_free_again() {
        let given = given_account().and(offer("SAVE10", "10")).and(order_with("SAVE10"));
        let code = "SAVE10".parse().unwrap();
        let redemptions = |given: &Given| given.world().coupons.get(code).unwrap().redemptions;
        assert_eq!(redemptions(&given), 1);
        let given = given.at("2026-05-08T00:00:00Z").and(settle_due());
        assert_eq!(redemptions(&given), 0);
        assert_eq!(given.events()[given.events().len() - 2].event.type_name(), "order.expired");
    }

    #[test]
    fn what_is_due_up_to_an_instant_is_all_that_is_recorded() {
        let until = Some("2026-06-09T00:00:00Z".parse().unwrap());
        let command = SettleDue { until, ..settle_due() };
        let then = given_subscribed("pro").at("2026-09-01T00:00:00Z").when(command);
        let last = then.events().last().unwrap().event.type_name();
        assert_eq!(last, "subscription.fell_past_due");
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
