//! How a payment on the sandbox's page comes into the ledger before its customer is back.
//!
//! As with a real processor it is the signed message to this server that books it. The page gives
//! that a moment, so that a customer who comes back finds what was bought. It does not rest on it:
//! a message that has been taken is booked by a worker some time later, a server that cannot be
//! reached under its own address never takes one, and a process that serves without a sender sends
//! none. Then the page does by itself what a panel does with the three values: it confirms the
//! payment. Whichever comes second finds the payment booked and changes nothing.

use std::{sync::Arc, time::Duration};

use daybook_events::{Rejection, commands::ConfirmPayment, store::SubmitError};
use daybook_projections::{
    orders::{OrderRow, OrderStatus, Orders},
    query::Reach,
};
use tokio::time::{sleep, timeout};

use crate::{
    app::App,
    http::{call::Call, error::ApiError},
    processors::sandbox::Sandbox,
};

/// How long the page waits for its message to be taken and booked.
const MOMENT: Duration = Duration::from_secs(3);
/// How often it looks whether that has happened.
const LOOK: Duration = Duration::from_millis(25);

/// Sees to it that a payment is booked: the position that shows it, or `None` where a second click
/// brings the same news.
pub(super) async fn booked(
    app: &Arc<App>,
    sandbox: &Sandbox,
    call: &Call,
    order: &OrderRow,
    payment_id: &str,
) -> Result<Option<i64>, ApiError> {
    let told = timeout(MOMENT, told(app, sandbox, call.capture(0), payment_id)).await;
    if let Ok(Ok(Some(position))) = told {
        return Ok(Some(position));
    }
    confirm(app, call, order, payment_id).await
}

/// Delivers what there is to say of a payment, and waits until its order is paid; `None` where
/// nothing was taken.
async fn told(
    app: &Arc<App>,
    sandbox: &Sandbox,
    order_id: &str,
    payment_id: &str,
) -> Result<Option<i64>, ApiError> {
    if !sandbox.send_due(Some(payment_id)).await? {
        return Ok(None);
    }
    loop {
        let position = app.settled(Reach::Ledger).await;
        let row = app.rows(Reach::Ledger).find::<Orders>("at_processor", order_id).await?;
        if row.is_some_and(|row| row.status == OrderStatus::Paid) {
            return Ok(Some(position));
        }
        sleep(LOOK).await;
    }
}

/// Books a payment: the position, or `None` where a second click brings the same news.
pub(in crate::http) async fn confirm(
    app: &Arc<App>,
    call: &Call,
    order: &OrderRow,
    payment_id: &str,
) -> Result<Option<i64>, ApiError> {
    let command = ConfirmPayment {
        account_id: order.account_id,
        processor_order_id: call.capture(0).to_owned(),
        processor_payment_id: payment_id.to_owned(),
        amount: None,
        merchant: None,
    };
    match app.submit(call.request(command)?).await {
        Ok(receipt) => Ok(Some(receipt.position())),
        Err(SubmitError::Rejected(Rejection::PaymentAlreadyConfirmed { .. })) => Ok(None),
        Err(error) => Err(error.into()),
    }
}
