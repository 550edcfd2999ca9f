//! On which accounts does something fall due, and when? Asked by the scheduler, which then has the
//! rules record it.
//!
//! One row per account that has an order or a subscription. `due_at` is what the rules call the
//! account's next due instant; a row that has nothing to wait for has none.

use std::collections::BTreeMap;

use daybook_events::{
    Event, Recorded, Timestamp,
    event::{
        AccountEvent as A, Adjusted, CreditEvent as C, InvoiceEvent as I, OrderEvent as O,
        PaymentEvent, ProfileEvent as P, SubscriptionEvent as S,
    },
    ids::{AccountId, InvoiceId, OrderId, SubscriptionId},
    money::{Money, MoneyError},
    policy::{DunningAction, DunningDate},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::projection::{FoldError, Projection};

/// The subscription whose periods end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Running {
    /// The subscription's id.
    pub subscription_id: SubscriptionId,
    /// When its period, or its free days, end.
    pub ends_at: Timestamp,
    /// How far down the dunning ladder it is; `null` before the first step.
    pub dunned: Option<DunningAction>,
    /// Whether it is over; it may still be resumed.
    pub ended: bool,
    /// Whether it is in its free days, which are on our calendar whoever comes after them.
    pub in_trial: bool,
    /// Whether a processor runs it: then nothing but a scheduled cancellation is on our calendar.
    pub linked: bool,
    /// When a scheduled cancellation takes effect; `null` where none is scheduled.
    pub cancel_at: Option<Timestamp>,
}

impl Running {
    fn is_run_by_processor(&self) -> bool {
        self.linked && !self.in_trial
    }

    fn falls_due_at(&self) -> Option<Timestamp> {
        if self.is_run_by_processor() { self.cancel_at } else { Some(self.ends_at) }
    }
}

/// An invoice with something due.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Unpaid {
    /// The subscription that it bills.
    pub subscription_id: SubscriptionId,
    /// How much is due; nothing where it was written off.
    pub due: Money,
    /// Its ladder.
    pub dunning: Vec<DunningDate>,
}

/// What an account waits for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ScheduleRow {
    /// The position of the last event that touched the row.
    pub position: i64,
    /// Whose it is.
    pub account_id: AccountId,
    /// When the next thing falls due; `null` where nothing does.
    pub due_at: Option<Timestamp>,
    /// Whether nothing is billed until somebody has looked.
    pub parked: bool,
    /// The newest subscription.
    pub subscription: Option<Running>,
    /// Open orders that expire, and when.
    pub orders: BTreeMap<OrderId, Timestamp>,
    /// Invoices with something due, or written off.
    pub invoices: BTreeMap<InvoiceId, Unpaid>,
}

impl ScheduleRow {
    fn empty(account_id: AccountId) -> Self {
        Self {
            position: 0,
            account_id,
            due_at: None,
            parked: false,
            subscription: None,
            orders: BTreeMap::new(),
            invoices: BTreeMap::new(),
        }
    }

    fn after(mut self, event: &A, position: i64) -> Result<Self, MoneyError> {
        match event {
            A::Profile(event) => self.profiled(event),
            A::Order(event) => self.ordered(event),
            A::Payment(PaymentEvent::PaymentCaptured(captured)) => {
                self.orders.remove(&captured.order_id);
            }
            A::Subscription(event) => self.subscribed(event),
            A::Invoice(event) => self.invoiced(event)?,
            A::Credit(C::CreditApplied(applied)) => {
                self.less_due(applied.invoice_id, applied.amount)?
            }
            A::Credit(C::AdjustmentUndone(undone)) => {
                if let Adjusted::WriteOff { invoice_id } = undone.adjusted
                    && let Some(unpaid) = self.invoices.get_mut(&invoice_id)
                {
                    unpaid.due = unpaid.due.plus(undone.amount)?;
                }
            }
            A::Payment(_) | A::Credit(_) | A::Usage(_) => {}
        }
        self.due_at = self.reckoned_due();
        Ok(Self { position, ..self })
    }

    fn profiled(&mut self, event: &P) {
        match event {
            P::AccountParked(_) => self.parked = true,
            P::AccountReleased(_) => self.parked = false,
            P::AccountOpened(_) | P::BillingDetailsRevised(_) => {}
        }
    }

    fn ordered(&mut self, event: &O) {
        match event {
            O::OrderPlaced(placed) => {
                self.orders.extend(placed.expires_at.map(|at| (placed.order_id, at)));
            }
            O::OrderCancelled(cancelled) => drop(self.orders.remove(&cancelled.order_id)),
            O::OrderExpired(expired) => drop(self.orders.remove(&expired.order_id)),
            O::CheckoutStarted(_) | O::PaymentSent(_) => {}
        }
    }

    fn subscribed(&mut self, event: &S) {
        match event {
            S::TrialStarted(started) => {
                self.orders.remove(&started.order_id);
                self.runs(started.subscription_id, started.period.end, true, false);
            }
            S::SubscriptionActivated(activated) => {
                self.orders.remove(&activated.order_id);
                let linked = activated.run_by.is_some();
                self.runs(activated.subscription_id, activated.period.end, false, linked);
            }
            S::PlanChanged(changed) => self.ends_at(changed.period.end),
            S::SubscriptionRenewed(renewed) => self.ends_at(renewed.period.end),
            S::FellPastDue(_) => self.dunned(Some(DunningAction::PastDue)),
            S::SubscriptionSuspended(_) => self.dunned(Some(DunningAction::Suspend)),
            S::SubscriptionRecovered(_) => self.dunned(None),
            S::SubscriptionEnded(_) => self.ended(true),
            S::SubscriptionResumed(_) => {
                self.ended(false);
                self.cancelled(None);
            }
            S::CancellationScheduled(scheduled) => self.cancelled(Some(scheduled.takes_effect_at)),
            S::SubscriptionLinked(linked) => {
                let newest = self.subscription.iter_mut();
                newest
                    .filter(|running| linked.subscription_id == Some(running.subscription_id))
                    .for_each(|running| running.linked = true);
            }
            S::PlanChangeScheduled(_)
            | S::PlanChangeWithdrawn(_)
            | S::LimitsCustomised(_)
            | S::LimitsReapplied(_)
            | S::SubscriptionFollowed(_)
            | S::PlanChangeRequested(_) => {}
        }
    }

    fn invoiced(&mut self, event: &I) -> Result<(), MoneyError> {
        match event {
            I::InvoiceIssued(issued) => {
                if issued.totals.total.is_positive() {
                    let (subscription_id, due) = (issued.subscription_id, issued.totals.total);
                    let unpaid = Unpaid { subscription_id, due, dunning: issued.dunning.clone() };
                    self.invoices.insert(issued.invoice_id, unpaid);
                }
            }
            // Nothing more is due, for good.
            I::InvoicePaid(paid) => drop(self.invoices.remove(&paid.invoice_id)),
            I::InvoiceWrittenOff(given_up) => {
                self.less_due(given_up.invoice_id, given_up.amount)?
            }
            I::CreditNoteIssued(note) => {
                self.less_due(note.invoice_id, note.reduces_due)?;
                // One that was written off is never credited, so nothing more becomes due on it.
                self.invoices.retain(|id, it| *id != note.invoice_id || it.due.is_positive());
            }
            I::DocumentRendered(_) => {}
        }
        Ok(())
    }

    fn less_due(&mut self, id: InvoiceId, amount: Money) -> Result<(), MoneyError> {
        if let Some(unpaid) = self.invoices.get_mut(&id) {
            unpaid.due = unpaid.due.minus(amount)?;
        }
        Ok(())
    }

    fn runs(&mut self, id: SubscriptionId, ends_at: Timestamp, in_trial: bool, linked: bool) {
        self.subscription = Some(Running {
            subscription_id: id,
            ends_at,
            dunned: None,
            ended: false,
            in_trial,
            linked,
            cancel_at: None,
        });
    }

    fn cancelled(&mut self, cancel_at: Option<Timestamp>) {
        self.subscription.iter_mut().for_each(|running| running.cancel_at = cancel_at);
    }

    fn ends_at(&mut self, ends_at: Timestamp) {
        self.subscription.iter_mut().for_each(|running| running.ends_at = ends_at);
    }

    fn dunned(&mut self, dunned: Option<DunningAction>) {
        self.subscription.iter_mut().for_each(|running| running.dunned = dunned);
    }

    fn ended(&mut self, ended: bool) {
        self.subscription.iter_mut().for_each(|running| running.ended = ended);
    }

    fn reckoned_due(&self) -> Option<Timestamp> {
        if self.parked {
            return None;
        }
        let expiring = self.orders.values().copied();
        let running = self.subscription.iter().filter(|running| !running.ended);
        let dunned_here = running.clone().filter(|running| !running.is_run_by_processor());
        let dunning = dunned_here.flat_map(|running| {
            let own = |unpaid: &&Unpaid| {
                unpaid.subscription_id == running.subscription_id && unpaid.due.is_positive()
            };
            let steps = self.invoices.values().filter(own).flat_map(|unpaid| &unpaid.dunning);
            steps.filter(|step| Some(step.action) > running.dunned).map(|step| step.at)
        });
        let ending = running.filter_map(Running::falls_due_at);
        expiring.chain(dunning).chain(ending).min()
    }
}

/// Whether an event can change when the next thing falls due.
fn touches(event: &A) -> bool {
    match event {
        A::Profile(P::AccountParked(_) | P::AccountReleased(_)) => true,
        A::Order(O::CheckoutStarted(_) | O::PaymentSent(_)) => false,
        A::Order(_) | A::Subscription(_) | A::Invoice(_) => true,
        A::Payment(PaymentEvent::PaymentCaptured(_)) => true,
        A::Credit(C::CreditApplied(_)) => true,
        A::Credit(C::AdjustmentUndone(undone)) => undone.adjusted != Adjusted::Credit,
        A::Profile(_) | A::Payment(_) | A::Credit(_) | A::Usage(_) => false,
    }
}

/// The projection of what every account waits for.
#[derive(Debug)]
pub struct Schedules;

impl Projection for Schedules {
    type Row = ScheduleRow;

    const NAME: &'static str = "schedules";
    const TABLE: &'static str = include_str!("../../migrations/projections/schedules.sql");

    fn account(row: &ScheduleRow) -> Option<AccountId> {
        Some(row.account_id)
    }

    fn keys(recorded: &Recorded) -> Vec<String> {
        match &recorded.event {
            Event::Account(event) if touches(event) => {
                recorded.account().iter().map(ToString::to_string).collect()
            }
            Event::Account(_)
            | Event::Plan(_)
            | Event::Coupon(_)
            | Event::Access(_)
            | Event::Book(_) => Vec::new(),
        }
    }

    fn fold(
        key: &str,
        row: Option<ScheduleRow>,
        recorded: &Recorded,
    ) -> Result<Option<ScheduleRow>, FoldError> {
        let Event::Account(event) = &recorded.event else { return Ok(row) };
        let account_id = recorded.account().ok_or_else(|| FoldError::missing(recorded, key))?;
        let row = row.unwrap_or_else(|| ScheduleRow::empty(account_id));
        Ok(Some(row.after(event, recorded.position)?))
    }
}

#[cfg(test)]
mod tests {
    use daybook_events::{
        commands::{UndoAdjustment, WriteOff},
        testing::*,
    };

    use super::*;
    use crate::testing::fold_one;

    /// The row says what the rules say, after every event that the history has.
    #[track_caller]
    fn agrees(given: &Given) -> Option<String> {
        let row = fold_one::<Schedules>(given.events());
        assert_eq!(row.due_at, given.account().next_due().map(|(at, _)| at));
        row.due_at.map(|at| at.to_string())
    }

    #[test]
    fn what_a_processor_runs_waits_for_its_end_only() {
        let given = given_run_by_merchant();
        assert_eq!(agrees(&given), None);
        let cancelled = given.clone().and(cancel(true));
        assert_eq!(agrees(&cancelled).as_deref(), Some("2026-06-01T00:00:00.000000Z"));
        assert_eq!(agrees(&cancelled.clone().and(resume())), None);
        let ends = ending_word("cancelled", "2026-05-02T00:00:00Z", "2026-06-01T00:00:09Z");
        let heard = cancelled.and(ends);
        assert_eq!(agrees(&heard).as_deref(), Some("2026-06-01T00:00:09.000000Z"));
        assert_eq!(agrees(&heard.at("2026-06-02T00:00:00Z").and(settle_due())), None);
        let late = given.and(word("past_due", "2026-06-01T00:00:00Z"));
        let late = late.and(word("unpaid", "2026-06-02T00:00:00Z"));
        assert_eq!(
            agrees(&late.at("2026-06-03T00:00:00Z").and(renewal("r", "2026-06-01T00:00:00Z"))),
            None
        );
        // Linked after it began, and in the middle of a debt of ours.
        let ours = given_account().and(with_trial("pro", 14)).and(order_at_merchant());
        let billed = ours.at("2026-05-15T00:00:00Z").and(settle_due());
        let checkout = billed.merchant_checkout();
        let linking = link(billed.newest_order());
        let linked = billed.at("2026-05-23T00:00:00Z").and(checkout).and(linking);
        assert_eq!(agrees(&linked), None);
        assert_eq!(agrees(&linked.and(confirm("ls_order", "first"))), None);
    }

    #[test]
    fn due_is_what_the_rules_say_along_a_whole_life() {
        let ordered = given_account().and(offer("SAVE10", "10")).and(order_with("SAVE10"));
        assert_eq!(agrees(&ordered).as_deref(), Some("2026-05-08T00:00:00.000000Z"));
        let running = ordered.and_paid();
        assert_eq!(agrees(&running).as_deref(), Some("2026-06-01T00:00:00.000000Z"));
        agrees(&running.clone().and(cancel(false)));
        agrees(&running.clone().and(cancel(false)).and(resume()));
        let upgraded =
            running.clone().at("2026-05-11T00:00:00Z").and(change_plan("enterprise_lite"));
        assert_eq!(agrees(&upgraded).as_deref(), Some("2026-05-18T00:00:00.000000Z"));
        let mut later = upgraded.clone();
        for at in ["2026-05-18T00:00:00Z", "2026-05-25T00:00:00Z", "2026-06-01T00:00:00Z"] {
            later = later.at(at).and(settle_due());
            agrees(&later);
        }
        assert_eq!(agrees(&later), None);
        agrees(&upgraded.at("2026-05-26T00:00:00Z").and(settle_due()).and_paid());
    }

    #[test]
    fn what_was_written_off_is_waited_for_no_more_until_that_is_undone() {
        let given = given_subscribed("pro").at("2026-06-09T00:00:00Z").and(settle_due());
        agrees(&given);
        let invoice_id = given.account().invoices.iter().find(|it| it.is_open()).unwrap().id;
        let (account_id, reason) = (account_id(), "uncollectable".to_owned());
        let given = given.and(WriteOff { account_id, invoice_id, reason: reason.clone() });
        assert_eq!(agrees(&given).as_deref(), Some("2026-07-01T00:00:00.000000Z"));
        let adjustment_id = given.last_adjustment();
        let given = given.and(UndoAdjustment { account_id, adjustment_id, reason });
        assert_eq!(agrees(&given).as_deref(), Some("2026-06-08T00:00:00.000000Z"));
    }

    #[test]
    fn a_parked_account_waits_for_nothing() {
        let given = given_subscribed("pro").and(tax_rules("DE", "19", false));
        let parked = given.at("2026-06-01T00:00:00Z").and(settle_due());
        assert_eq!(agrees(&parked), None);
        let released = parked.and(tax_rules("GB", "20", false)).and(release("rules mended"));
        assert!(agrees(&released).is_some());
    }
}
