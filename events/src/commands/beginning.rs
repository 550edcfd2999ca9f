//! How subscriptions begin: with a paid order, or when their free days are over.

use super::{
    billing::{self, Issue, Item},
    processor_run,
};
use crate::{
    account::Account,
    coupon::HeldDiscount,
    draft::Draft,
    envelope::StreamId,
    event::{
        HeldPlan, OrderPlaced, OrderPurpose, Quote, RunBy, SubscriptionActivated, TrialStarted,
    },
    ids::{AccountId, OrderId, PaymentId, SubscriptionId},
    money::Money,
    period::{Anchor, Span},
    rejection::Rejection,
    tax::Tax,
    time::Timestamp,
};

/// Begins the subscription that an order asked for, as it was quoted, now.
pub(super) fn activate(
    draft: &mut Draft,
    account_id: AccountId,
    order_id: OrderId,
    plan: HeldPlan,
    quote: &Quote,
    payment: Option<(PaymentId, Money)>,
) -> Result<(), Rejection> {
    let beginning = Beginning {
        subscription_id: draft.mint(),
        order_id,
        plan,
        discount: quote.discount.clone(),
        tax: quote.tax.clone(),
        at: draft.now(),
    };
    begin(draft, account_id, beginning, payment)
}

/// Begins a subscription with free days, by an order of its own that asks for nothing.
pub(super) fn begin_free(
    draft: &mut Draft,
    account: &Account,
    plan: HeldPlan,
    quote: Quote,
    period: Span,
) -> Result<SubscriptionId, Rejection> {
    let order_id = draft.mint();
    let placed = OrderPlaced {
        order_id,
        purpose: OrderPurpose::Subscribe { quote },
        plan: plan.clone(),
        amount: Money::zero(account.currency),
        expires_at: None,
    };
    draft.record(StreamId::Account(account.id), placed)?;
    let days = FreeDays { period, discount: None, lent: true };
    start_free(draft, account, order_id, plan, days)
}

/// Days that cost nothing.
pub(super) struct FreeDays {
    pub(super) period: Span,
    /// What later periods have.
    pub(super) discount: Option<HeldDiscount>,
    /// Whether they are lent by hand.
    pub(super) lent: bool,
}

/// Begins the free days of the subscription that an order asked for.
pub(super) fn start_free(
    draft: &mut Draft,
    account: &Account,
    order_id: OrderId,
    plan: HeldPlan,
    days: FreeDays,
) -> Result<SubscriptionId, Rejection> {
    let subscription_id = draft.mint();
    let FreeDays { period, discount, lent } = days;
    let started = TrialStarted { subscription_id, order_id, plan, period, discount, lent };
    draft.record(StreamId::Account(account.id), started)?;
    Ok(subscription_id)
}

/// A subscription whose first period begins.
pub(super) struct Beginning {
    pub(super) subscription_id: SubscriptionId,
    pub(super) order_id: OrderId,
    pub(super) plan: HeldPlan,
    pub(super) discount: Option<HeldDiscount>,
    pub(super) tax: Tax,
    pub(super) at: Timestamp,
}

/// Begins a subscription's first period: its first invoice is issued and settled.
pub(super) fn begin(
    draft: &mut Draft,
    account_id: AccountId,
    beginning: Beginning,
    payment: Option<(PaymentId, Money)>,
) -> Result<(), Rejection> {
    let Beginning { subscription_id, order_id, plan, discount, tax, at } = beginning;
    let account = draft.account(account_id)?;
    let anchor = Anchor { at: at.whole_second(), zone: account.zone, cycle: plan.cycle };
    let period = anchor.period(0);
    let (applied, left) = HeldDiscount::use_up(discount, plan.plan_id, plan.price)?;
    let activated = SubscriptionActivated {
        subscription_id,
        order_id,
        plan: plan.clone(),
        anchor,
        period,
        discount: left,
        run_by: run_by(&account, subscription_id, order_id),
    };
    draft.record_as_of(StreamId::Account(account_id), at, activated)?;
    let account = draft.account(account_id)?;
    let by_processor = None;
    let item = Item { plan: &plan, span: period, proration: None, discount: applied, by_processor };
    let items = vec![item];
    let issue = Issue { subscription_id, order_id: Some(order_id), items, tax, at };
    billing::bill(draft, &account, issue, payment)?;
    // The processor's word may have come before the payment.
    match account.links.of(subscription_id) {
        Some(link) => processor_run::follow(draft, account_id, link.order_id, None),
        None => Ok(()),
    }
}

/// Who runs a subscription that begins: whoever has made one of its own out of its order.
fn run_by(account: &Account, id: SubscriptionId, order: OrderId) -> Option<RunBy> {
    let link = account.links.of_order(order).or_else(|| account.links.of(id));
    link.map(|link| link.run_by.clone())
}
