//! Composing: a document as it is printed, made from rows as of a position. Pure: the same rows
//! make the same document for ever.
//!
//! Days of issue, of payment and of dueness are days of the seller's zone; days of service are days
//! of the account's calendar. Every sum of money is taken from what was recorded, none is reckoned
//! anew.

use chrono::NaiveDate;
use chrono_tz::Tz;
use daybook_events::{
    Currency, Money,
    event::{CreditReason, OrderPurpose, PaymentMethod, PaymentMethodKind},
    money::MoneyError,
    period::Span,
    personal::Party,
    tax::Tax,
    totals::{Taxed, Totals},
};
use daybook_projections::{
    invoices::{CreditNote, InvoiceRow},
    orders::{OrderRow, OrderStatus},
    payments::PaymentRow,
};
use iban::{Iban, IbanLike};

use super::{
    language::Language,
    paper::{Days, Kind, Line, Moves, Original, Paid, Paper, Reason, Settlement, TakenBack},
};

/// What a document says besides its own row.
#[derive(Debug, Clone)]
pub struct Around<'a> {
    /// The position of the log as of which everything is.
    pub position: i64,
    /// The seller's zone.
    pub seller_zone: Tz,
    /// The zone of the account's calendar.
    pub account_zone: Tz,
    /// The ways of paying by hand.
    pub methods: &'a [PaymentMethod],
    /// The number of the order that it is about, where it is about one.
    pub order_number: Option<String>,
}

/// A payment, and how much of it went into the invoice.
#[derive(Debug, Clone, Copy)]
pub struct PaidInto<'a> {
    /// The payment.
    pub payment: &'a PaymentRow,
    /// How much of it.
    pub amount: Money,
}

/// An invoice, or the receipt of what a merchant of record sells.
///
/// # Errors
/// Mixed currencies, or a sum out of bounds: never for rows that hold together.
pub fn invoice(
    row: &InvoiceRow,
    payments: &[PaidInto<'_>],
    around: &Around<'_>,
) -> Result<Paper, MoneyError> {
    let lines: Vec<Line> = row
        .lines
        .iter()
        .map(|line| Line {
            description: line.description.clone(),
            days: days(line.span, around.account_zone),
            quantity: 1,
            unit_price: line.price,
            discount: line
                .discount
                .as_ref()
                .map_or(Money::zero(row.total.currency()), |discount| discount.amount),
            net: line.net,
            taxes: line.taxes.clone(),
            total: line.total,
        })
        .collect();
    let kind = if row.tax.is_by_merchant_of_record() { Kind::Receipt } else { Kind::Invoice };
    Ok(Paper {
        kind,
        id: row.invoice_id.to_string(),
        number: Some(row.number.clone()),
        position: around.position,
        issued_on: row.issued_at.day_in(around.seller_zone),
        issued_at: row.issued_at,
        order_number: around.order_number.clone(),
        original: None,
        reason: None,
        seller: row.seller.clone(),
        buyer: row.bill_to.0.clone(),
        account: row.account_id.to_string(),
        currency: row.total.currency(),
        period: period(&lines),
        lines,
        tax: row.tax.clone(),
        totals: row.totals.clone(),
        moves: Moves::In(settlement(row, payments, around)?),
    })
}

fn settlement(
    row: &InvoiceRow,
    payments: &[PaidInto<'_>],
    around: &Around<'_>,
) -> Result<Settlement, MoneyError> {
    let reduced = row.credit_notes.iter().map(|note| note.reduces_due);
    let by_hand = row.due.is_positive() && !row.tax.is_by_merchant_of_record();
    let due_at = row.dunning.first().map(|step| step.at).filter(|_| row.due.is_positive());
    Ok(Settlement {
        payments: payments.iter().map(|paid| paid_into(*paid, around.seller_zone)).collect(),
        paid: row.paid_by_payment,
        credit: row.paid_by_credit,
        credited: Money::sum(row.total.currency(), reduced)?,
        written_off: row.written_off,
        due: row.due,
        due_on: due_at.map(|at| at.day_in(around.seller_zone)),
        instructions: if by_hand { instructions(around.methods) } else { Vec::new() },
        iban: by_hand.then(|| iban(around.methods, row.total.currency())).flatten(),
    })
}

fn paid_into(paid: PaidInto<'_>, zone: Tz) -> Paid {
    Paid {
        on: paid.payment.captured_at.day_in(zone),
        by: paid.payment.processor.clone(),
        reference: paid.payment.processor_payment_id.clone(),
        amount: paid.amount,
    }
}

/// How to pay by hand, line by line: where to, and what the seller says about it. A method of which
/// nothing is known but its name tells nobody how to pay.
fn instructions(methods: &[PaymentMethod]) -> Vec<String> {
    let told = methods.iter().filter(|it| it.address.is_some() || it.instructions.is_some());
    let lines = told.flat_map(|method| {
        let words = [Some(&method.label), method.currency.as_ref(), method.network.as_ref()];
        let head: Vec<_> = words.into_iter().flatten().map(String::as_str).collect();
        let more = [method.address.as_deref(), method.instructions.as_deref()];
        let more = more.into_iter().flatten().flat_map(str::lines).map(str::to_owned);
        std::iter::once(head.join(" · ")).chain(more).collect::<Vec<_>>()
    });
    lines.map(|line| line.trim().to_owned()).filter(|line| !line.is_empty()).collect()
}

/// The IBAN to pay to, of the first way of paying that moves the document's currency and has one. An
/// account in another currency is told in the instructions alone: a program would send there what
/// is due.
fn iban(methods: &[PaymentMethod], currency: Currency) -> Option<String> {
    let fits = |method: &&PaymentMethod| {
        let own = method.currency.as_deref().map(str::trim);
        own.is_none_or(|own| own.eq_ignore_ascii_case(currency.as_str()))
    };
    methods.iter().filter(fits).find_map(iban_of)
}

/// The IBAN of a way of paying, where its address is one.
fn iban_of(method: &PaymentMethod) -> Option<String> {
    let is_bank = method.kind == PaymentMethodKind::BankTransfer;
    let address = method.address.as_deref().filter(|_| is_bank)?;
    let iban: Iban = address.trim().parse().ok()?;
    Some(iban.electronic_str().to_owned())
}

/// A credit note, or the note that takes a receipt back. The parties are those of the day of the
/// note, first the seller.
#[must_use]
pub fn credit_note(
    row: &InvoiceRow,
    note: &CreditNote,
    (seller, buyer): (&Party, &Party),
    around: &Around<'_>,
) -> Paper {
    let zero = Money::zero(row.total.currency());
    let lines: Vec<Line> = note
        .lines
        .iter()
        .map(|line| Line {
            description: line.description.clone(),
            days: usize::try_from(line.line)
                .ok()
                .and_then(|index| row.lines.get(index))
                .and_then(|billed| days(billed.span, around.account_zone)),
            quantity: 1,
            unit_price: line.amount,
            discount: zero,
            net: line.net,
            taxes: line.taxes.clone(),
            total: line.total,
        })
        .collect();
    let of_receipt = row.tax.is_by_merchant_of_record();
    Paper {
        kind: if of_receipt { Kind::ReceiptNote } else { Kind::CreditNote },
        id: note.credit_note_id.to_string(),
        number: Some(note.number.clone()),
        position: around.position,
        issued_on: note.issued_at.day_in(around.seller_zone),
        issued_at: note.issued_at,
        order_number: around.order_number.clone(),
        original: Some(Original {
            number: row.number.clone(),
            issued_on: row.issued_at.day_in(around.seller_zone),
        }),
        reason: Some(why(note)),
        seller: seller.clone(),
        buyer: buyer.clone(),
        account: row.account_id.to_string(),
        currency: row.total.currency(),
        period: period(&lines),
        lines,
        tax: row.tax.clone(),
        totals: note.totals.clone(),
        moves: Moves::Back(TakenBack {
            reduces_due: note.reduces_due,
            to_credit: note.to_credit,
            to_refund: note.to_refund,
        }),
    }
}

/// Why, to the customer. The words of a refund are the customer's own, or a processor's, and no
/// statement of the seller's; those of a correction are the seller's.
fn why(note: &CreditNote) -> Reason {
    match note.reason {
        CreditReason::PlanChange => Reason::PlanChange,
        CreditReason::Refund => Reason::Refund,
        CreditReason::Ended => Reason::Ended,
        CreditReason::Correction => {
            note.explanation.clone().map_or(Reason::Correction, Reason::Told)
        }
    }
}

/// What an order will be billed as; `None` for one that never will, or whose invoice is there.
/// First the seller, as today.
///
/// # Errors
/// Mixed currencies, or a sum out of bounds: never for rows that hold together.
pub fn pro_forma(
    order: &OrderRow,
    (seller, buyer): (&Party, &Party),
    around: &Around<'_>,
) -> Result<Option<Paper>, MoneyError> {
    let is_open = matches!(order.status, OrderStatus::Pending | OrderStatus::AwaitingPayment);
    let (tax, totals, in_trial) = match &order.purpose {
        OrderPurpose::Subscribe { quote } => {
            let in_trial = quote.trial_days > 0 && order.status == OrderStatus::Paid;
            (quote.tax.clone(), quote.totals.clone(), in_trial)
        }
        OrderPurpose::ChangePlan => (untold_tax(), plain(order.amount)?, false),
        OrderPurpose::PayInvoice { .. } => return Ok(None),
    };
    if order.invoice_id.is_some() || !(is_open || in_trial) {
        return Ok(None);
    }
    let due = if in_trial { totals.total } else { order.amount };
    let by_hand = due.is_positive() && !tax.is_by_merchant_of_record();
    let moves = Moves::In(Settlement {
        payments: Vec::new(),
        paid: Money::zero(due.currency()),
        credit: totals.total.minus(due)?,
        credited: Money::zero(due.currency()),
        written_off: Money::zero(due.currency()),
        due,
        due_on: order.expires_at.filter(|_| is_open).map(|at| at.day_in(around.seller_zone)),
        instructions: if by_hand { instructions(around.methods) } else { Vec::new() },
        iban: by_hand.then(|| iban(around.methods, due.currency())).flatten(),
    });
    let line = Line {
        description: format!("{} ({})", order.plan.name, order.plan.cycle),
        days: None,
        quantity: 1,
        unit_price: totals.price,
        discount: totals.discount,
        net: totals.net,
        taxes: totals.taxes.clone(),
        total: totals.total,
    };
    Ok(Some(Paper {
        kind: Kind::ProForma,
        id: order.order_id.to_string(),
        number: None,
        position: around.position,
        issued_on: order.placed_at.day_in(around.seller_zone),
        issued_at: order.placed_at,
        order_number: Some(order.number.clone()),
        original: None,
        reason: None,
        seller: seller.clone(),
        buyer: buyer.clone(),
        account: order.account_id.to_string(),
        currency: due.currency(),
        period: None,
        lines: vec![line],
        tax,
        totals,
        moves,
    }))
}

/// What a plan change costs is known, and its taxes are with the invoice that it brings about.
fn untold_tax() -> Tax {
    let wording = Language::En.words().taxes_follow;
    Tax { wording: Some(wording.to_owned()), ..Tax::none() }
}

fn plain(amount: Money) -> Result<Totals, MoneyError> {
    let zero = Money::zero(amount.currency());
    let line = Taxed { amount, net: amount, taxes: Vec::new(), total: amount };
    Totals::of(amount.currency(), &Tax::none(), [(amount, zero, &line)])
}

/// The days of a span: its end lies outside. `None` for one of no length.
fn days(span: Span, zone: Tz) -> Option<Days> {
    let last = span.end.plus_micros(-1);
    (span.start < span.end)
        .then(|| Days { first: span.start.day_in(zone), last: last.day_in(zone) })
}

fn period(lines: &[Line]) -> Option<Days> {
    let days = || lines.iter().filter_map(|line| line.days);
    let (first, last): (Option<NaiveDate>, _) =
        (days().map(|it| it.first).min(), days().map(|it| it.last).max());
    Some(Days { first: first?, last: last? })
}

#[cfg(test)]
mod tests;
