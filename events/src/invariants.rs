//! Invariants: what must hold of every history, reckoned from the events alone.
//!
//! It shares nothing with the states that the rules decide on, so it finds what they would hide:
//! a cent that appears or vanishes, an invoice below zero, a period billed twice or not at all. The
//! laws that the tests check and those that `daybook verify` checks are these.

use std::collections::{BTreeMap, HashMap, HashSet};

use chrono::NaiveDate;
use thiserror::Error;

use crate::{
    envelope::Recorded,
    event::{
        AccountEvent, Adjusted, BookEvent, CreditEvent, CreditNoteIssued, CreditSource, Event,
        InvoiceEvent, InvoiceIssued, PaymentEvent, ProfileEvent, RefundReported, SubscriptionEvent,
    },
    ids::{AccountId, InvoiceId, RefundId, SubscriptionId},
    money::{Currency, Money},
    period::Span,
    time::Timestamp,
    totals::Totals,
};

/// An invariant that a history breaks.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("position {position}: {law}: {detail}")]
pub struct Breach {
    /// The event at which it broke.
    pub position: i64,
    /// Which one, such as `money_is_conserved`.
    pub law: &'static str,
    /// What was found.
    pub detail: String,
}

/// What money did, per currency, in minor units.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sums {
    /// Invoiced, with tax.
    pub charged: i128,
    /// Taken back by credit notes.
    pub credited: i128,
    /// Captured.
    pub captured: i128,
    /// Taken from invoices, credit or nothing that is known to go back to customers.
    pub refunds: i128,
    /// What of that was requested or reported as a refund.
    pub refunded: i128,
    /// Went back without a place to take it from.
    pub unplaced: i128,
    /// Given as credit by hand, less what of it was undone.
    pub granted: i128,
    /// Written off, less what of it was undone.
    pub written_off: i128,
    /// Still due.
    pub receivable: i128,
    /// Credit that is left.
    pub credit: i128,
}

impl Sums {
    /// What was charged, given back and is owed to customers, less what was paid, taken back, given
    /// up, lost or due: nothing, where no cent appeared or vanished.
    #[must_use]
    pub fn difference(&self) -> i128 {
        (self.charged + self.refunds + self.credit)
            - (self.captured + self.credited + self.granted + self.written_off + self.receivable)
            - self.unplaced
    }

    fn plus(&mut self, other: &Self) {
        self.charged += other.charged;
        self.credited += other.credited;
        self.captured += other.captured;
        self.refunds += other.refunds;
        self.refunded += other.refunded;
        self.unplaced += other.unplaced;
        self.granted += other.granted;
        self.written_off += other.written_off;
        self.receivable += other.receivable;
        self.credit += other.credit;
    }
}

#[derive(Debug, Default)]
struct Invoice {
    due: i128,
    lines: Vec<i128>,
}

#[derive(Debug, Default)]
struct Account {
    currency: Option<Currency>,
    sums: Sums,
    invoices: HashMap<InvoiceId, Invoice>,
    periods: HashMap<SubscriptionId, Span>,
    begun: HashSet<(SubscriptionId, Timestamp)>,
}

/// Reads a history and notes what breaks.
#[derive(Debug, Default)]
pub struct Invariants {
    accounts: HashMap<AccountId, Account>,
    closed_through: Option<NaiveDate>,
    breaches: Vec<Breach>,
}

impl Invariants {
    /// What broke so far.
    #[must_use]
    pub fn breaches(&self) -> &[Breach] {
        &self.breaches
    }

    /// What money did so far, per currency, over every account.
    #[must_use]
    pub fn sums(&self) -> BTreeMap<Currency, Sums> {
        let mut all = BTreeMap::<_, Sums>::new();
        for account in self.accounts.values() {
            if let Some(currency) = account.currency {
                all.entry(currency).or_default().plus(&account.sums);
            }
        }
        all
    }

    /// Reads the next event of the log.
    pub fn read(&mut self, recorded: &Recorded) {
        self.check_posting_day(recorded);
        let (Event::Account(event), Some(id)) = (&recorded.event, recorded.account()) else {
            return;
        };
        let account = self.accounts.entry(id).or_default();
        let mut broken = Vec::new();
        let mut law = |law: &'static str, holds: bool, detail: &dyn Fn() -> String| {
            if !holds {
                broken.push(Breach { position: recorded.position, law, detail: detail() });
            }
        };
        account.read(event, &mut law);
        let sums = account.sums;
        law("money_is_conserved", sums.difference() == 0, &|| format!("{id}: {sums:?}"));
        law("credit_is_not_negative", sums.credit >= 0, &|| format!("{id}: {}", sums.credit));
        law("refunds_stay_within_payments", sums.refunds <= sums.captured, &|| {
            format!("{id}: {} of {}", sums.refunds, sums.captured)
        });
        self.breaches.append(&mut broken);
    }
}

impl Invariants {
    /// Nothing posts to a day in a period that was closed before; periods are closed in order.
    fn check_posting_day(&mut self, recorded: &Recorded) {
        let mut broken = |law: &'static str, detail: String| {
            self.breaches.push(Breach { position: recorded.position, law, detail });
        };
        let (day, through) = (recorded.posting_on, self.closed_through);
        if through.is_some_and(|through| day <= through) {
            broken("nothing_posts_to_a_closed_period", format!("{day}: {through:?} is closed"));
        }
        if let Event::Book(BookEvent::PeriodClosed(closed)) = &recorded.event {
            let period = closed.period;
            let meets = through.is_none_or(|through| through.succ_opt() == Some(period.first_day));
            if !meets || period.last_day < period.first_day {
                broken("periods_are_closed_in_order", format!("{period} after {through:?}"));
            }
            self.closed_through = Some(period.last_day);
        }
    }
}

type Law<'a> = dyn FnMut(&'static str, bool, &dyn Fn() -> String) + 'a;

impl Account {
    fn read(&mut self, event: &AccountEvent, law: &mut Law<'_>) {
        match event {
            AccountEvent::Profile(ProfileEvent::AccountOpened(opened)) => {
                self.currency = Some(opened.currency);
            }
            AccountEvent::Invoice(event) => self.invoice(event, law),
            AccountEvent::Payment(event) => self.payment(event, law),
            AccountEvent::Credit(event) => self.credit(event, law),
            AccountEvent::Subscription(event) => self.subscription(event, law),
            AccountEvent::Profile(_) | AccountEvent::Order(_) | AccountEvent::Usage(_) => {}
        }
    }

    fn invoice(&mut self, event: &InvoiceEvent, law: &mut Law<'_>) {
        match event {
            InvoiceEvent::InvoiceIssued(issued) => self.issued(issued, law),
            InvoiceEvent::InvoicePaid(paid) => {
                self.less_due(paid.invoice_id, paid.from_payment.minor(), law);
                self.sums.credit -= paid.from_payment.minor();
                let due = self.invoices.get(&paid.invoice_id).map_or(0, |invoice| invoice.due);
                law("a_paid_invoice_has_nothing_due", due == 0, &|| {
                    format!("{}: {due}", paid.invoice_id)
                });
            }
            InvoiceEvent::InvoiceWrittenOff(written_off) => {
                self.less_due(written_off.invoice_id, written_off.amount.minor(), law);
                self.sums.written_off += written_off.amount.minor();
            }
            InvoiceEvent::CreditNoteIssued(note) => self.taken_back(note, law),
            // Paper moves no money.
            InvoiceEvent::DocumentRendered(_) => {}
        }
    }

    fn issued(&mut self, issued: &InvoiceIssued, law: &mut Law<'_>) {
        let id = issued.invoice_id;
        check_totals(&issued.totals, issued.lines.iter().map(|line| line.total), law);
        for line in &issued.lines {
            let off = line.discount.map_or(0, |discount| discount.amount.minor());
            let adds_up = line.price.minor() - off == line.amount.minor();
            law("a_line_adds_up", adds_up && line.amount.minor() >= 0, &|| format!("{id}"));
        }
        let total = issued.totals.total.minor();
        self.sums.charged += total;
        self.sums.receivable += total;
        let lines = issued.lines.iter().map(|line| line.total.minor()).collect();
        self.invoices.insert(id, Invoice { due: total, lines });
    }

    fn taken_back(&mut self, note: &CreditNoteIssued, law: &mut Law<'_>) {
        let id = note.credit_note_id;
        check_totals(&note.totals, note.lines.iter().map(|line| line.total), law);
        let parts = note.reduces_due.minor() + note.to_credit.minor() + note.to_refund.minor();
        let total = note.totals.total.minor();
        law("a_credit_note_is_accounted_for", parts == total, &|| format!("{id}"));
        if let Some(invoice) = self.invoices.get_mut(&note.invoice_id) {
            for credit in &note.lines {
                let index = usize::try_from(credit.line).unwrap_or(usize::MAX);
                let left = invoice.lines.get_mut(index).map(|left| {
                    *left -= credit.total.minor();
                    *left
                });
                law("credit_notes_stay_within_their_lines", left >= Some(0), &|| format!("{id}"));
            }
        }
        self.less_due(note.invoice_id, note.reduces_due.minor(), law);
        self.sums.credited += total;
        self.sums.refunds += note.to_refund.minor();
        // What becomes credit is granted by an event of its own, which must follow.
        self.sums.credit += note.to_credit.minor();
    }

    fn payment(&mut self, event: &PaymentEvent, law: &mut Law<'_>) {
        match event {
            PaymentEvent::PaymentCaptured(captured) => {
                self.sums.captured += captured.amount.minor();
                // Held for the customer until an invoice or the account's credit takes it.
                self.sums.credit += captured.amount.minor();
            }
            PaymentEvent::RefundRequested(requested) => {
                self.refunded(requested.refund_id, requested.amount, law);
            }
            PaymentEvent::RefundReported(reported) => self.reported(reported, law),
            PaymentEvent::RefundProcessed(_)
            | PaymentEvent::RefundFailed(_)
            | PaymentEvent::PaymentFeeCharged(_)
            | PaymentEvent::PaymentFailed(_)
            | PaymentEvent::DisputeOpened(_)
            | PaymentEvent::DisputeClosed(_) => {}
        }
    }

    fn reported(&mut self, reported: &RefundReported, law: &mut Law<'_>) {
        let (credit, unplaced) = (reported.from_credit.minor(), reported.unplaced.minor());
        let parts = reported.from_invoices.minor() + credit + unplaced;
        let adds_up = parts == reported.amount.minor() && credit >= 0 && unplaced >= 0;
        law("a_reported_refund_is_accounted_for", adds_up, &|| format!("{}", reported.refund_id));
        self.sums.credit -= credit;
        self.sums.unplaced += unplaced;
        // What credit notes took of it came with them, before it.
        self.sums.refunds += credit + unplaced;
        self.refunded(reported.refund_id, reported.amount, law);
    }

    /// What goes back was taken from somewhere first.
    fn refunded(&mut self, id: RefundId, amount: Money, law: &mut Law<'_>) {
        self.sums.refunded += amount.minor();
        let Sums { refunds, refunded, .. } = self.sums;
        law("refunds_are_taken_from_somewhere", refunded <= refunds, &|| {
            format!("{id}: {refunded} of {refunds}")
        });
    }

    fn credit(&mut self, event: &CreditEvent, law: &mut Law<'_>) {
        match event {
            CreditEvent::CreditGranted(granted) => match granted.source {
                // Counted with the note or the payment that it comes from.
                CreditSource::CreditNote { .. } | CreditSource::Overpayment { .. } => {}
                CreditSource::Adjustment { .. } => {
                    self.sums.granted += granted.amount.minor();
                    self.sums.credit += granted.amount.minor();
                }
            },
            CreditEvent::CreditApplied(applied) => {
                self.less_due(applied.invoice_id, applied.amount.minor(), law);
                self.sums.credit -= applied.amount.minor();
            }
            CreditEvent::AdjustmentUndone(undone) => {
                let amount = undone.amount.minor();
                match undone.adjusted {
                    Adjusted::Credit => {
                        self.sums.granted -= amount;
                        self.sums.credit -= amount;
                    }
                    Adjusted::WriteOff { invoice_id } => {
                        self.sums.written_off -= amount;
                        self.less_due(invoice_id, -amount, law);
                    }
                }
            }
        }
    }

    fn less_due(&mut self, id: InvoiceId, amount: i128, law: &mut Law<'_>) {
        let due = self.invoices.get_mut(&id).map(|invoice| {
            invoice.due -= amount;
            invoice.due
        });
        law("no_invoice_is_negative", due >= Some(0), &|| format!("{id}: {due:?}"));
        self.sums.receivable -= amount;
    }

    fn subscription(&mut self, event: &SubscriptionEvent, law: &mut Law<'_>) {
        match event {
            SubscriptionEvent::TrialStarted(started) => {
                self.periods.insert(started.subscription_id, started.period);
            }
            SubscriptionEvent::SubscriptionActivated(activated) => {
                let (id, start) = (activated.subscription_id, activated.period.start);
                let trial = self.periods.insert(id, activated.period);
                law("periods_tile", trial.is_none_or(|trial| trial.end == start), &|| {
                    format!("{id}")
                });
                self.begins(id, start, law);
            }
            SubscriptionEvent::PlanChanged(changed) => {
                let (id, period) = (changed.subscription_id, changed.period);
                let before = self.periods.get(&id).copied();
                let stays = before == Some(period);
                // At a boundary the renewal follows, and is checked as one.
                let renews = before.is_some_and(|before| before.end == period.start);
                let begins_now = period.start == changed.at;
                law("periods_tile", stays || renews || begins_now, &|| format!("{id}"));
                if !renews {
                    self.periods.insert(id, period);
                }
            }
            SubscriptionEvent::SubscriptionRenewed(renewed) => {
                let (id, start) = (renewed.subscription_id, renewed.period.start);
                let before = self.periods.insert(id, renewed.period);
                let tiles = before.is_some_and(|before| before.end == start);
                law("periods_tile", tiles, &|| format!("{id}: {before:?} then {start}"));
                self.begins(id, start, law);
            }
            SubscriptionEvent::PlanChangeScheduled(_)
            | SubscriptionEvent::PlanChangeWithdrawn(_)
            | SubscriptionEvent::CancellationScheduled(_)
            | SubscriptionEvent::SubscriptionResumed(_)
            | SubscriptionEvent::FellPastDue(_)
            | SubscriptionEvent::SubscriptionSuspended(_)
            | SubscriptionEvent::SubscriptionRecovered(_)
            | SubscriptionEvent::SubscriptionEnded(_)
            | SubscriptionEvent::LimitsCustomised(_)
            | SubscriptionEvent::LimitsReapplied(_)
            | SubscriptionEvent::SubscriptionLinked(_)
            | SubscriptionEvent::SubscriptionFollowed(_)
            | SubscriptionEvent::PlanChangeRequested(_) => {}
        }
    }

    fn begins(&mut self, id: SubscriptionId, start: Timestamp, law: &mut Law<'_>) {
        let once = self.begun.insert((id, start));
        law("a_period_begins_once", once, &|| format!("{id} at {start}"));
    }
}

fn check_totals(totals: &Totals, lines: impl Iterator<Item = Money>, law: &mut Law<'_>) {
    let sum: i128 = lines.map(|line| line.minor()).sum();
    let taxes: i128 = totals.taxes.iter().map(|tax| tax.amount.minor()).sum();
    let adds_up = sum == totals.total.minor()
        && taxes == totals.tax.minor()
        && totals.net.minor() + taxes == sum;
    let not_negative =
        totals.net.minor() >= 0 && totals.taxes.iter().all(|t| t.amount.minor() >= 0);
    law("totals_add_up", adds_up && not_negative, &|| format!("{totals:?}"));
}

#[cfg(test)]
mod tests;
