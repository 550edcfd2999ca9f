//! Record that a processor took money for a subscription that it runs: for the next period, for a
//! change inside one, or for something else.
//!
//! What it billed is what is booked, less the tax that it owes itself: a receipt over the period,
//! an order and its payment. Every payment in the ledger pays an order, so the receipt is collected
//! by one, as that of a renewal of ours is, and paid at once: whoever reads orders, payments or
//! refunds needs no second case.
//!
//! The instant of the payment says which period it is for, so it may come before our period ends,
//! days late, or after the payment for a later period, and the end is the same. Money that arrived is
//! always booked: where the subscription was over by then, it becomes the account's credit.

use std::sync::Arc;

use super::{
    billing::{self, ByProcessor, Issue, Item},
    processor_run,
};
use crate::{
    account::{Account, Link, OrderStatus, Subscription},
    draft::Draft,
    envelope::StreamId,
    event::{CreditSource, MerchantShare, PaymentCaptured, SubscriptionRenewed},
    ids::{AccountId, OrderId, PaymentId},
    money::Money,
    period::{Anchor, Span},
    rejection::{Kind, Rejection},
    time::Timestamp,
};

/// What a processor took money for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChargeReason {
    /// For the next period.
    Renewal,
    /// For a change inside a period.
    Updated,
    /// For something else.
    Other,
}

/// Record that a processor took money for a subscription that it runs. The shell has verified the
/// processor's word for it.
#[derive(Debug, Clone)]
pub struct RenewByProcessor {
    /// Which account.
    pub account_id: AccountId,
    /// The processor's own id of the subscription.
    pub processor_subscription_id: String,
    /// The processor's id of the payment: booked once.
    pub processor_payment_id: String,
    /// What the buyer paid.
    pub total: Money,
    /// The tax in it, which the processor owes.
    pub tax: Money,
    /// What for.
    pub reason: ChargeReason,
    /// When, by the processor's clock; `None` is now, and the next period.
    pub at: Option<Timestamp>,
}

impl RenewByProcessor {
    pub(super) fn decide(&self, draft: &mut Draft) -> Result<(), Rejection> {
        let account = draft.account(self.account_id)?;
        let link = processor_run::link(&account, &self.processor_subscription_id)?;
        if account.payments.is_booked(&self.processor_payment_id) {
            let payment = self.processor_payment_id.clone();
            return Err(Rejection::PaymentAlreadyConfirmed { payment });
        }
        let net = self.net(&account)?;
        let order = account.orders.get(link.order_id).ok_or(Rejection::OrderUnknown)?;
        if link.subscription_id.is_none() && order.status != OrderStatus::Paid {
            let subscription = self.processor_subscription_id.clone();
            return Err(Rejection::SubscriptionNotBegun { subscription });
        }
        let mut billed = draft.clone();
        match self.bill(&mut billed, &account, &link, net) {
            Ok(true) => {
                *draft = billed;
                Ok(())
            }
            // The account is parked first, and the payment then decided anew.
            Err(fault @ Rejection::TooManyInvoiceLines { .. }) => Err(fault),
            Err(fault) if fault.kind() == Kind::Internal => Err(fault),
            Ok(false) | Err(_) => self.keep_as_credit(draft, &link, net),
        }
    }

    /// What is ours of it.
    fn net(&self, account: &Account) -> Result<Money, Rejection> {
        let expected = account.currency;
        for given in [self.total.currency(), self.tax.currency()] {
            if given != expected {
                return Err(Rejection::WrongCurrency { given, expected });
            }
        }
        let net = self.total.minus(self.tax)?;
        let sane = net.is_positive() && (self.tax.is_zero() || self.tax.is_positive());
        if sane { Ok(net) } else { Err(Rejection::AmountNotPositive) }
    }

    /// Bills and pays it, and says whether there was something to bill.
    fn bill(
        &self,
        draft: &mut Draft,
        account: &Account,
        link: &Link,
        net: Money,
    ) -> Result<bool, Rejection> {
        let Some(subscription) = self.served(account, link) else { return Ok(false) };
        let at = self.at.unwrap_or(draft.now()).min(draft.now());
        let (span, note) = match self.reason {
            ChargeReason::Renewal => (self.renew(draft, account, subscription, at)?, None),
            ChargeReason::Updated => (rest_of_period(subscription, at), Some("plan change")),
            ChargeReason::Other => (rest_of_period(subscription, at), Some("further charge")),
        };
        let by_processor = Some(ByProcessor { amount: net, note });
        let item =
            Item { plan: &subscription.plan, span, proration: None, discount: None, by_processor };
        let issue = Issue {
            subscription_id: subscription.id,
            order_id: None,
            items: vec![item],
            tax: billing::tax_of(draft, account, subscription)?,
            at,
        };
        let account = draft.account(account.id)?;
        let invoice_id = billing::issue(draft, &account, issue)?;
        billing::collect(draft, account.id, invoice_id, at)?;
        let account = draft.account(account.id)?;
        let order = account.orders.open_for(invoice_id).next().map(|order| order.id);
        let order = order.ok_or(Rejection::OrderUnknown)?;
        let payment = self.capture(draft, link, order, net, at)?;
        billing::settle(draft, account.id, invoice_id, Some((payment, net)), at)?;
        Ok(true)
    }

    /// The subscription, if it runs, or ran when the money was taken.
    fn served<'a>(&self, account: &'a Account, link: &Link) -> Option<&'a Arc<Subscription>> {
        let newest = account.subscription.as_ref()?;
        let is_it = Some(newest.id) == link.subscription_id && newest.processor().is_some();
        let ran = || self.at.zip(newest.ended_at).is_some_and(|(at, ended)| at < ended);
        (is_it && (newest.is_live() || ran())).then_some(newest)
    }

    /// Begins the period that the money is for, and those before it; one that has begun is billed
    /// only. The period is the one whose first instant is nearest, or the first after it that
    /// nothing was billed for.
    fn renew(
        &self,
        draft: &mut Draft,
        account: &Account,
        subscription: &Subscription,
        at: Timestamp,
    ) -> Result<Span, Rejection> {
        let anchor = subscription.anchor;
        let first = match self.at {
            Some(_) => nearest(anchor, at),
            None => subscription.period_index.saturating_add(1),
        };
        let mut index = first;
        while is_billed(account, subscription, anchor.period(index)) {
            index = index.saturating_add(1);
        }
        for period_index in subscription.period_index.saturating_add(1)..=index {
            let period = anchor.period(period_index);
            let discount = subscription.discount.clone();
            let subscription_id = subscription.id;
            let renewed = SubscriptionRenewed { subscription_id, period_index, period, discount };
            draft.record_as_of(StreamId::Account(account.id), at, renewed)?;
        }
        Ok(anchor.period(index))
    }

    /// Records the payment. The processor's id of the order is that of its subscription: there is no
    /// other.
    fn capture(
        &self,
        draft: &mut Draft,
        link: &Link,
        order_id: OrderId,
        net: Money,
        at: Timestamp,
    ) -> Result<PaymentId, Rejection> {
        let account = draft.account(self.account_id)?;
        let order = account.orders.get(order_id).ok_or(Rejection::OrderUnknown)?;
        let payment_id = draft.mint();
        let captured = PaymentCaptured {
            payment_id,
            order_id,
            order_number: order.number.clone(),
            processor: link.run_by.processor.clone(),
            processor_payment_id: self.processor_payment_id.clone(),
            processor_order_id: link.run_by.processor_subscription_id.clone(),
            amount: net,
            merchant: Some(MerchantShare { total: self.total, tax: self.tax }),
        };
        draft.record_as_of(StreamId::Account(account.id), at, captured)?;
        Ok(payment_id)
    }

    /// Money for a subscription that was over: the order that it began with has it.
    fn keep_as_credit(&self, draft: &mut Draft, link: &Link, net: Money) -> Result<(), Rejection> {
        let now = draft.now();
        let payment_id = self.capture(draft, link, link.order_id, net, now)?;
        let source = CreditSource::Overpayment { payment_id };
        billing::grant(draft, self.account_id, net, source, now)
    }
}

/// The number of the period whose first instant is nearest to an instant.
fn nearest(anchor: Anchor, at: Timestamp) -> u32 {
    let index = containing(anchor, at);
    let period = anchor.period(index);
    let since = at.seconds() - period.start.seconds();
    let left = period.end.seconds() - at.seconds();
    if left < since { index.saturating_add(1) } else { index }
}

/// The number of the period that holds an instant; the first where it is before that.
fn containing(anchor: Anchor, at: Timestamp) -> u32 {
    let mut index = 0;
    while anchor.period(index).end <= at {
        index += 1;
    }
    index
}

/// From an instant to the end of its period, whether or not that has begun here.
fn rest_of_period(subscription: &Subscription, at: Timestamp) -> Span {
    let period = subscription.anchor.period(containing(subscription.anchor, at));
    // Never the whole of it: that is what its renewal bills.
    let start = at.whole_second().max(period.start.plus_seconds(1));
    Span { start, end: period.end }
}

fn is_billed(account: &Account, subscription: &Subscription, period: Span) -> bool {
    let mut lines = account.invoices.of(subscription.id).flat_map(|invoice| &invoice.lines);
    lines.any(|line| line.billed.span == period)
}

#[cfg(test)]
mod tests;
