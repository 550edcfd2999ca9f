//! What the fields of bodies say in words: cycles, currencies, amounts.

use std::sync::Arc;

use daybook_events::{
    Currency, Money, Rejection, event::Role, ids::AccountId, money::MoneyError, period::Cycle,
};
use schemars::JsonSchema;
use serde::Deserialize;

use super::{call::Call, error::ApiError};
use crate::app::App;

/// A body without fields.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NoFields {}

/// The shape of an amount in major units, such as `15.00`; which digits fit depends on the
/// currency.
#[derive(JsonSchema)]
#[schemars(inline)]
#[expect(dead_code, reason = "a schema, never a value")]
pub(super) struct MajorUnits(
    #[schemars(regex(pattern = r"^-?[0-9]+(\.[0-9]+)?$"), example = "15.00")] String,
);

/// The cycle of a word.
///
/// # Errors
/// Another word.
pub(super) fn cycle(word: &str) -> Result<Cycle, ApiError> {
    Cycle::from_word(word).ok_or_else(|| {
        ApiError::new("billing_cycle_invalid", "`billingCycle` is `monthly` or `yearly`")
    })
}

/// The currency of a code.
///
/// # Errors
/// A code that is none.
pub(super) fn currency(code: &str) -> Result<Currency, ApiError> {
    code.parse().map_err(|error: MoneyError| ApiError::new("currency_unknown", error.to_string()))
}

/// An amount in major units.
///
/// # Errors
/// Not an amount of the currency.
pub(super) fn money(text: &str, currency: Currency) -> Result<Money, ApiError> {
    Money::parse(text, currency).map_err(|error| {
        let code = match error {
            MoneyError::TooPrecise { .. } => "amount_too_precise",
            MoneyError::TooLarge => "amount_too_large",
            MoneyError::Malformed | MoneyError::UnknownCurrency(_) | MoneyError::Mixed(..) => {
                "amount_malformed"
            }
        };
        ApiError::new(code, error.to_string())
    })
}

/// The currency that an account is billed in.
///
/// # Errors
/// No such account.
pub(super) async fn own_currency(app: &App, account: AccountId) -> Result<Currency, ApiError> {
    let own = app
        .ledger
        .look(Some(account), move |world| world.account(account).map(|it| it.currency))
        .await?;
    own.ok_or_else(|| Rejection::AccountUnknown { account }.into())
}

/// An amount for an account: in the currency that is named beside it, else in the account's own.
///
/// # Errors
/// No such account, no such currency, not an amount.
pub(super) async fn amount(
    app: &App,
    account: AccountId,
    text: &str,
    named: Option<&str>,
) -> Result<Money, ApiError> {
    let own = own_currency(app, account).await?;
    money(text, named.map_or(Ok(own), currency)?)
}

/// The price that was agreed for a plan with a custom price, where one is named: only those who
/// run the ledger agree on prices.
///
/// # Errors
/// A price by anybody but a super admin, or one that is no amount.
pub(super) async fn agreed_price(
    app: &Arc<App>,
    call: &Call,
    account: AccountId,
    text: Option<&str>,
) -> Result<Option<Money>, ApiError> {
    let Some(text) = text else { return Ok(None) };
    if call.caller()?.role != Role::SuperAdmin {
        return Err(ApiError::new("forbidden", "only a super admin sets an agreed price"));
    }
    amount(app, account, text, None).await.map(Some)
}
