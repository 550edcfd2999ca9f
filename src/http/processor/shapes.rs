//! What the processor dialect shows: camelCase names, amounts as strings in major units.

pub mod changes;
pub mod orders;
pub mod requested;

use daybook_events::{
    Currency, Money, Recorded, Timestamp,
    coupon::{CouponCode, DiscountValue, HeldDiscount as Held},
    event::{
        CreditNoteIssued, EndReason, HeldPlan, InvoiceIssued, InvoiceLine as Line, Limits, RunBy,
    },
    ids::{AccountId, CreditNoteId, InvoiceId, PlanId, SubscriptionId},
    percent::Percent,
    period::Cycle,
    tax::Tax,
    totals::{TaxAmount, Totals},
};
use daybook_projections::subscriptions::{SubscriptionRow, SubscriptionStatus};
use schemars::JsonSchema;
use serde::Serialize;

pub use self::{
    changes::{
        PlanChange, PlanChangeAnswer, PlanChangePreview, before_the_change, order_of_change,
        plan_change, without_numbers,
    },
    orders::{Checkout, CheckoutAnswer, Confirmed, Fulfilled, checkout, confirmed, fulfilled},
};

/// An amount in major units, with every digit of its currency.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(transparent)]
pub struct Amount(#[schemars(regex(pattern = r"^-?[0-9]+(\.[0-9]+)?$"), example = "15.00")] String);

/// An amount as a string in major units.
#[must_use]
pub fn amount(money: Money) -> Amount {
    Amount(money.amount().to_string())
}

/// A plan as somebody holds it.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PlanHeld {
    /// The plan's id.
    id: PlanId,
    /// Its number, as the panel dialect names it.
    number: String,
    /// Its slug.
    slug: String,
    /// Its name.
    name: String,
    /// The portal tier that it grants.
    #[serde(rename = "type")]
    plan_type: String,
    /// Which revision of its terms is held.
    revision: u32,
}

/// A plan as somebody holds it.
#[must_use]
pub fn plan(plan: &HeldPlan) -> PlanHeld {
    PlanHeld {
        id: plan.plan_id,
        number: plan.number.clone(),
        slug: plan.slug.clone(),
        name: plan.name.clone(),
        plan_type: plan.plan_type.clone(),
        revision: plan.revision,
    }
}

/// A plan change that happens when the period ends.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ScheduledChange {
    /// The plan that comes.
    plan: PlanHeld,
    /// How often it will be billed.
    billing_cycle: Cycle,
    /// What it will cost a period.
    amount: Amount,
    /// The currency of the amount.
    currency: Currency,
    /// The instant at which it happens.
    effective_at: Timestamp,
}

/// A subscription.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Subscription {
    /// The subscription's id.
    id: SubscriptionId,
    /// Whose it is.
    account_id: AccountId,
    /// The id of its plan.
    plan_id: PlanId,
    /// What it gives.
    plan: PlanHeld,
    /// How often it is billed.
    billing_cycle: Cycle,
    /// Where it stands.
    status: SubscriptionStatus,
    /// What a period costs.
    amount: Amount,
    /// The currency of the amount.
    currency: Currency,
    /// The first instant of the current period.
    current_period_start: Timestamp,
    /// The first instant after it.
    current_period_end: Timestamp,
    /// The end of its free days; `null` where it never had any.
    trial_ends_at: Option<Timestamp>,
    /// The coupon's discount that later periods have; `null` without one.
    discount: Option<Discount>,
    /// The plan change that happens when the period ends; `null` where none is scheduled.
    scheduled_change: Option<ScheduledChange>,
    /// Whether it ends with its period.
    cancel_at_period_end: bool,
    /// The instant at which a scheduled cancellation takes effect; `null` where none is scheduled.
    cancel_at: Option<Timestamp>,
    /// The first instant of its first period.
    started_at: Timestamp,
    /// The instant since which it is over; `null` while it runs.
    ended_at: Option<Timestamp>,
    /// Why it is over; `null` while it runs.
    end_reason: Option<EndReason>,
    /// What it allows, by limit; `null` is no limit.
    limits: Limits,
    /// The processor that renews it itself; `null` where the ledger does.
    run_by: Option<Runner>,
    /// The plan that this processor has been asked for; `null` where it has answered.
    requested_plan: Option<PlanHeld>,
}

/// A processor that runs a subscription.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Runner {
    /// Which processor.
    processor: String,
    /// Its own id of the subscription.
    subscription_id: String,
}

impl From<&RunBy> for Runner {
    fn from(run_by: &RunBy) -> Self {
        let RunBy { processor, processor_subscription_id } = run_by.clone();
        Self { processor, subscription_id: processor_subscription_id }
    }
}

/// A subscription.
#[must_use]
pub fn subscription(row: &SubscriptionRow) -> Subscription {
    let scheduled = row.scheduled_change.as_ref().map(|change| ScheduledChange {
        plan: plan(&change.to),
        billing_cycle: change.to.cycle,
        amount: amount(change.to.price),
        currency: change.to.price.currency(),
        effective_at: change.takes_effect_at,
    });
    Subscription {
        id: row.subscription_id,
        account_id: row.account_id,
        plan_id: row.plan.plan_id,
        plan: plan(&row.plan),
        billing_cycle: row.plan.cycle,
        status: row.status,
        amount: amount(row.plan.price),
        currency: row.plan.price.currency(),
        current_period_start: row.period.start,
        current_period_end: row.period.end,
        trial_ends_at: row.trial_ends_at,
        discount: row.discount.as_ref().map(discount),
        scheduled_change: scheduled,
        cancel_at_period_end: row.cancel_at.is_some(),
        cancel_at: row.cancel_at,
        started_at: row.started_at,
        ended_at: row.ended_at,
        end_reason: row.end_reason,
        limits: row.plan.limits.clone(),
        run_by: row.run_by.as_ref().map(Runner::from),
        requested_plan: row.requested_plan.as_ref().map(plan),
    }
}

/// A coupon's discount as a subscription or an order holds it: a percentage or an amount.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "DiscountHeld")]
pub struct Discount {
    /// Whose it is.
    coupon_code: CouponCode,
    /// By how many per cent; `null` where it is an amount.
    percent: Option<Percent>,
    /// By how much; `null` where it is a percentage.
    amount: Option<Amount>,
    /// How many periods are still discounted; `null` is every one.
    periods_left: Option<u32>,
}

/// A coupon's discount as a subscription or an order holds it.
#[must_use]
pub fn discount(held: &Held) -> Discount {
    let (percent, fixed) = match held.value {
        DiscountValue::Percent(percent) => (Some(percent), None),
        DiscountValue::Fixed(money) => (None, Some(money)),
    };
    Discount {
        coupon_code: held.coupon,
        percent,
        amount: fixed.map(amount),
        periods_left: held.periods_left,
    }
}

/// The sums of a document or a quote.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Sums {
    /// At list prices.
    subtotal: Amount,
    /// What a coupon takes off.
    discount: Amount,
    /// Before tax.
    net: Amount,
    /// The tax.
    tax: Amount,
    /// Each tax of its own.
    taxes: Vec<TaxSum>,
    /// Whether list prices hold the tax already.
    tax_inclusive: bool,
    /// What a document has to say of the tax; `null` where nothing.
    tax_note: Option<String>,
    /// What there is to pay, with tax.
    total: Amount,
    /// The currency of every amount.
    currency: Currency,
}

/// The sums of a document or a quote.
#[must_use]
pub fn totals(totals: &Totals, tax: &Tax) -> Sums {
    Sums {
        subtotal: amount(totals.price),
        discount: amount(totals.discount),
        net: amount(totals.net),
        tax: amount(totals.tax),
        taxes: totals.taxes.iter().map(tax_sum).collect(),
        tax_inclusive: tax.inclusive,
        tax_note: tax.wording.clone(),
        total: amount(totals.total),
        currency: totals.total.currency(),
    }
}

/// One tax on an amount.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TaxSum {
    /// What documents call it.
    name: String,
    /// Whose tax it is.
    jurisdiction: String,
    /// Its rate.
    percent: Percent,
    /// What it is reckoned on, before tax.
    base: Amount,
    /// The tax.
    amount: Amount,
}

fn tax_sum(tax: &TaxAmount) -> TaxSum {
    TaxSum {
        name: tax.rate.name.clone(),
        jurisdiction: tax.rate.jurisdiction.clone(),
        percent: tax.rate.percent,
        base: amount(tax.base),
        amount: amount(tax.amount),
    }
}

/// An invoice as it was issued.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Invoice {
    /// The invoice's id.
    id: InvoiceId,
    /// Its number; `null` in a preview, which has none yet.
    number: Option<String>,
    /// What there is to pay, with tax.
    total: Amount,
    /// The currency of the total.
    currency: Currency,
    /// Its sums.
    totals: Sums,
    /// What it bills.
    lines: Vec<InvoiceLine>,
}

/// An invoice as it was issued.
#[must_use]
pub fn invoice(recorded: &Recorded, issued: &InvoiceIssued) -> Invoice {
    Invoice {
        id: issued.invoice_id,
        number: recorded.number.clone(),
        total: amount(issued.totals.total),
        currency: issued.totals.total.currency(),
        totals: totals(&issued.totals, &issued.tax),
        lines: issued.lines.iter().map(line).collect(),
    }
}

/// What an invoice bills.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "LineOfInvoice")]
pub struct InvoiceLine {
    /// What it is for.
    description: String,
    /// At list price.
    price: Amount,
    /// What a coupon takes off; `null` without one.
    discount: Option<Amount>,
    /// That coupon's code; `null` without one.
    coupon_code: Option<CouponCode>,
    /// After the discount, in the terms of the price list.
    amount: Amount,
    /// Before tax.
    net: Amount,
    /// With tax.
    total: Amount,
    /// The first instant that it bills.
    period_start: Timestamp,
    /// The first instant that it does not bill any more.
    period_end: Timestamp,
}

fn line(line: &Line) -> InvoiceLine {
    let discount = line.discount.as_ref();
    InvoiceLine {
        description: line.description.clone(),
        price: amount(line.price),
        discount: discount.map(|discount| amount(discount.amount)),
        coupon_code: discount.map(|discount| discount.coupon),
        amount: amount(line.amount),
        net: amount(line.net),
        total: amount(line.total),
        period_start: line.span.start,
        period_end: line.span.end,
    }
}

/// A credit note as it was issued.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "CreditNoteOfChange")]
pub struct CreditNote {
    /// The credit note's id.
    id: CreditNoteId,
    /// Its number; `null` in a preview, which has none yet.
    number: Option<String>,
    /// The invoice that it takes back, or part of it.
    invoice_id: InvoiceId,
    /// That invoice's number.
    invoice_number: String,
    /// How much it takes back, with tax.
    total: Amount,
    /// The currency of the total.
    currency: Currency,
    /// Its sums.
    totals: Sums,
}

/// A credit note as it was issued.
#[must_use]
pub fn credit_note(recorded: &Recorded, note: &CreditNoteIssued) -> CreditNote {
    CreditNote {
        id: note.credit_note_id,
        number: recorded.number.clone(),
        invoice_id: note.invoice_id,
        invoice_number: note.invoice_number.clone(),
        total: amount(note.totals.total),
        currency: note.totals.total.currency(),
        totals: totals(&note.totals, &note.tax),
    }
}
