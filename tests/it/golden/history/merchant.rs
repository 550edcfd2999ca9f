//! A seller whose customers buy of a merchant of record, which runs their subscriptions.

use super::*;

const JO: u128 = 10;
const KIM: u128 = 11;

/// Jo's subscription lives at the merchant; Kim's is linked late.
pub(super) fn sold_by_merchant() -> Told {
    let mut told = opened(hosting_in_london(), "Europe/London");
    told.ask(rules(Elsewhere::Refused, vec![rate("GB", "VAT", "20", false)]));
    told.open(id(JO), Currency::USD, "UTC", customer("Jo", "GB"));
    told.open(id(KIM), Currency::USD, "UTC", customer("Kim", "US"));
    let order = order_at_merchant(&mut told, JO);
    told.ask(link(&told, JO, "2301"));
    told.ask(word(JO, "active", "pro", "2026-05-01T00:00:02Z"));
    told.confirm(id(JO), &order);
    asked_for_another_plan(&mut told);
    late_and_renewed(&mut told);
    ends(&mut told);
    let order = order_at_merchant(&mut told, KIM);
    told.confirm(id(KIM), &order);
    told.ask(link(&told, KIM, "2302"));
    told
}

fn order_at_merchant(told: &mut Told, n: u128) -> String {
    let account_id = id(n);
    told.ask(PlaceOrder {
        account_id,
        merchant_of_record: Some(testing::MERCHANT.into()),
        ..testing::order_of("pro")
    });
    told.payments += 1;
    let order = format!("order_GOLDEN{:014}", told.payments);
    told.ask(StartCheckout {
        account_id,
        processor_order_id: order.clone(),
        ..told.given.merchant_checkout()
    });
    order
}

fn link(told: &Told, n: u128, subscription: &str) -> LinkSubscription {
    LinkSubscription {
        account_id: id(n),
        processor_subscription_id: subscription.into(),
        ..testing::link(told.given.newest_order())
    }
}

fn word(n: u128, status: &str, plan: &str, updated_at: &str) -> FollowProcessor {
    FollowProcessor {
        account_id: id(n),
        processor_subscription_id: if n == JO { "2301" } else { "2302" }.into(),
        plan: Some((plan.into(), daybook_events::period::Cycle::Monthly)),
        ..testing::word(status, updated_at)
    }
}

/// The merchant refuses one plan, and takes another.
fn asked_for_another_plan(told: &mut Told) {
    told.at("2026-05-10T12:00:00Z");
    told.change(id(JO), "starter");
    let outcome = PlanChangeOutcome::Refused("PayPal subscriptions are changed by hand".into());
    told.ask(SettlePlanChange { account_id: id(JO), outcome });
    told.change(id(JO), "business");
    told.ask(word(JO, "active", "business", "2026-05-10T12:00:05Z"));
    charge(told, "5101", "7.20", ChargeReason::Updated, "2026-05-10T12:00:05Z");
}

fn charge(told: &mut Told, payment: &str, total: &str, reason: ChargeReason, at: &str) {
    told.ask(RenewByProcessor {
        account_id: id(JO),
        processor_subscription_id: "2301".into(),
        processor_payment_id: payment.into(),
        total: usd(total),
        tax: usd("1.20"),
        reason,
        at: Some(at.parse().unwrap()),
    });
}

/// The renewal is paid after the merchant had stopped the subscription.
fn late_and_renewed(told: &mut Told) {
    told.at("2026-06-16T00:00:00Z");
    told.ask(word(JO, "past_due", "business", "2026-06-01T00:00:30Z"));
    told.ask(word(JO, "unpaid", "business", "2026-06-15T00:00:00Z"));
    told.ask(word(JO, "active", "business", "2026-06-15T18:00:00Z"));
    charge(told, "5102", "49.20", ChargeReason::Renewal, "2026-06-01T00:00:00Z");
}

/// Jo cancels, goes on, and is let expire.
fn ends(told: &mut Told) {
    let end = Some("2026-07-01T00:00:00Z".parse().unwrap());
    told.ask(CancelSubscription { account_id: id(JO), at_period_end: true });
    let cancelled = word(JO, "cancelled", "business", "2026-06-16T00:00:01Z");
    told.ask(FollowProcessor { ends_at: end, ..cancelled });
    told.ask(ResumeSubscription { account_id: id(JO) });
    told.ask(word(JO, "active", "business", "2026-06-16T00:00:02Z"));
    told.at("2026-07-16T00:00:00Z");
    let expired = word(JO, "expired", "business", "2026-07-15T00:00:00Z");
    told.ask(FollowProcessor { ends_at: Some("2026-07-15T00:00:00Z".parse().unwrap()), ..expired });
}
