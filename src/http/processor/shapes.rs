//! What the processor dialect shows: camelCase names, amounts as strings in major units.

mod changes;
mod orders;

use daybook_events::{
    Money, Recorded,
    coupon::{DiscountValue, HeldDiscount},
    event::{CreditNoteIssued, HeldPlan, InvoiceIssued, InvoiceLine},
    tax::Tax,
    totals::{TaxAmount, Totals},
};
use daybook_projections::subscriptions::SubscriptionRow;
use serde_json::{Value, json};

pub use self::{
    changes::{before_the_change, order_of_change, plan_change},
    orders::{checkout, confirmed, fulfilled},
};

/// An amount as a string in major units.
#[must_use]
pub fn amount(money: Money) -> String {
    money.amount().to_string()
}

/// A plan as somebody holds it.
#[must_use]
pub fn plan(plan: &HeldPlan) -> Value {
    json!({
        "id": plan.plan_id,
        "number": plan.number,
        "slug": plan.slug,
        "name": plan.name,
        "type": plan.plan_type,
        "revision": plan.revision,
    })
}

/// A subscription.
#[must_use]
pub fn subscription(row: &SubscriptionRow) -> Value {
    let scheduled = row.scheduled_change.as_ref().map(|change| {
        json!({
            "plan": plan(&change.to),
            "billingCycle": change.to.cycle,
            "amount": amount(change.to.price),
            "currency": change.to.price.currency(),
            "effectiveAt": change.takes_effect_at,
        })
    });
    json!({
        "id": row.subscription_id,
        "accountId": row.account_id,
        "planId": row.plan.plan_id,
        "plan": plan(&row.plan),
        "billingCycle": row.plan.cycle,
        "status": row.status,
        "amount": amount(row.plan.price),
        "currency": row.plan.price.currency(),
        "currentPeriodStart": row.period.start,
        "currentPeriodEnd": row.period.end,
        "trialEndsAt": row.trial_ends_at,
        "discount": row.discount.as_ref().map(discount),
        "scheduledChange": scheduled,
        "cancelAtPeriodEnd": row.cancel_at.is_some(),
        "cancelAt": row.cancel_at,
        "startedAt": row.started_at,
        "endedAt": row.ended_at,
        "endReason": row.end_reason,
        "limits": row.plan.limits,
    })
}

/// A coupon's discount as a subscription or an order holds it.
#[must_use]
pub fn discount(held: &HeldDiscount) -> Value {
    let (percent, fixed) = match held.value {
        DiscountValue::Percent(percent) => (Some(percent), None),
        DiscountValue::Fixed(money) => (None, Some(money)),
    };
    json!({
        "couponCode": held.coupon,
        "percent": percent,
        "amount": fixed.map(amount),
        "periodsLeft": held.periods_left,
    })
}

/// The sums of a document or a quote.
#[must_use]
pub fn totals(totals: &Totals, tax: &Tax) -> Value {
    json!({
        "subtotal": amount(totals.price),
        "discount": amount(totals.discount),
        "net": amount(totals.net),
        "tax": amount(totals.tax),
        "taxes": totals.taxes.iter().map(tax_amount).collect::<Vec<_>>(),
        "taxInclusive": tax.inclusive,
        "taxNote": tax.wording,
        "total": amount(totals.total),
        "currency": totals.total.currency(),
    })
}

fn tax_amount(tax: &TaxAmount) -> Value {
    json!({
        "name": tax.rate.name,
        "jurisdiction": tax.rate.jurisdiction,
        "percent": tax.rate.percent,
        "base": amount(tax.base),
        "amount": amount(tax.amount),
    })
}

/// An invoice as it was issued.
#[must_use]
pub fn invoice(recorded: &Recorded, issued: &InvoiceIssued) -> Value {
    json!({
        "id": issued.invoice_id,
        "number": recorded.number,
        "total": amount(issued.totals.total),
        "currency": issued.totals.total.currency(),
        "totals": totals(&issued.totals, &issued.tax),
        "lines": issued.lines.iter().map(line).collect::<Vec<_>>(),
    })
}

fn line(line: &InvoiceLine) -> Value {
    let discount = line.discount.as_ref();
    json!({
        "description": line.description,
        "price": amount(line.price),
        "discount": discount.map(|discount| amount(discount.amount)),
        "couponCode": discount.map(|discount| discount.coupon),
        "amount": amount(line.amount),
        "net": amount(line.net),
        "total": amount(line.total),
        "periodStart": line.span.start,
        "periodEnd": line.span.end,
    })
}

/// A credit note as it was issued.
#[must_use]
pub fn credit_note(recorded: &Recorded, note: &CreditNoteIssued) -> Value {
    json!({
        "id": note.credit_note_id,
        "number": recorded.number,
        "invoiceId": note.invoice_id,
        "invoiceNumber": note.invoice_number,
        "total": amount(note.totals.total),
        "currency": note.totals.total.currency(),
        "totals": totals(&note.totals, &note.tax),
    })
}
