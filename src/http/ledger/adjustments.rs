//! The ledger's own adjustments by hand, under `/api/accounts/{id}/…`: give credit, write an
//! invoice off or take it back, undo a wrong adjustment, cancel an order, release a parked account.

use std::sync::Arc;

use daybook_events::{
    Recorded,
    commands::{
        CancelOrder, Command, CreditInvoice, GrantCredit, ReleaseAccount, UndoAdjustment, WriteOff,
    },
    event::{
        AccountEvent, CreditEvent, CreditNoteIssued, CreditReason, CreditSource, InvoiceEvent,
        SubscriptionEvent,
    },
    ids::{AdjustmentId, InvoiceId, OrderId},
    store::Receipt,
};
use serde::Deserialize;
use serde_json::{Value, json};
use warp::http::StatusCode;

use crate::app::App;
use crate::http::{answer::Answer, call::Call, error::ApiError, fields, outcome, reading::reached};

/// A body that gives a reason.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ReasonBody {
    reason: String,
}

/// A body that may give a reason.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct OptionalReasonBody {
    reason: Option<String>,
}

/// What `POST /api/accounts/{id}/credit` takes.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct CreditBody {
    /// In major units.
    amount: String,
    currency: Option<String>,
    reason: String,
}

/// `POST /api/accounts/{id}/credit`
///
/// # Errors
/// The rejection.
pub async fn credit(app: Arc<App>, call: Call) -> Result<Answer, ApiError> {
    let account_id = reached(&call)?;
    let body: CreditBody = call.json()?;
    let amount = fields::amount(&app, account_id, &body.amount, body.currency.as_deref()).await?;
    let reason = body.reason;
    let command = GrantCredit { account_id, amount, reason: reason.clone() };
    let receipt = ask(&app, &call, command, Some(reason)).await?;
    answer(StatusCode::CREATED, &receipt, |event| match event {
        AccountEvent::Credit(CreditEvent::CreditGranted(granted)) => match &granted.source {
            CreditSource::Adjustment { adjustment_id, reason } => Some(json!({
                "adjustment_id": adjustment_id,
                "amount": granted.amount,
                "reason": reason,
            })),
            CreditSource::CreditNote { .. } | CreditSource::Overpayment { .. } => None,
        },
        _ => None,
    })
}

/// `POST /api/accounts/{id}/invoices/{invoice}/write-off`: gives up what is due.
///
/// # Errors
/// The rejection.
pub async fn write_off(app: Arc<App>, call: Call) -> Result<Answer, ApiError> {
    let account_id = reached(&call)?;
    let ReasonBody { reason } = call.json()?;
    let invoice_id: InvoiceId = call.captured_id(1)?;
    let command = WriteOff { account_id, invoice_id, reason: reason.clone() };
    let receipt = ask(&app, &call, command, Some(reason)).await?;
    let recovered = outcome::last(events(&receipt), |event| match event {
        AccountEvent::Subscription(SubscriptionEvent::SubscriptionRecovered(it)) => {
            Some(it.subscription_id)
        }
        _ => None,
    });
    answer(StatusCode::CREATED, &receipt, |event| match event {
        AccountEvent::Invoice(InvoiceEvent::InvoiceWrittenOff(it)) => Some(json!({
            "adjustment_id": it.adjustment_id,
            "invoice_id": it.invoice_id,
            "invoice_number": it.invoice_number,
            "amount": it.amount,
            "reason": it.reason,
            "recovered_subscription_id": recovered.as_ref().map(|(_, id)| id),
        })),
        _ => None,
    })
}

/// What `POST /api/accounts/{id}/invoices/{invoice}/credit-note` takes.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct CreditNoteBody {
    /// In major units; all that is left of the invoice where it is absent.
    amount: Option<String>,
    currency: Option<String>,
    reason: String,
}

/// `POST /api/accounts/{id}/invoices/{invoice}/credit-note`: takes the invoice back, or part of it.
///
/// # Errors
/// The rejection.
pub async fn credit_note(app: Arc<App>, call: Call) -> Result<Answer, ApiError> {
    let account_id = reached(&call)?;
    let body: CreditNoteBody = call.json()?;
    let invoice_id: InvoiceId = call.captured_id(1)?;
    let amount = match &body.amount {
        Some(text) => {
            let amount = fields::amount(&app, account_id, text, body.currency.as_deref());
            Some(amount.await?)
        }
        None => None,
    };
    let reason = body.reason;
    let command = CreditInvoice { account_id, invoice_id, amount, reason: reason.clone() };
    let receipt = ask(&app, &call, command, Some(reason)).await?;
    let note = outcome::last(events(&receipt), |event| match event {
        AccountEvent::Invoice(InvoiceEvent::CreditNoteIssued(note))
            if note.reason == CreditReason::Correction =>
        {
            Some(note.clone())
        }
        _ => None,
    });
    let (recorded, note) =
        note.ok_or_else(|| ApiError::internal(&"a credit note without its event"))?;
    let body = note_shape(&recorded, &note);
    Ok(Answer::json(StatusCode::CREATED, &body).at(receipt.position()))
}

fn note_shape(recorded: &Recorded, note: &CreditNoteIssued) -> Value {
    json!({
        "credit_note_id": note.credit_note_id,
        "number": recorded.number,
        "invoice_id": note.invoice_id,
        "invoice_number": note.invoice_number,
        "totals": note.totals,
        "total": note.totals.total,
        "reduces_due": note.reduces_due,
        "to_credit": note.to_credit,
        "to_refund": note.to_refund,
        "reason": note.explanation,
    })
}

/// `POST /api/accounts/{id}/adjustments/{adjustment}/undo`
///
/// # Errors
/// The rejection.
pub async fn undo(app: Arc<App>, call: Call) -> Result<Answer, ApiError> {
    let account_id = reached(&call)?;
    let ReasonBody { reason } = call.json()?;
    let adjustment_id: AdjustmentId = call.captured_id(1)?;
    let command = UndoAdjustment { account_id, adjustment_id, reason: reason.clone() };
    let receipt = ask(&app, &call, command, Some(reason)).await?;
    answer(StatusCode::CREATED, &receipt, |event| match event {
        AccountEvent::Credit(CreditEvent::AdjustmentUndone(undone)) => Some(json!({
            "adjustment_id": undone.adjustment_id,
            "adjusted": undone.adjusted,
            "amount": undone.amount,
            "reason": undone.reason,
        })),
        _ => None,
    })
}

/// `POST /api/accounts/{id}/orders/{order}/cancel`
///
/// # Errors
/// The rejection.
pub async fn cancel_order(app: Arc<App>, call: Call) -> Result<Answer, ApiError> {
    let account_id = reached(&call)?;
    let OptionalReasonBody { reason } = call.json_or_empty()?;
    let order_id: OrderId = call.captured_id(1)?;
    let receipt = ask(&app, &call, CancelOrder { account_id, order_id }, reason).await?;
    let body = json!({ "order_id": order_id, "status": "cancelled" });
    Ok(Answer::ok(&body).at(receipt.position()))
}

/// `POST /api/accounts/{id}/release`: bills a parked account again.
///
/// # Errors
/// The rejection.
pub async fn release(app: Arc<App>, call: Call) -> Result<Answer, ApiError> {
    let account_id = reached(&call)?;
    let ReasonBody { reason } = call.json()?;
    let command = ReleaseAccount { account_id, reason: reason.clone() };
    let receipt = ask(&app, &call, command, Some(reason)).await?;
    let body = json!({ "account_id": account_id, "status": "released" });
    Ok(Answer::ok(&body).at(receipt.position()))
}

async fn ask(
    app: &App,
    call: &Call,
    command: impl Into<Command>,
    reason: Option<String>,
) -> Result<Receipt, ApiError> {
    Ok(app.submit(call.request_for("", command, reason)?).await?)
}

fn events(receipt: &Receipt) -> impl Iterator<Item = &Recorded> {
    receipt.events.iter().map(AsRef::as_ref)
}

/// The answer that the newest event of a kind gives.
fn answer(
    status: StatusCode,
    receipt: &Receipt,
    shape: impl Fn(&AccountEvent) -> Option<Value>,
) -> Result<Answer, ApiError> {
    let found = outcome::last(events(receipt), shape);
    let (_, body) = found.ok_or_else(|| ApiError::internal(&"a command without its event"))?;
    Ok(Answer::json(status, &body).at(receipt.position()))
}
