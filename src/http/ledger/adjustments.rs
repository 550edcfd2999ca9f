//! The ledger's own adjustments by hand, under `/api/accounts/{id}/…`: give credit, write an
//! invoice off or take it back, undo a wrong adjustment, cancel an order, release a parked account.

use std::sync::Arc;

use daybook_events::{
    Currency, Money, Recorded,
    commands::{
        CancelOrder, Command, CreditInvoice, GrantCredit, ReleaseAccount, UndoAdjustment, WriteOff,
    },
    event::{
        AccountEvent, Adjusted, CreditEvent, CreditNoteIssued, CreditReason, CreditSource,
        InvoiceEvent, SubscriptionEvent,
    },
    ids::{AccountId, AdjustmentId, CreditNoteId, InvoiceId, OrderId, SubscriptionId},
    store::Receipt,
    totals::Totals,
};
use daybook_projections::orders::OrderStatus;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use warp::http::StatusCode;

use crate::app::App;
use crate::http::{answer::Answer, call::Call, error::ApiError, fields, outcome, reading::reached};

/// A body that gives a reason.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReasonBody {
    /// Why.
    #[schemars(length(min = 1, max = 500))]
    reason: String,
}

/// A body that may give a reason.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OptionalReasonBody {
    /// Why.
    reason: Option<String>,
}

/// What `POST /api/accounts/{id}/credit` takes.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CreditBody {
    /// In major units.
    #[schemars(with = "fields::MajorUnits")]
    amount: String,
    /// The currency of the amount; the account's own where it is absent.
    #[schemars(with = "Option<Currency>")]
    currency: Option<String>,
    /// Why.
    #[schemars(length(min = 1, max = 500))]
    reason: String,
}

/// Credit that was given.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct CreditGiven {
    /// The adjustment's id, by which it can be undone.
    adjustment_id: AdjustmentId,
    /// How much.
    amount: Money,
    /// Why.
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
            CreditSource::Adjustment { adjustment_id, reason } => Some(CreditGiven {
                adjustment_id: *adjustment_id,
                amount: granted.amount,
                reason: reason.clone(),
            }),
            CreditSource::CreditNote { .. } | CreditSource::Overpayment { .. } => None,
        },
        _ => None,
    })
}

/// What is given up on an invoice.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct WrittenOff {
    /// The adjustment's id, by which it can be undone.
    adjustment_id: AdjustmentId,
    /// Which invoice.
    invoice_id: InvoiceId,
    /// Its number.
    invoice_number: String,
    /// How much is given up.
    amount: Money,
    /// Why.
    reason: String,
    /// The subscription that is in good standing again for it; `null` where none is.
    recovered_subscription_id: Option<SubscriptionId>,
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
        AccountEvent::Invoice(InvoiceEvent::InvoiceWrittenOff(it)) => Some(WrittenOff {
            adjustment_id: it.adjustment_id,
            invoice_id: it.invoice_id,
            invoice_number: it.invoice_number.clone(),
            amount: it.amount,
            reason: it.reason.clone(),
            recovered_subscription_id: recovered.as_ref().map(|(_, id)| *id),
        }),
        _ => None,
    })
}

/// What `POST /api/accounts/{id}/invoices/{invoice}/credit-note` takes.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CreditNoteBody {
    /// In major units; all that is left of the invoice where it is absent.
    #[schemars(with = "Option<fields::MajorUnits>")]
    amount: Option<String>,
    /// The currency of the amount; the account's own where it is absent.
    #[schemars(with = "Option<Currency>")]
    currency: Option<String>,
    /// Why.
    #[schemars(length(min = 1, max = 500))]
    reason: String,
}

/// A credit note that was issued by hand.
#[derive(Debug, Serialize, JsonSchema)]
pub struct CreditNoteGiven {
    /// The credit note's id.
    credit_note_id: CreditNoteId,
    /// Its number, without gaps in its financial year.
    number: Option<String>,
    /// The invoice that it takes back, or part of it.
    invoice_id: InvoiceId,
    /// That invoice's number.
    invoice_number: String,
    /// Its sums.
    totals: Totals,
    /// How much it takes back, with tax.
    total: Money,
    /// What of it was not paid yet, and need not be.
    reduces_due: Money,
    /// What of it became account credit.
    to_credit: Money,
    /// What of it goes back to the customer.
    to_refund: Money,
    /// Why.
    reason: Option<String>,
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

fn note_shape(recorded: &Recorded, note: &CreditNoteIssued) -> CreditNoteGiven {
    CreditNoteGiven {
        credit_note_id: note.credit_note_id,
        number: recorded.number.clone(),
        invoice_id: note.invoice_id,
        invoice_number: note.invoice_number.clone(),
        totals: note.totals.clone(),
        total: note.totals.total,
        reduces_due: note.reduces_due,
        to_credit: note.to_credit,
        to_refund: note.to_refund,
        reason: note.explanation.clone(),
    }
}

/// An adjustment that was undone.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Undone {
    /// The adjustment.
    adjustment_id: AdjustmentId,
    /// What it had done.
    adjusted: Adjusted,
    /// How much.
    amount: Money,
    /// Why it was wrong.
    reason: String,
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
        AccountEvent::Credit(CreditEvent::AdjustmentUndone(undone)) => Some(Undone {
            adjustment_id: undone.adjustment_id,
            adjusted: undone.adjusted,
            amount: undone.amount,
            reason: undone.reason.clone(),
        }),
        _ => None,
    })
}

/// An order that nobody wants any more.
#[derive(Debug, Serialize, JsonSchema)]
pub struct OrderCancelled {
    /// The order's id.
    order_id: OrderId,
    /// How far it has come: `cancelled`.
    status: OrderStatus,
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
    let body = OrderCancelled { order_id, status: OrderStatus::Cancelled };
    Ok(Answer::ok(&body).at(receipt.position()))
}

/// An account that is billed again.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Released {
    /// The account's id.
    account_id: AccountId,
    /// What became of it: `released`.
    #[schemars(example = &"released")]
    status: String,
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
    let body = Released { account_id, status: "released".to_owned() };
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
fn answer<T: Serialize>(
    status: StatusCode,
    receipt: &Receipt,
    shape: impl Fn(&AccountEvent) -> Option<T>,
) -> Result<Answer, ApiError> {
    let found = outcome::last(events(receipt), shape);
    let (_, body) = found.ok_or_else(|| ApiError::internal(&"a command without its event"))?;
    Ok(Answer::json(status, &body).at(receipt.position()))
}
