//! What a customer does about what the ledger recorded.

use daybook_events::{
    Event,
    event::{
        AccountEvent as A, CreditEvent, CreditSource, EndReason, InvoiceEvent, OrderEvent,
        OrderPlaced, OrderPurpose, PaymentEvent, ProfileEvent, SubscriptionEvent, UsageEvent,
    },
};

use super::{
    customer::{Answer, Change, Customer, Next, Step},
    desk::Desk,
    whims,
};

const MINUTE: i64 = 60;
const HOUR: i64 = 3_600;
const DAY: i64 = 86_400;

impl Customer {
    /// What follows from an event of the customer's account.
    pub(super) fn react(&mut self, event: &Event, desk: &mut Desk<'_>) -> Next {
        let Event::Account(event) = event else { return Vec::new() };
        match event {
            A::Order(OrderEvent::OrderPlaced(placed)) => self.react_to_order(placed, desk),
            // Perhaps the second try works.
            A::Order(OrderEvent::OrderExpired(_)) => maybe(40, desk, DAY, 10 * DAY, Step::Order),
            A::Payment(PaymentEvent::RefundRequested(requested)) => {
                let answer = desk.pick(&[(85, Answer::Sent), (15, Answer::Failed)]);
                soon(desk, Step::Answer(requested.refund_id, answer))
            }
            A::Payment(PaymentEvent::RefundFailed(failed)) => {
                let again = Step::Answer(failed.refund_id, Answer::Sent);
                maybe(80, desk, DAY, 4 * DAY, again)
            }
            A::Subscription(event) => react_to_subscription(event, desk),
            A::Invoice(InvoiceEvent::InvoiceWrittenOff(it)) => {
                maybe(30, desk, 3 * DAY, 20 * DAY, Step::Undo(it.adjustment_id))
            }
            A::Credit(CreditEvent::CreditGranted(granted)) => match granted.source {
                CreditSource::Adjustment { adjustment_id, .. } => {
                    maybe(30, desk, HOUR, 5 * DAY, Step::Undo(adjustment_id))
                }
                CreditSource::CreditNote { .. } | CreditSource::Overpayment { .. } => Vec::new(),
            },
            A::Usage(UsageEvent::UsageReserved(reserved)) => {
                let id = reserved.reservation_id;
                let step = desk.pick(&[(75, Step::Settle(id)), (25, Step::Release(id))]);
                soon(desk, step)
            }
            A::Profile(ProfileEvent::AccountParked(_)) => {
                maybe(100, desk, DAY, 3 * DAY, Step::Unpark)
            }
            _ => Vec::new(),
        }
    }

    fn react_to_order(&mut self, placed: &OrderPlaced, desk: &mut Desk<'_>) -> Next {
        let id = placed.order_id;
        if !placed.amount.is_positive() {
            return Vec::new();
        }
        match placed.purpose {
            OrderPurpose::Subscribe { .. } => {
                let mut next = vec![(desk.within(5, MINUTE), Step::Checkout(id))];
                let minutes = desk.within(MINUTE, 12 * MINUTE);
                // The card is refused, and another one is found the day after.
                let tomorrow = desk.within(DAY, 2 * DAY);
                let after_all = desk.within(8 * DAY, 14 * DAY);
                next.extend(desk.pick(&[
                    (86, Some((minutes, Step::Pay(id)))),
                    (3, Some((tomorrow, Step::Pay(id)))),
                    (4, Some((after_all, Step::PayAnyway(id)))),
                    (4, Some((minutes, Step::Abandon(id)))),
                    (3, None),
                ]));
                next
            }
            OrderPurpose::ChangePlan => {
                let mut next = vec![(desk.within(5, MINUTE), Step::Checkout(id))];
                let step = desk.pick(&[(85, Step::Pay(id)), (15, Step::Abandon(id))]);
                next.extend(maybe(90, desk, MINUTE, 30 * MINUTE, step));
                next
            }
            OrderPurpose::PayInvoice { .. } if self.dodges => Vec::new(),
            OrderPurpose::PayInvoice { .. } => {
                let promptly = desk.within(MINUTE, 2 * DAY);
                let late = desk.within(8 * DAY, 13 * DAY);
                let suspended = desk.within(15 * DAY, 20 * DAY);
                let paid = desk.pick(&[
                    (900, Some(promptly)),
                    (55, Some(late)),
                    (25, Some(suspended)),
                    (12, None),
                ]);
                self.dodges = paid.is_none();
                paid.map(|at| (at, Step::Pay(id))).into_iter().collect()
            }
        }
    }
}

fn react_to_subscription(event: &SubscriptionEvent, desk: &mut Desk<'_>) -> Next {
    match event {
        SubscriptionEvent::TrialStarted(started) => whims::in_period(started.period, desk),
        SubscriptionEvent::SubscriptionActivated(it) => whims::in_period(it.period, desk),
        SubscriptionEvent::SubscriptionRenewed(it) => whims::in_period(it.period, desk),
        SubscriptionEvent::PlanChanged(it) if it.from.cycle != it.to.cycle => {
            whims::in_period(it.period, desk)
        }
        SubscriptionEvent::PlanChangeScheduled(_) => {
            maybe(25, desk, HOUR, 3 * DAY, Step::Change(Change::Keep))
        }
        SubscriptionEvent::CancellationScheduled(_) => {
            maybe(30, desk, HOUR, 50 * HOUR, Step::Resume)
        }
        SubscriptionEvent::SubscriptionEnded(ended) => match ended.reason {
            EndReason::Cancelled => {
                let mut next = maybe(15, desk, HOUR, 30 * HOUR, Step::Resume);
                next.extend(maybe(30, desk, 3 * DAY, 60 * DAY, Step::Order));
                // A window that closed long ago.
                next.extend(maybe(5, desk, 20 * DAY, 40 * DAY, Step::Refund));
                next
            }
            EndReason::Refunded | EndReason::Withdrawn => {
                maybe(20, desk, 10 * DAY, 60 * DAY, Step::Order)
            }
            EndReason::Unpaid => {
                let mut next = maybe(80, desk, 5 * DAY, 30 * DAY, Step::WriteOff);
                next.extend(maybe(25, desk, 40 * DAY, 90 * DAY, Step::Order));
                next
            }
        },
        _ => Vec::new(),
    }
}

fn soon(desk: &mut Desk<'_>, step: Step) -> Next {
    vec![(desk.within(5, HOUR), step)]
}

/// A step of some likelihood, in percent, some seconds from now.
fn maybe(percent: u32, desk: &mut Desk<'_>, from: i64, to: i64, step: Step) -> Next {
    let at = desk.within(from, to);
    desk.chance(percent).then_some((at, step)).into_iter().collect()
}
