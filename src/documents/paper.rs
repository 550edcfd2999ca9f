//! A document as it is printed: everything that its page and its e-invoice say.
//!
//! It is made from rows of the ledger as of one position, so the same document of the same position
//! is the same for ever. What printing adds (page size, language, logo) is the press's.

use chrono::NaiveDate;
use daybook_events::{
    Currency, Money,
    personal::Party,
    tax::Tax,
    totals::{TaxAmount, Totals},
};

/// What a document is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A demand for money: a tax invoice.
    Invoice,
    /// Takes (part of) an invoice back.
    CreditNote,
    /// Of what a merchant of record sells: no tax invoice.
    Receipt,
    /// Takes (part of) a receipt back.
    ReceiptNote,
    /// What an unpaid order will be billed as: without a number, and no tax document.
    ProForma,
}

/// The document that a credit note takes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Original {
    /// Its number.
    pub number: String,
    /// The day of its issue, in the seller's zone.
    pub issued_on: NaiveDate,
}

/// Why (part of) a document was taken back, to the customer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    /// The plan was changed.
    PlanChange,
    /// The customer was given money back.
    Refund,
    /// The subscription ended before what was paid for did.
    Ended,
    /// Something was wrong, and nobody said what.
    Correction,
    /// In the seller's own words.
    Told(String),
}

/// The days of service that something pays for, in the zone of the account's calendar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Days {
    /// The first.
    pub first: NaiveDate,
    /// The last; never before the first.
    pub last: NaiveDate,
}

/// One line. `net = quantity × unit_price − discount` where tax comes on top of prices; where they
/// hold it, `net` is that less the taxes.
#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    /// What is sold.
    pub description: String,
    /// When it was, or will be, of service.
    pub days: Option<Days>,
    /// How many.
    pub quantity: u32,
    /// For one, in the terms of the price list.
    pub unit_price: Money,
    /// What a coupon takes off, in the same terms.
    pub discount: Money,
    /// Before tax.
    pub net: Money,
    /// The line's share of each tax.
    pub taxes: Vec<TaxAmount>,
    /// With tax.
    pub total: Money,
}

/// A payment of the document.
#[derive(Debug, Clone, PartialEq)]
pub struct Paid {
    /// The day, in the seller's zone.
    pub on: NaiveDate,
    /// Who took it, such as `razorpay`.
    pub by: String,
    /// The taker's id of it.
    pub reference: String,
    /// How much of it went into the document.
    pub amount: Money,
}

/// How a document stands when it is printed: `total = paid + credit + credited + written_off + due`.
#[derive(Debug, Clone, PartialEq)]
pub struct Settlement {
    /// Every payment that went into it, oldest first.
    pub payments: Vec<Paid>,
    /// What payments brought.
    pub paid: Money,
    /// What account credit brought.
    pub credit: Money,
    /// What credit notes took back.
    pub credited: Money,
    /// What was given up.
    pub written_off: Money,
    /// What is to be paid.
    pub due: Money,
    /// By when; `None` where nothing is due, or nothing says so.
    pub due_on: Option<NaiveDate>,
    /// How to pay, line by line; empty where nothing is due.
    pub instructions: Vec<String>,
    /// The IBAN to pay to, without spaces, where the instructions name one.
    pub iban: Option<String>,
}

/// What becomes of the money of a credit note: `total = reduces_due + to_credit + to_refund`.
#[derive(Debug, Clone, PartialEq)]
pub struct TakenBack {
    /// What was not paid yet, and need not be.
    pub reduces_due: Money,
    /// What becomes credit on the account.
    pub to_credit: Money,
    /// What goes back to the customer.
    pub to_refund: Money,
}

/// How the money of a document moves.
#[derive(Debug, Clone, PartialEq)]
pub enum Moves {
    /// Towards the seller.
    In(Settlement),
    /// Back to the buyer.
    Back(TakenBack),
}

/// A document as it is printed.
#[derive(Debug, Clone, PartialEq)]
pub struct Paper {
    /// What it is.
    pub kind: Kind,
    /// The id of the invoice, of the credit note or of the order.
    pub id: String,
    /// Its number; `None` only on a pro forma.
    pub number: Option<String>,
    /// The position of the log as of which it is printed.
    pub position: i64,
    /// The day of its issue, in the seller's zone.
    pub issued_on: NaiveDate,
    /// The instant of its issue.
    pub issued_at: daybook_events::Timestamp,
    /// The number of the order that it is about.
    pub order_number: Option<String>,
    /// What a credit note takes from.
    pub original: Option<Original>,
    /// Why it was taken back, to the customer.
    pub reason: Option<Reason>,
    /// Who sells.
    pub seller: Party,
    /// Who buys.
    pub buyer: Party,
    /// The account, as the seller's reference of the buyer.
    pub account: String,
    /// Every amount is in it.
    pub currency: Currency,
    /// The days of service of all lines.
    pub period: Option<Days>,
    /// What is sold, or taken back.
    pub lines: Vec<Line>,
    /// How it is taxed, and why.
    pub tax: Tax,
    /// The sums of the lines.
    pub totals: Totals,
    /// How its money moves.
    pub moves: Moves,
}
