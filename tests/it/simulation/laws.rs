//! Laws beyond money: what falls due is recorded when it does, coupons stay within their bounds,
//! refunds within their payments, and subscribers keep the price that they bought at.

use std::collections::{HashMap, HashSet};

use daybook_events::{
    Event, Money, Recorded,
    coupon::{CouponCode, CouponTerms},
    event::{
        AccountEvent as A, CouponEvent, CreditReason, InvoiceEvent, InvoiceIssued, PaymentEvent,
        ProfileEvent, SubscriptionEvent as S,
    },
    ids::{AccountId, OrderId, PaymentId, SubscriptionId},
};

pub(super) fn each_holds(log: &[Recorded]) {
    everything_is_recorded_when_it_falls_due(log);
    coupons_stay_within_their_bounds(log);
    refunds_stay_within_their_payments(log);
    subscribers_keep_their_price(log);
}

/// Only an account that was parked has its history written later than it happened.
fn everything_is_recorded_when_it_falls_due(log: &[Recorded]) {
    let was_parked =
        |event: &Event| matches!(event, Event::Account(A::Profile(ProfileEvent::AccountParked(_))));
    let parked: HashSet<_> =
        log.iter().filter(|it| was_parked(&it.event)).filter_map(Recorded::account).collect();
    for recorded in log {
        let late = recorded.recorded_at.micros() - recorded.effective_at.micros();
        let excused = recorded.account().is_some_and(|id| parked.contains(&id));
        assert!(excused || late < 1_000_000, "{late} µs late: {recorded:?}");
    }
}

fn coupons_stay_within_their_bounds(log: &[Recorded]) {
    let mut terms = HashMap::<CouponCode, CouponTerms>::new();
    let mut held = HashMap::<CouponCode, HashMap<OrderId, AccountId>>::new();
    let mut exhausted = 0;
    for recorded in log {
        let Event::Coupon(event) = &recorded.event else { continue };
        match event {
            CouponEvent::CouponOffered(it) => drop(terms.insert(it.code, it.terms.clone())),
            CouponEvent::CouponRedeemed(it) => {
                let orders = held.entry(it.code).or_default();
                let twice = orders.insert(it.order_id, it.account_id);
                assert_eq!(twice, None, "{recorded:?}");
                let terms = &terms[&it.code];
                let of_account = orders.values().filter(|id| **id == it.account_id).count();
                let within = |count: usize, most: Option<u32>| {
                    most.is_none_or(|most| count <= most as usize)
                };
                assert!(within(orders.len(), terms.max_redemptions), "{recorded:?}");
                assert!(within(of_account, terms.max_per_account), "{recorded:?}");
                exhausted += usize::from(!within(orders.len() + 1, terms.max_redemptions));
            }
            CouponEvent::CouponReleased(it) => {
                let order = held.entry(it.code).or_default().remove(&it.order_id);
                assert_eq!(order, Some(it.account_id), "{recorded:?}");
            }
            CouponEvent::CouponWithdrawn(_) => {}
        }
    }
    assert!(exhausted > 0, "no coupon ran out");
}

fn refunds_stay_within_their_payments(log: &[Recorded]) {
    let mut left = HashMap::<PaymentId, Money>::new();
    for recorded in log {
        match &recorded.event {
            Event::Account(A::Payment(PaymentEvent::PaymentCaptured(it))) => {
                assert_eq!(left.insert(it.payment_id, it.amount), None, "{recorded:?}");
            }
            Event::Account(A::Payment(PaymentEvent::RefundRequested(it))) => {
                let before = left[&it.payment_id];
                assert_eq!(before, it.refundable_before, "{recorded:?}");
                let after = before.minus(it.amount).unwrap();
                assert!(after.minor() >= 0, "{recorded:?}");
                left.insert(it.payment_id, after);
            }
            _ => {}
        }
    }
}

/// A whole period is billed at the price that was bought, whatever the plan costs by now.
fn subscribers_keep_their_price(log: &[Recorded]) {
    let mut prices = HashMap::<SubscriptionId, (u32, Money)>::new();
    let mut outdated = 0;
    let mut newest = HashMap::new();
    for recorded in log {
        match &recorded.event {
            Event::Plan(daybook_events::event::PlanEvent::PlanRevised(it)) => {
                newest.insert(it.plan_id, it.revision);
            }
            Event::Account(A::Subscription(S::SubscriptionActivated(it))) => {
                prices.insert(it.subscription_id, (it.plan.revision, it.plan.price));
            }
            Event::Account(A::Subscription(S::PlanChanged(it))) => {
                prices.insert(it.subscription_id, (it.to.revision, it.to.price));
            }
            Event::Account(A::Invoice(InvoiceEvent::InvoiceIssued(it))) => {
                let held = prices[&it.subscription_id];
                assert_billed_at(it, held, recorded);
                let line = &it.lines[0];
                outdated += usize::from(newest.get(&line.plan_id).is_some_and(|n| *n > held.0));
            }
            Event::Account(A::Invoice(InvoiceEvent::CreditNoteIssued(it)))
                if it.reason == CreditReason::Refund =>
            {
                assert!(it.explanation.is_some(), "{recorded:?}");
            }
            _ => {}
        }
    }
    assert!(outdated > 0, "nobody held an old price");
}

fn assert_billed_at(issued: &InvoiceIssued, held: (u32, Money), recorded: &Recorded) {
    for line in &issued.lines {
        assert_eq!(line.plan_revision, held.0, "{recorded:?}");
        match &line.proration {
            None => assert_eq!(line.price, held.1, "{recorded:?}"),
            Some(part) => assert_eq!(part.of, held.1, "{recorded:?}"),
        }
    }
}
