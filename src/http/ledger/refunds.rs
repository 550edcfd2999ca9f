//! The ledger's own `/api/refunds…`: ask for a refund by the policy, and read what became of it.

use std::{collections::BTreeSet, sync::Arc};

use daybook_events::{
    Currency, Money, Rejection, account,
    commands::{MANUAL, RecordRefund, RefundOutcome, RequestRefund},
    event::{AccountEvent, InvoiceEvent, PaymentEvent, RefundRequested, Role},
    ids::{AccountId, CreditNoteId, InvoiceId, PaymentId, RefundId},
    refund_policy::Verdict,
    store::SubmitError,
    world::World,
};
use daybook_projections::refunds::{RefundStatus, Refunds};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use warp::http::StatusCode;

use crate::http::{
    answer::Answer,
    call::Call,
    error::ApiError,
    fields, outcome,
    processor::at_processor,
    reading::{row_as_of, rows, shown},
};
use crate::{app::App, settlement::refund};

/// What `POST /api/refunds` takes.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RefundBody {
    /// In major units; everything that the policy grants where it is absent.
    #[schemars(with = "Option<fields::MajorUnits>")]
    amount: Option<String>,
    /// The currency of the amount; the account's own where it is absent.
    #[schemars(with = "Option<Currency>")]
    currency: Option<String>,
    /// Why.
    #[schemars(length(min = 1, max = 500))]
    reason: String,
    /// Whether the refund policy is set aside; only super admins do that.
    #[serde(default, rename = "override")]
    override_policy: bool,
}

/// What a request for a refund brought about.
#[derive(Debug, Serialize, JsonSchema)]
pub struct RefundsMade {
    /// One refund for each payment that money goes back to.
    refunds: Vec<RefundMade>,
    /// The credit notes that take the invoices back.
    credit_notes: Vec<CreditNoteOfRefund>,
}

/// A refund as the processor answered it.
#[derive(Debug, Serialize, JsonSchema)]
pub struct RefundMade {
    /// The refund's id.
    refund_id: RefundId,
    /// The payment that it goes back to.
    payment_id: PaymentId,
    /// How much goes back.
    amount: Money,
    /// How far it has come.
    status: RefundStatus,
    /// What the policy said, and from what.
    eligibility: Verdict,
    /// Why.
    reason: String,
}

/// A credit note that a refund brought about.
#[derive(Debug, Serialize, JsonSchema)]
pub struct CreditNoteOfRefund {
    /// The credit note's id.
    id: CreditNoteId,
    /// Its number, without gaps in its financial year.
    number: Option<String>,
    /// The invoice that it takes back, or part of it.
    invoice_id: InvoiceId,
    /// How much it takes back, with tax.
    total: Money,
    /// What of it goes back to the customer.
    to_refund: Money,
    /// What of it became account credit.
    to_credit: Money,
}

/// `POST /api/refunds`: reserves the money, asks the processor, records its answer.
///
/// # Errors
/// An override by anybody but a super admin, or the rejection.
pub async fn request(app: Arc<App>, call: Call) -> Result<Answer, ApiError> {
    let body: RefundBody = call.json()?;
    if body.override_policy && call.caller()?.role != Role::SuperAdmin {
        return Err(ApiError::new("forbidden", "only a super admin sets the refund policy aside"));
    }
    let account_id = call.account()?;
    reachable(&app, account_id).await?;
    let amount = amount(&app, account_id, &body).await?;
    let (reason, override_policy) = (body.reason, body.override_policy);
    let command = RequestRefund { account_id, amount, reason: reason.clone(), override_policy };
    let receipt = app.submit(call.request_for("", command, Some(reason))?).await?;
    // It ends the subscription. Where the processor that runs it cannot be told now, the reconciler
    // does; the refund stands either way.
    if let Err(error) = at_processor::push(&app, account_id, &receipt).await {
        tracing::warn!(%account_id, code = error.code, "a processor is told later that it ends");
    }
    let requested =
        receipt.events.iter().filter_map(|recorded| match outcome::account_event(recorded)? {
            AccountEvent::Payment(PaymentEvent::RefundRequested(requested)) => {
                Some(requested.clone())
            }
            _ => None,
        });
    let (mut refunds, mut position) = (Vec::new(), receipt.position());
    for (nth, requested) in requested.enumerate() {
        let (shape, at) = settle(&app, &call, account_id, nth, &requested).await?;
        refunds.push(shape);
        position = position.max(at);
    }
    let notes: Vec<_> = receipt
        .events
        .iter()
        .filter_map(|recorded| match outcome::account_event(recorded)? {
            AccountEvent::Invoice(InvoiceEvent::CreditNoteIssued(note)) => {
                Some(CreditNoteOfRefund {
                    id: note.credit_note_id,
                    number: recorded.number.clone(),
                    invoice_id: note.invoice_id,
                    total: note.totals.total,
                    to_refund: note.to_refund,
                    to_credit: note.to_credit,
                })
            }
            _ => None,
        })
        .collect();
    let body = RefundsMade { refunds, credit_notes: notes };
    Ok(Answer::json(StatusCode::CREATED, &body).at(position))
}

/// Whether the processors are set up that took an account's money: said before anything is
/// reserved.
async fn reachable(app: &App, account: AccountId) -> Result<(), ApiError> {
    let processors = move |world: &World| -> BTreeSet<String> {
        let payments = world.account(account).into_iter().flat_map(|it| it.payments.iter());
        payments.map(|payment| payment.captured.processor.clone()).collect()
    };
    for name in app.ledger.look(Some(account), processors).await? {
        app.processors.named(&name)?;
    }
    Ok(())
}

/// Asks the processor for one refund and records its answer; a retry resumes here. What came by
/// hand goes back by hand: somebody records that by [`settled_by_hand`]. What the processor does not
/// answer stays reserved: the reconciler asks it again.
async fn settle(
    app: &Arc<App>,
    call: &Call,
    account_id: AccountId,
    nth: usize,
    requested: &RefundRequested,
) -> Result<(RefundMade, i64), ApiError> {
    let refund_id = requested.refund_id;
    let (status, outcome) = match refund::ask(app, account_id, refund_id).await? {
        Some(outcome @ RefundOutcome::Processed(_)) => (RefundStatus::Processed, outcome),
        Some(outcome) => (RefundStatus::Failed, outcome),
        None => match standing(app, account_id, refund_id).await? {
            RefundStatus::Requested => return Ok((made(requested, RefundStatus::Requested), 0)),
            // No news of what has its answer: what is recorded under the caller's key comes back.
            settled => (settled, RefundOutcome::Failed(String::new())),
        },
    };
    let command = RecordRefund { account_id, refund_id, outcome };
    let recorded = app.submit(call.request_for(&format!("/refund/{nth}"), command, None)?).await;
    let position = match recorded {
        Ok(receipt) => receipt.position(),
        // Somebody else brought the same news.
        Err(SubmitError::Rejected(
            Rejection::RefundAlreadySettled { .. } | Rejection::RefundKnown { .. },
        )) => 0,
        Err(error) => return Err(error.into()),
    };
    Ok((made(requested, status), position))
}

/// How far a refund has come.
async fn standing(
    app: &App,
    account_id: AccountId,
    refund_id: RefundId,
) -> Result<RefundStatus, ApiError> {
    let status =
        move |world: &World| Some(world.account(account_id)?.payments.refund(refund_id)?.status);
    Ok(match app.ledger.look(Some(account_id), status).await? {
        Some(account::RefundStatus::Processed) => RefundStatus::Processed,
        Some(account::RefundStatus::Failed) => RefundStatus::Failed,
        Some(account::RefundStatus::Requested) | None => RefundStatus::Requested,
    })
}

fn made(requested: &RefundRequested, status: RefundStatus) -> RefundMade {
    RefundMade {
        refund_id: requested.refund_id,
        payment_id: requested.payment_id,
        amount: requested.amount,
        status,
        eligibility: requested.verdict,
        reason: requested.reason.clone(),
    }
}

/// What became of a refund that somebody was to send by hand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum ByHand {
    /// The money was sent.
    Processed,
    /// It could not be sent; it stays payable to the customer.
    Failed,
    /// It was sent under this very reference, and came back; it is payable to the customer again.
    Returned,
}

/// What `POST /api/refunds/{id}/outcome` takes.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OutcomeBody {
    /// What became of it.
    outcome: ByHand,
    /// How the transfer is found, or the refund at the processor; or why there was none.
    #[schemars(length(min = 1, max = 200))]
    reference: String,
}

/// `POST /api/refunds/{id}/outcome`: records what became of a refund that goes back by hand.
///
/// # Errors
/// No such refund within the key's reach, one that a processor sends, or the rejection.
pub async fn settled_by_hand(app: Arc<App>, call: Call) -> Result<Answer, ApiError> {
    let OutcomeBody { outcome, reference } = call.json()?;
    let length = reference.trim().chars().count();
    if !(1..=200).contains(&length) || reference.chars().any(char::is_control) {
        let text = "`reference` has 1 to 200 characters, none of control";
        return Err(ApiError::new("invalid_request", text));
    }
    let refund_id: RefundId = call.captured_id(0)?;
    let reach = call.reach()?;
    shown(&app, &call, reach).await?;
    let row = app.rows(reach).get::<Refunds>(&refund_id.to_string()).await?;
    let row = row.ok_or_else(ApiError::not_found)?;
    // What a processor could not send is sent by hand. What came back anybody may know first.
    let is_theirs = row.processor != MANUAL && row.status != RefundStatus::Failed;
    if is_theirs && outcome != ByHand::Returned {
        let text =
            format!("{} sends this refund, and says itself what became of it", row.processor);
        return Err(ApiError::new("refund_not_by_hand", text));
    }
    let account_id = row.account_id;
    let reference = reference.trim().to_owned();
    let outcome = match outcome {
        ByHand::Processed => RefundOutcome::Processed(reference),
        ByHand::Failed => RefundOutcome::Failed(reference),
        ByHand::Returned => returned(&app, account_id, refund_id, reference).await?,
    };
    let receipt =
        app.submit(call.request(RecordRefund { account_id, refund_id, outcome })?).await?;
    let position = receipt.position();
    let row = row_as_of::<Refunds>(&app, account_id, &refund_id.to_string(), position).await?;
    Ok(Answer::ok(&row).at(position))
}

/// What was sent under a reference came back.
async fn returned(
    app: &App,
    account_id: AccountId,
    refund_id: RefundId,
    reference: String,
) -> Result<RefundOutcome, ApiError> {
    let theirs = reference.clone();
    let was_sent = move |world: &World| {
        let refund = world.account(account_id)?.payments.refund(refund_id)?;
        let known = refund.sent.contains_key(&theirs) || refund.failed_as.contains(&theirs);
        Some(known && refund.origin == account::RefundOrigin::Ledger)
    };
    if app.ledger.look(Some(account_id), was_sent).await? != Some(true) {
        let text = format!("nothing of this refund was sent under the reference {reference:?}");
        return Err(ApiError::new("invalid_request", text));
    }
    let reason = "it came back, somebody says".to_owned();
    Ok(RefundOutcome::FailedAs { processor_refund_id: reference, reason })
}

async fn amount(
    app: &Arc<App>,
    account_id: AccountId,
    body: &RefundBody,
) -> Result<Option<Money>, ApiError> {
    let own = fields::own_currency(app, account_id).await?;
    let given = body.currency.as_deref().map_or(Ok(own), fields::currency)?;
    match &body.amount {
        Some(text) => fields::money(text, given).map(Some),
        None if given == own => Ok(None),
        // A currency alone still says what the caller believes the account to be billed in.
        None => Err(Rejection::WrongCurrency { given, expected: own }.into()),
    }
}

/// `GET /api/refunds`
///
/// # Errors
/// A page out of range.
pub async fn list(app: Arc<App>, call: Call) -> Result<Answer, ApiError> {
    rows::<Refunds>(&app, &call, call.reach()?).await
}

/// `GET /api/refunds/{id}`
///
/// # Errors
/// No such refund within the key's reach.
pub async fn get(app: Arc<App>, call: Call) -> Result<Answer, ApiError> {
    let id: RefundId = call.captured_id(0)?;
    let reach = call.reach()?;
    let position = shown(&app, &call, reach).await?;
    let row = app.rows(reach).get::<Refunds>(&id.to_string()).await?;
    let row = row.ok_or_else(ApiError::not_found)?;
    Ok(Answer::ok(&row).at(position))
}
