//! What a processor's news means for what was found of ours. Pure but for the name of a variant,
//! which the settings know.

use daybook_events::{
    Money,
    commands::{
        ChargeReason, Command, ConfirmPayment, DisputeState as Stands, FollowProcessor,
        LinkSubscription, RecordDispute, RecordFee, RecordOutsideRefund, RecordPaymentFailure,
        RecordRefund, RecordRefundedInAll, RefundOutcome, RenewByProcessor,
    },
    event::MerchantShare,
    ids::AccountId,
};
use daybook_projections::{
    orders::{OrderRow, OrderStatus},
    payments::PaymentRow,
};

use super::finding::Found;
use crate::{
    app::App,
    processors::news::{
        BillingReason, Captured, Dispute, DisputeState, News, Ordered, Payment, Refund,
        RefundState, RefundedInAll, Subscription,
    },
};

/// What news means.
pub(super) enum Meaning {
    /// Nothing to keep, and why.
    Nothing(&'static str),
    /// What it speaks of is not here: it may come.
    Waits(&'static str, String),
    /// It cannot be believed or placed: somebody has to look.
    Aside(&'static str, String),
    /// The payment is to be taken first.
    Capture {
        /// Whose.
        account: AccountId,
        /// The processor's id of the payment.
        payment_id: String,
        /// How much.
        amount: Money,
        /// What is recorded once it is taken.
        then: Box<Command>,
    },
    /// What is to be recorded, in order.
    Commands(AccountId, Vec<Command>),
}

/// What news means for what was found.
pub(super) fn of(app: &App, news: &News, found: Found) -> Meaning {
    match (news, found) {
        (News::Nothing, _) => Meaning::Nothing("it moves no money"),
        (News::Captured(captured), Found::Order(order)) => captured_for(captured, &order),
        (News::Captured(captured), Found::Subscription(account)) => renewed(captured, account),
        (News::Subscription(it), Found::Order(order)) => linked(app, it, &order),
        (News::Subscription(it), Found::Subscription(account)) => {
            follow(app, it, account, Vec::new())
        }
        (News::Authorised(payment), Found::Order(order)) => authorised(payment, &order),
        (News::Authorised(payment), Found::Payment(booked)) => booked_before(payment, &booked),
        (News::Failed { payment, reason }, Found::Order(order)) => failed(payment, reason, &order),
        (News::Failed { .. }, Found::Subscription(_)) => {
            Meaning::Nothing("the processor tries again, and says how its subscription stands")
        }
        (News::Refund(refund), Found::Refund(account_id, refund_id)) => {
            let outcome = match refund.state {
                RefundState::Pending => return Meaning::Nothing("the refund is on its way"),
                RefundState::Processed => RefundOutcome::Processed(refund.refund_id.clone()),
                RefundState::Failed => {
                    let processor_refund_id = refund.refund_id.clone();
                    let reason =
                        format!("the processor could not send refund {}", refund.refund_id);
                    RefundOutcome::FailedAs { processor_refund_id, reason }
                }
            };
            one(account_id, RecordRefund { account_id, refund_id, outcome })
        }
        (News::Refund(refund), Found::Payment(payment)) => outside(refund, payment.account_id),
        (News::RefundedInAll(refunded), Found::Payment(payment)) => {
            let account_id = payment.account_id;
            let processor_payment_id = payment.processor_payment_id.clone();
            let total = refunded.amount;
            one(account_id, RecordRefundedInAll { account_id, processor_payment_id, total })
        }
        (News::Dispute(it), Found::Payment(payment)) => disputed(it, payment.account_id),
        (News::Captured(captured), _) => {
            waits("order_unknown", "order", &captured.payment.payment_id)
        }
        (News::Authorised(payment) | News::Failed { payment, .. }, _) => {
            waits("order_unknown", "order", &payment.payment_id)
        }
        (News::Refund(Refund { payment_id, .. }), _)
        | (News::RefundedInAll(RefundedInAll { payment_id, .. }), _) => {
            waits("payment_unknown", "payment", payment_id)
        }
        (News::Dispute(it), _) => waits("payment_unknown", "payment", &it.payment_id),
        (News::Subscription(it), _) => {
            waits("subscription_unknown", "subscription", &it.subscription_id)
        }
    }
}

fn one(account: AccountId, command: impl Into<Command>) -> Meaning {
    Meaning::Commands(account, vec![command.into()])
}

fn waits(code: &'static str, what: &str, id: &str) -> Meaning {
    Meaning::Waits(code, format!("no {what} of ours is known for the processor's {id}"))
}

fn confirmation(order: &OrderRow, payment: &Payment, tax: Option<Money>) -> ConfirmPayment {
    let total = payment.amount;
    ConfirmPayment {
        account_id: order.account_id,
        processor_order_id: theirs(order),
        processor_payment_id: payment.payment_id.clone(),
        // A merchant of record takes its own tax too: the share says what fits.
        amount: tax.is_none().then_some(total),
        merchant: tax.map(|tax| MerchantShare { total, tax }),
    }
}

/// The processor's id of an order that was found by it.
fn theirs(order: &OrderRow) -> String {
    let at_processor = order.at_processor.as_ref();
    at_processor.map(|it| it.processor_order_id.clone()).unwrap_or_default()
}

fn captured_for(captured: &Captured, order: &OrderRow) -> Meaning {
    let account_id = order.account_id;
    let confirm = confirmation(order, &captured.payment, captured.merchant_tax);
    let mut commands = vec![Command::from(confirm)];
    let fee = captured.fee.filter(|fee| !fee.service.is_zero() || !fee.tax.is_zero());
    commands.extend(fee.map(|fee| {
        let processor_payment_id = captured.payment.payment_id.clone();
        let (service, tax) = (fee.service, fee.tax);
        Command::from(RecordFee { account_id, processor_payment_id, service, tax })
    }));
    Meaning::Commands(account_id, commands)
}

/// Money for a subscription that the processor runs.
fn renewed(captured: &Captured, account_id: AccountId) -> Meaning {
    let Ordered::Subscription { id, reason } = &captured.payment.order else {
        return Meaning::Nothing("it names no subscription");
    };
    let reason = match reason {
        BillingReason::Initial => return Meaning::Nothing("its order is told by another message"),
        BillingReason::Renewal => ChargeReason::Renewal,
        BillingReason::Updated => ChargeReason::Updated,
        BillingReason::Other(_) => ChargeReason::Other,
    };
    let total = captured.payment.amount;
    let none = Money::zero(total.currency());
    one(
        account_id,
        RenewByProcessor {
            account_id,
            processor_subscription_id: id.clone(),
            processor_payment_id: captured.payment.payment_id.clone(),
            total,
            tax: captured.merchant_tax.unwrap_or(none),
            reason,
            at: captured.at,
        },
    )
}

/// A subscription of theirs that began with an order of ours.
fn linked(app: &App, it: &Subscription, order: &OrderRow) -> Meaning {
    let account_id = order.account_id;
    let link = LinkSubscription {
        account_id,
        order_id: order.order_id,
        processor: order.at_processor.as_ref().map(|it| it.processor.clone()).unwrap_or_default(),
        processor_subscription_id: it.subscription_id.clone(),
    };
    follow(app, it, account_id, vec![link.into()])
}

/// How a subscription of theirs stands, after whatever comes first.
fn follow(
    app: &App,
    it: &Subscription,
    account_id: AccountId,
    mut commands: Vec<Command>,
) -> Meaning {
    let plan = app.processors.iter().find_map(|processor| processor.plan_of(&it.variant_id));
    commands.extend(it.updated_at.map(|updated_at| {
        Command::from(FollowProcessor {
            account_id,
            processor_subscription_id: it.subscription_id.clone(),
            status: it.status.clone(),
            plan,
            renews_at: it.renews_at,
            ends_at: it.ends_at,
            updated_at,
        })
    }));
    Meaning::Commands(account_id, commands)
}

/// An authorised payment is taken where its order still wants it; otherwise it lapses by itself, and
/// nothing was taken.
fn authorised(payment: &Payment, order: &OrderRow) -> Meaning {
    if payment.amount != order.amount {
        let (given, expected) = (payment.amount, order.amount);
        let text = format!("{given} was authorised for an order of {expected}: it is not taken");
        return Meaning::Aside("amount_differs", text);
    }
    match order.status {
        OrderStatus::AwaitingPayment | OrderStatus::Pending => Meaning::Capture {
            account: order.account_id,
            payment_id: payment.payment_id.clone(),
            amount: payment.amount,
            then: Box::new(confirmation(order, payment, None).into()),
        },
        OrderStatus::Paid | OrderStatus::Cancelled | OrderStatus::Expired => {
            Meaning::Nothing("its order does not wait for it: it is not taken, and lapses")
        }
    }
}

/// A customer who comes back, or a confirm call, brings Razorpay's word for a payment that may be
/// no more than authorised. It is booked then, so it has to be taken: else it lapses.
fn booked_before(payment: &Payment, booked: &PaymentRow) -> Meaning {
    if booked.fee.is_some() {
        return Meaning::Nothing("it is booked with its fee, so it is taken");
    }
    let then = ConfirmPayment {
        account_id: booked.account_id,
        processor_order_id: booked.processor_order_id.clone(),
        processor_payment_id: payment.payment_id.clone(),
        amount: Some(payment.amount),
        merchant: None,
    };
    Meaning::Capture {
        account: booked.account_id,
        payment_id: payment.payment_id.clone(),
        amount: payment.amount,
        then: Box::new(then.into()),
    }
}

fn failed(payment: &Payment, reason: &str, order: &OrderRow) -> Meaning {
    let account_id = order.account_id;
    one(
        account_id,
        RecordPaymentFailure {
            account_id,
            processor_order_id: theirs(order),
            processor_payment_id: payment.payment_id.clone(),
            amount: payment.amount,
            reason: reason.to_owned(),
        },
    )
}

/// A refund that the ledger did not ask for counts once it is sent.
fn outside(refund: &Refund, account_id: AccountId) -> Meaning {
    match refund.state {
        RefundState::Pending | RefundState::Failed => {
            Meaning::Nothing("a refund that the ledger did not ask for, and that is not sent")
        }
        RefundState::Processed => one(
            account_id,
            RecordOutsideRefund {
                account_id,
                processor_payment_id: refund.payment_id.clone(),
                processor_refund_id: refund.refund_id.clone(),
                amount: refund.amount,
            },
        ),
    }
}

fn disputed(dispute: &Dispute, account_id: AccountId) -> Meaning {
    let state = match dispute.state {
        DisputeState::Open => Stands::Open,
        DisputeState::Won => Stands::Won,
        DisputeState::Lost => Stands::Lost,
        DisputeState::Closed => Stands::Closed,
    };
    one(
        account_id,
        RecordDispute {
            account_id,
            processor_payment_id: dispute.payment_id.clone(),
            dispute_id: dispute.dispute_id.clone(),
            amount: dispute.amount,
            reason: dispute.reason.clone(),
            state,
            deducted: dispute.deducted,
        },
    )
}
