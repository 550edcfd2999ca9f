//! `GET /api/v1/billing/refund-eligibility`: what a refund would give back, were it asked for now.
//! The rules are asked as they would be by the refund itself; nothing is appended.

use std::sync::Arc;

use daybook_events::{
    Currency, Money, Recorded, Rejection,
    commands::RequestRefund,
    event::{AccountEvent, PaymentEvent},
    ids::AccountId,
    refund_policy::{Eligibility, Verdict, verdict},
    store::SubmitError,
};
use schemars::JsonSchema;
use serde::Serialize;

use super::shapes::{data, minor};
use crate::{
    app::App,
    http::{answer::Answer, call::Call, error::ApiError, fields::own_currency, outcome},
};

/// What a refund would give back.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "V1RefundEligibility")]
pub struct RefundEligibility {
    /// By the refund policy.
    #[serde(rename = "type")]
    eligibility: Eligibility,
    /// Whole days since the current period began.
    days_since_subscription: i64,
    /// How much would go back, in minor units: 0 where nothing was paid.
    amount: i64,
    currency: Currency,
}

/// `GET /api/v1/billing/refund-eligibility`
///
/// # Errors
/// There is no subscription that money could be paid back for.
pub async fn get(app: Arc<App>, call: Call) -> Result<Answer, ApiError> {
    let account_id = call.account()?;
    let currency = own_currency(&app, account_id).await?;
    let reason = "eligibility".to_owned();
    let command = RequestRefund { account_id, amount: None, reason, override_policy: false };
    let (verdict, granted) = match app.ledger.preview(call.request(command)?).await {
        Ok(events) => granted(&events, currency)?,
        Err(SubmitError::Rejected(
            Rejection::RefundWindowClosed { .. } | Rejection::NothingToRefund,
        )) => (by_the_days(&app, account_id).await?, Money::zero(currency)),
        Err(error) => return Err(error.into()),
    };
    Ok(data(RefundEligibility {
        eligibility: verdict.eligibility,
        days_since_subscription: verdict.days_since_period_start,
        amount: minor(granted),
        currency,
    }))
}

/// What the rules would grant: the verdict, and the sum of what they would send back.
fn granted(events: &[Recorded], currency: Currency) -> Result<(Verdict, Money), ApiError> {
    let requested = events.iter().filter_map(|it| match outcome::account_event(it)? {
        AccountEvent::Payment(PaymentEvent::RefundRequested(it)) => Some(it),
        _ => None,
    });
    let requested: Vec<_> = requested.collect();
    let first = requested.first().ok_or(Rejection::AccountParked)?;
    let sum = Money::sum(currency, requested.iter().map(|it| it.amount));
    Ok((first.verdict, sum.map_err(|error| ApiError::internal(&error))?))
}

/// What the policy says where there is nothing to send back.
async fn by_the_days(app: &App, account_id: AccountId) -> Result<Verdict, ApiError> {
    let now = app.ledger.clock().now();
    let found = app
        .ledger
        .look(Some(account_id), move |world| {
            let book = &world.book;
            let period = world.account(account_id)?.subscription.as_ref()?.period;
            let (window, version) = (book.policy.refunds, book.policy_version());
            Some(verdict(window, version, period.start, now, false))
        })
        .await?;
    found.ok_or_else(|| Rejection::NoSubscription.into())
}
