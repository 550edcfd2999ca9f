//! From plans to lines, totals and invoices.

use super::settling::settle;
use crate::{
    account::{Account, Subscription},
    coupon::{Discount, HeldDiscount},
    draft::Draft,
    envelope::StreamId,
    event::{HeldPlan, InvoiceIssued, InvoiceLine, OrderPurpose, Quote},
    ids::{InvoiceId, OrderId, PaymentId, SubscriptionId},
    money::{Currency, Money},
    period::Span,
    personal::Party,
    proration::Proration,
    rejection::Rejection,
    tax::{Tax, Untreatable},
    time::Timestamp,
    totals::{Taxed, Totals, taxed},
};

/// Something to charge: a plan over a span, the whole of its price or a prorated part.
pub(in crate::commands) struct Item<'a> {
    pub(in crate::commands) plan: &'a HeldPlan,
    pub(in crate::commands) span: Span,
    pub(in crate::commands) proration: Option<Proration>,
    pub(in crate::commands) discount: Option<Discount>,
    /// What a processor billed in the place of the plan's price.
    pub(in crate::commands) by_processor: Option<ByProcessor>,
}

/// What a processor that runs the subscription billed, whatever it reckoned it from.
#[derive(Clone, Copy)]
pub(in crate::commands) struct ByProcessor {
    /// How much, less its tax.
    pub(in crate::commands) amount: Money,
    /// What for, where it is not for the period.
    pub(in crate::commands) note: Option<&'static str>,
}

impl Item<'_> {
    fn price(&self) -> Money {
        let price = self.proration.as_ref().map_or(self.plan.price, |part| part.amount);
        self.by_processor.map_or(price, |billed| billed.amount)
    }

    fn discount(&self) -> Money {
        let nothing = Money::zero(self.plan.price.currency());
        self.discount.map_or(nothing, |discount| discount.amount)
    }

    fn line(self, taxed: Taxed) -> InvoiceLine {
        let what = format!("{} ({})", self.plan.name, self.plan.cycle);
        let part = self.proration.as_ref().map(|_| "rest of period");
        let note = self.by_processor.and_then(|billed| billed.note).or(part);
        InvoiceLine {
            description: note.map_or(what.clone(), |note| format!("{what}, {note}")),
            plan_id: self.plan.plan_id,
            plan_revision: self.plan.revision,
            span: self.span,
            price: self.price(),
            proration: self.proration,
            discount: self.discount,
            amount: taxed.amount,
            net: taxed.net,
            taxes: taxed.taxes,
            total: taxed.total,
        }
    }
}

/// Discounts, taxes and sums items: the one way from prices to totals.
fn charge(
    currency: Currency,
    tax: &Tax,
    items: Vec<Item<'_>>,
) -> Result<(Vec<InvoiceLine>, Totals), Rejection> {
    let amounts = items
        .iter()
        .map(|item| item.price().minus(item.discount()))
        .collect::<Result<Vec<_>, _>>()?;
    let taxed = taxed(currency, tax, &amounts)?;
    let sums = items.iter().zip(&taxed).map(|(item, taxed)| (item.price(), item.discount(), taxed));
    let totals = Totals::of(currency, tax, sums)?;
    let lines = items.into_iter().zip(taxed).map(|(item, taxed)| item.line(taxed)).collect();
    Ok((lines, totals))
}

/// What a period of a plan would cost the account today.
pub(in crate::commands) fn quote(
    draft: &Draft,
    account: &Account,
    plan: &HeldPlan,
    discount: Option<HeldDiscount>,
    trial_days: u32,
    merchant_of_record: Option<&str>,
) -> Result<Quote, Rejection> {
    let tax = match merchant_of_record {
        Some(merchant) => Tax::merchant_of_record(merchant),
        None => tax(draft, account)?,
    };
    let span = Span { start: draft.now(), end: draft.now() };
    let (applied, _) = HeldDiscount::use_up(discount.clone(), plan.plan_id, plan.price)?;
    let item = Item { plan, span, proration: None, discount: applied, by_processor: None };
    let (_, totals) = charge(account.currency, &tax, vec![item])?;
    Ok(Quote { discount, tax, totals, trial_days })
}

/// What an invoice is to say.
pub(in crate::commands) struct Issue<'a> {
    /// The subscription that it bills.
    pub(in crate::commands) subscription_id: SubscriptionId,
    /// The order that brought it about, where there is one.
    pub(in crate::commands) order_id: Option<OrderId>,
    /// What is billed.
    pub(in crate::commands) items: Vec<Item<'a>>,
    /// How it is taxed.
    pub(in crate::commands) tax: Tax,
    /// From when it counts.
    pub(in crate::commands) at: Timestamp,
}

/// Issues an invoice, made out to the account as it is.
pub(in crate::commands) fn issue(
    draft: &mut Draft,
    account: &Account,
    issue: Issue<'_>,
) -> Result<InvoiceId, Rejection> {
    let Issue { subscription_id, order_id, items, tax, at } = issue;
    let stream = StreamId::Account(account.id);
    let at = draft.effective_at(stream, at);
    check_bound(draft, account, subscription_id, items.len(), at)?;
    let (lines, totals) = charge(account.currency, &tax, items)?;
    let policy = &draft.world().book.policy;
    // What a processor runs, it duns as well.
    let run_by_processor =
        account.live().is_some_and(|live| live.id == subscription_id && live.processor().is_some());
    let dunned = totals.total.is_positive() && !run_by_processor;
    let dunning = if dunned { policy.ladder(at) } else { Vec::new() };
    let seller = seller(draft)?;
    let invoice_id = draft.mint();
    let event = InvoiceIssued {
        invoice_id,
        subscription_id,
        order_id,
        lines,
        tax,
        totals,
        dunning,
        seller,
        bill_to: account.billing.as_ref().clone(),
        time_zone: Some(draft.world().book.time_zone()),
    };
    draft.record_as_of(stream, at, event)?;
    Ok(invoice_id)
}

/// Issues an invoice and settles it: a payment first, then credit, the rest by an order.
pub(in crate::commands) fn bill(
    draft: &mut Draft,
    account: &Account,
    issue: Issue<'_>,
    payment: Option<(PaymentId, Money)>,
) -> Result<(), Rejection> {
    let at = issue.at;
    let invoice = self::issue(draft, account, issue)?;
    settle(draft, account.id, invoice, payment, at)
}

/// Nothing is billed on a parked account, and no runaway bills a customer for ever: Kill Bill's
/// bound on items per subscription and day.
fn check_bound(
    draft: &Draft,
    account: &Account,
    subscription: SubscriptionId,
    more: usize,
    at: Timestamp,
) -> Result<(), Rejection> {
    if account.parked {
        return Err(Rejection::AccountParked);
    }
    let book = &draft.world().book;
    let most = book.policy.invoice_lines_per_day;
    let (day, zone) = (book.day_of(at), book.time_zone());
    let lines = account.invoices.lines_on(subscription, day, zone).saturating_add(more);
    if u32::try_from(lines).unwrap_or(u32::MAX) > most {
        return Err(Rejection::TooManyInvoiceLines { most });
    }
    Ok(())
}

/// The seller as on the day of the decision.
pub(in crate::commands) fn seller(draft: &Draft) -> Result<Party, Rejection> {
    let opened = draft.world().book.opened.as_ref().ok_or(Rejection::BookNotOpen)?;
    Ok(opened.seller.clone())
}

/// How the account is taxed today.
fn tax(draft: &Draft, account: &Account) -> Result<Tax, Rejection> {
    draft.world().book.tax(&account.billing.0).map_err(|fault| match fault {
        Untreatable::CountryMissing => Rejection::BillingCountryRequired,
        Untreatable::CountryRefused(country) => Rejection::CountryUnsupported { country },
    })
}

/// How what a subscription gives is taxed: where a merchant of record sold it, by that merchant,
/// else as the account is today.
pub(in crate::commands) fn tax_of(
    draft: &Draft,
    account: &Account,
    subscription: &Subscription,
) -> Result<Tax, Rejection> {
    let order = account.orders.get(subscription.order_id);
    match order.map(|order| &order.purpose) {
        Some(OrderPurpose::Subscribe { quote }) if quote.tax.is_by_merchant_of_record() => {
            Ok(quote.tax.clone())
        }
        Some(_) | None => tax(draft, account),
    }
}
