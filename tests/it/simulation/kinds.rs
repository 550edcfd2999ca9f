//! What happens in a business, told apart more finely than by the types of events.

use std::collections::BTreeSet;

use chrono::Datelike;
use daybook_events::{
    Event, Recorded,
    coupon::DiscountValue,
    event::{
        AccountEvent as A, Adjusted, CreditEvent, CreditReason, CreditSource, EndReason,
        InvoiceEvent, InvoiceIssued, OrderCancelReason, OrderEvent, OrderPurpose, PaymentEvent,
        PlanChanged, SubscriptionEvent as S,
    },
    refund_policy::Eligibility,
    tax::Supply,
};

/// Everything that must have happened at least once.
const KINDS: &[&str] = &[
    "anchored on the 29th",
    "anchored on the 30th",
    "anchored on the 31st",
    "billed with a fixed discount",
    "billed with a percentage off",
    "billed: CGST",
    "billed: Consumption tax",
    "billed: GST",
    "billed: IGST",
    "billed: SGST",
    "billed: VAT",
    "changed cycle",
    "credit: of a credit note",
    "credit: of a payment too many",
    "credit: of support",
    "credited: Correction",
    "credited: Ended",
    "credited: PlanChange",
    "credited: Refund",
    "downgraded",
    "ended: Cancelled",
    "ended: Refunded",
    "ended: Unpaid",
    "order cancelled: InvoiceDueChanged",
    "order cancelled: Requested",
    "order cancelled: Superseded",
    "ordered: a plan",
    "ordered: a plan change",
    "ordered: an invoice",
    "paid by credit alone",
    "refunded: Full",
    "refunded: Full, overridden",
    "refunded: Prorated",
    "renewed at the end of a short month",
    "supplied: Export",
    "supplied: ReverseCharge",
    "supplied: Taxed",
    "undone: a write-off",
    "undone: credit",
    "upgraded",
];

pub(super) fn each_happened(log: &[Recorded]) {
    let happened: BTreeSet<String> = log.iter().flat_map(|it| kinds(&it.event)).collect();
    let never: Vec<_> = KINDS.iter().filter(|kind| !happened.contains(**kind)).collect();
    assert!(never.is_empty(), "never happened: {never:?}");
}

fn kinds(event: &Event) -> Vec<String> {
    let Event::Account(event) = event else { return Vec::new() };
    match event {
        A::Invoice(InvoiceEvent::InvoiceIssued(issued)) => of_invoice(issued),
        A::Invoice(InvoiceEvent::InvoicePaid(paid)) if paid.payment_id.is_none() => {
            one("paid by credit alone")
        }
        A::Invoice(InvoiceEvent::CreditNoteIssued(note)) => credited(note.reason),
        A::Payment(PaymentEvent::RefundRequested(it)) => {
            let overridden = if it.verdict.overridden { ", overridden" } else { "" };
            let eligibility: Eligibility = it.verdict.eligibility;
            vec![format!("refunded: {eligibility:?}{overridden}")]
        }
        A::Order(OrderEvent::OrderPlaced(placed)) => one(match placed.purpose {
            OrderPurpose::Subscribe { .. } => "ordered: a plan",
            OrderPurpose::PayInvoice { .. } => "ordered: an invoice",
            OrderPurpose::ChangePlan => "ordered: a plan change",
        }),
        A::Order(OrderEvent::OrderCancelled(it)) => {
            let reason: OrderCancelReason = it.reason;
            vec![format!("order cancelled: {reason:?}")]
        }
        A::Credit(CreditEvent::CreditGranted(granted)) => one(match granted.source {
            CreditSource::CreditNote { .. } => "credit: of a credit note",
            CreditSource::Overpayment { .. } => "credit: of a payment too many",
            CreditSource::Adjustment { .. } => "credit: of support",
        }),
        A::Credit(CreditEvent::AdjustmentUndone(undone)) => one(match undone.adjusted {
            Adjusted::Credit => "undone: credit",
            Adjusted::WriteOff { .. } => "undone: a write-off",
        }),
        A::Subscription(event) => of_subscription(event),
        _ => Vec::new(),
    }
}

fn one(kind: &str) -> Vec<String> {
    vec![kind.to_owned()]
}

fn credited(reason: CreditReason) -> Vec<String> {
    vec![format!("credited: {reason:?}")]
}

fn of_invoice(issued: &InvoiceIssued) -> Vec<String> {
    let supply: Supply = issued.tax.supply;
    let mut kinds = vec![format!("supplied: {supply:?}")];
    kinds.extend(issued.tax.rates.iter().map(|rate| format!("billed: {}", rate.name)));
    for discount in issued.lines.iter().filter_map(|line| line.discount) {
        kinds.extend(one(match discount.value {
            DiscountValue::Percent(_) => "billed with a percentage off",
            DiscountValue::Fixed(_) => "billed with a fixed discount",
        }));
    }
    kinds
}

fn of_subscription(event: &S) -> Vec<String> {
    match event {
        S::SubscriptionActivated(it) => {
            let day = it.anchor.at.day_in(it.anchor.zone).day();
            let ordinal = if day == 31 { "st" } else { "th" };
            vec![format!("anchored on the {day}{ordinal}")]
        }
        S::SubscriptionRenewed(it) => {
            let at = it.period.start.utc();
            let is_short = at.day() == 28 && at.month() == 2;
            is_short.then(|| "renewed at the end of a short month".to_owned()).into_iter().collect()
        }
        S::PlanChanged(changed) => one(direction(changed)),
        S::SubscriptionEnded(it) => {
            let reason: EndReason = it.reason;
            vec![format!("ended: {reason:?}")]
        }
        _ => Vec::new(),
    }
}

fn direction(changed: &PlanChanged) -> &'static str {
    match () {
        () if changed.from.cycle != changed.to.cycle => "changed cycle",
        () if changed.from.price.minor() <= changed.to.price.minor() => "upgraded",
        () => "downgraded",
    }
}
