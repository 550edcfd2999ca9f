//! What the commands on payments by hand share: the processor's name, the reference that the
//! customer writes on the transfer, and the booking itself.

use super::{ConfirmPayment, start_checkout::sold_by_merchant};
use crate::{
    account::{Account, Order, OrderStatus},
    draft::Draft,
    envelope::StreamId,
    event::{CheckoutStarted, PaymentSent},
    ids::{AccountId, OrderId},
    rejection::Rejection,
};

/// The name that events carry where the processor is somebody who looks.
pub const MANUAL: &str = "manual";

/// What the customer writes on the transfer: order numbers are unique in a ledger, so this is too.
pub(super) fn reference(method: &str, order_number: &str) -> String {
    format!("{method}-{order_number}")
}

/// An order that can still be paid.
pub(super) fn open_order(account: &Account, id: OrderId) -> Result<&Order, Rejection> {
    let order = account.orders.get(id).ok_or(Rejection::OrderUnknown)?;
    match order.status {
        OrderStatus::Open => Ok(order),
        OrderStatus::Paid => Err(Rejection::OrderAlreadyPaid { order: id }),
        OrderStatus::Cancelled | OrderStatus::Expired => Err(Rejection::OrderNotOpen { order: id }),
    }
}

/// Books the payment of an open order by hand: its checkout first, where it has none by hand.
/// The payment's id is the order's reference, so that no order is paid twice.
pub(super) fn pay_by_hand(
    draft: &mut Draft,
    account_id: AccountId,
    order_id: OrderId,
    transaction: Option<&str>,
) -> Result<(), Rejection> {
    let account = draft.account(account_id)?;
    let order = open_order(&account, order_id)?;
    let by_hand = order.checkout.as_ref().filter(|checkout| checkout.processor == MANUAL);
    let processor_order_id = match by_hand {
        Some(checkout) => checkout.processor_order_id.clone(),
        None => start_checkout(draft, &account, order)?,
    };
    if let Some(transaction) = transaction {
        name_transaction(draft, &account, order, transaction)?;
    }
    let processor_payment_id = processor_order_id.clone();
    let (amount, merchant) = (None, None);
    let confirm =
        ConfirmPayment { account_id, processor_order_id, processor_payment_id, amount, merchant };
    confirm.decide(draft)
}

fn start_checkout(
    draft: &mut Draft,
    account: &Account,
    order: &Order,
) -> Result<String, Rejection> {
    if sold_by_merchant(draft, account, order)? {
        return Err(Rejection::CheckoutWrongMerchant { order: order.id });
    }
    let processor_order_id = reference(MANUAL, &order.number);
    let started = CheckoutStarted {
        order_id: order.id,
        processor: MANUAL.to_owned(),
        processor_order_id: processor_order_id.clone(),
        amount: order.amount,
        url: None,
        success_url: None,
        cancel_url: None,
    };
    draft.record(StreamId::Account(account.id), started)?;
    Ok(processor_order_id)
}

/// Records which transfer it was, unless that is known.
fn name_transaction(
    draft: &mut Draft,
    account: &Account,
    order: &Order,
    transaction: &str,
) -> Result<(), Rejection> {
    check_transaction(transaction)?;
    let known = order.sent.as_ref().and_then(|sent| sent.transaction.as_deref());
    if known == Some(transaction) {
        return Ok(());
    }
    let sent = PaymentSent { order_id: order.id, transaction: Some(transaction.to_owned()) };
    draft.record(StreamId::Account(account.id), sent)
}

/// Refuses a transaction's id that no bank gives out.
pub(super) fn check_transaction(transaction: &str) -> Result<(), Rejection> {
    let length = transaction.chars().count();
    if (1..=200).contains(&length) && !transaction.chars().any(char::is_control) {
        return Ok(());
    }
    Err(Rejection::TransactionInvalid)
}
