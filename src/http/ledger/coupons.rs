//! The ledger's own `/api/coupons…`: put a coupon on offer, take it off, read what became of it.

use std::{collections::BTreeMap, sync::Arc};

use daybook_events::{
    Event, Money, Rejection, Timestamp,
    commands::{OfferCoupon, WithdrawCoupon},
    coupon::{CouponCode, CouponDuration, CouponTerms, CouponValue},
    event::CouponEvent,
    ids::PlanId,
    percent::Percent,
    world::World,
};
use daybook_projections::{
    coupons::{CouponRow, Coupons},
    query::{Page, Reach},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use warp::http::StatusCode;

use crate::app::App;
use crate::http::{
    answer::Answer,
    call::Call,
    error::ApiError,
    fields::{self, NoFields},
    reading::{ledger_wide, listed, shown},
};

/// What `POST /api/coupons` takes.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(example = serde_json::json!({ "code": "SPRING10", "percent": "10" }))]
pub struct CouponBody {
    /// The code that customers type.
    #[schemars(with = "CouponCode")]
    code: String,
    /// How many per cent it takes off; either this or `amounts` is given.
    #[schemars(with = "Option<Percent>")]
    percent: Option<String>,
    /// How much it takes off, in major units, by currency.
    #[schemars(with = "Option<BTreeMap<String, fields::MajorUnits>>")]
    amounts: Option<BTreeMap<String, String>>,
    /// How many periods it discounts; one where it is absent.
    duration: Option<CouponDuration>,
    /// The plans that it is good for, by id, number or slug; all where it is absent.
    plans: Option<Vec<String>>,
    /// How many orders may hold it; any number where it is absent.
    max_redemptions: Option<u32>,
    /// How many orders of one account may hold it; any number where it is absent.
    max_per_account: Option<u32>,
    /// The instant from which on it is good.
    valid_from: Option<Timestamp>,
    /// The instant from which on it is not any more.
    expires_at: Option<Timestamp>,
}

/// A coupon.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Coupon {
    /// The code that customers type.
    code: CouponCode,
    /// How many per cent it takes off; `null` where it takes off amounts.
    percent: Option<Percent>,
    /// How much it takes off, in major units, by currency; `null` where it is a percentage.
    #[schemars(with = "Option<BTreeMap<String, fields::MajorUnits>>")]
    amounts: Option<BTreeMap<String, String>>,
    /// How many periods it discounts.
    duration: CouponDuration,
    /// The plans that it is good for; none is all of them.
    plans: Vec<PlanId>,
    /// How many orders may hold it; `null` is any number.
    max_redemptions: Option<u32>,
    /// How many orders of one account may hold it; `null` is any number.
    max_per_account: Option<u32>,
    /// The instant from which on it is good; `null` is always.
    valid_from: Option<Timestamp>,
    /// The instant from which on it is not any more; `null` is never.
    expires_at: Option<Timestamp>,
    /// How many orders hold it, paid or waiting.
    redemptions: u32,
    /// The instant of its offer.
    offered_at: Timestamp,
    /// The instant at which it was withdrawn; `null` while it is on offer.
    withdrawn_at: Option<Timestamp>,
}

/// A coupon that was withdrawn.
#[derive(Debug, Serialize, JsonSchema)]
pub struct CouponWithdrawn {
    /// Its code.
    code: CouponCode,
    /// The instant of its withdrawal.
    withdrawn_at: Option<Timestamp>,
}

fn invalid(problem: impl Into<String>) -> ApiError {
    Rejection::CouponInvalid { problem: problem.into() }.into()
}

impl CouponBody {
    fn value(&self) -> Result<CouponValue, ApiError> {
        match (&self.percent, &self.amounts) {
            (Some(percent), None) => {
                let percent = percent.parse().map_err(|error| invalid(format!("{error}")))?;
                Ok(CouponValue::Percent(percent))
            }
            (None, Some(amounts)) => {
                let amount =
                    |(code, text): (&String, &String)| fields::money(text, fields::currency(code)?);
                Ok(CouponValue::Fixed(amounts.iter().map(amount).collect::<Result<_, _>>()?))
            }
            (Some(_), Some(_)) | (None, None) => {
                Err(invalid("a coupon has either `percent` or `amounts`"))
            }
        }
    }

    async fn terms(&self, app: &App) -> Result<CouponTerms, ApiError> {
        Ok(CouponTerms {
            value: self.value()?,
            duration: self.duration.unwrap_or(CouponDuration::Once),
            plans: plans(app, self.plans.clone().unwrap_or_default()).await?,
            max_redemptions: self.max_redemptions,
            max_per_account: self.max_per_account,
            valid_from: self.valid_from,
            expires_at: self.expires_at,
        })
    }
}

/// The plans that some references name.
async fn plans(app: &App, references: Vec<String>) -> Result<Vec<PlanId>, ApiError> {
    let find = |reference: &String, world: &World| {
        let shown = reference.chars().take(64).collect();
        let found = world.catalogue.find(reference).map(|plan| plan.id);
        found.ok_or(Rejection::PlanUnknown { plan: shown })
    };
    let found = app.ledger.look(None, move |world| {
        references.iter().map(|reference| find(reference, world)).collect::<Result<_, _>>()
    });
    Ok(found.await??)
}

/// `POST /api/coupons`
///
/// # Errors
/// A code that is taken, terms that make no sense.
pub async fn offer(app: Arc<App>, call: Call) -> Result<Answer, ApiError> {
    let body: CouponBody = call.json()?;
    let code = body.code.parse().map_err(|error| invalid(format!("{error}")))?;
    let command = OfferCoupon { code, terms: body.terms(&app).await? };
    let receipt = app.submit(call.request(command)?).await?;
    let offered = receipt.events.iter().find_map(|recorded| match &recorded.event {
        Event::Coupon(CouponEvent::CouponOffered(it)) => Some((it, recorded.effective_at)),
        _ => None,
    });
    let (offered, at) = offered.ok_or_else(|| ApiError::internal(&"an offer without its event"))?;
    let body = shape(offered.code, &offered.terms, 0, at, None);
    Ok(Answer::json(StatusCode::CREATED, &body).at(receipt.position()))
}

/// `GET /api/coupons`
///
/// # Errors
/// A key of one account, a page out of range.
pub async fn list(app: Arc<App>, call: Call) -> Result<Answer, ApiError> {
    ledger_wide(&call)?;
    let position = shown(&app, &call, Reach::Ledger).await?;
    let (limit, after) = call.page()?;
    let page = Page { after: after.as_deref(), limit };
    let (rows, next) = app.rows(call.reach()?).page::<Coupons>(&page).await?;
    let shown: Vec<_> = rows.iter().map(shape_of).collect();
    Ok(listed(&call, shown, next).at(position))
}

/// `GET /api/coupons/{code}`
///
/// # Errors
/// A key of one account, no such coupon.
pub async fn get(app: Arc<App>, call: Call) -> Result<Answer, ApiError> {
    ledger_wide(&call)?;
    let position = shown(&app, &call, Reach::Ledger).await?;
    let row = app.rows(call.reach()?).get::<Coupons>(captured(&call)?.as_str()).await?;
    let row = row.ok_or_else(|| ApiError::from(Rejection::CouponUnknown))?;
    Ok(Answer::ok(&shape_of(&row)).at(position))
}

/// `POST /api/coupons/{code}/withdraw`: discounts already held go on.
///
/// # Errors
/// No such coupon, or one that was withdrawn before.
pub async fn withdraw(app: Arc<App>, call: Call) -> Result<Answer, ApiError> {
    let NoFields {} = call.json_or_empty()?;
    let code = captured(&call)?;
    let receipt = app.submit(call.request(WithdrawCoupon { code })?).await?;
    let at = receipt.events.last().map(|recorded| recorded.effective_at);
    let body = CouponWithdrawn { code, withdrawn_at: at };
    Ok(Answer::ok(&body).at(receipt.position()))
}

/// Coupons belong to the ledger: a key of one account finds none.
fn captured(call: &Call) -> Result<CouponCode, ApiError> {
    call.capture(0).parse().map_err(|_| Rejection::CouponUnknown.into())
}

fn shape_of(row: &CouponRow) -> Coupon {
    shape(row.code, &row.terms, row.redemptions, row.offered_at, row.withdrawn_at)
}

fn shape(
    code: CouponCode,
    terms: &CouponTerms,
    redemptions: u32,
    offered_at: Timestamp,
    withdrawn_at: Option<Timestamp>,
) -> Coupon {
    let (percent, amounts) = match &terms.value {
        CouponValue::Percent(percent) => (Some(*percent), None),
        CouponValue::Fixed(amounts) => {
            let by_currency =
                |money: &Money| (money.currency().to_string(), money.amount().to_string());
            (None, Some(amounts.iter().map(by_currency).collect::<BTreeMap<_, _>>()))
        }
    };
    Coupon {
        code,
        percent,
        amounts,
        duration: terms.duration,
        plans: terms.plans.clone(),
        max_redemptions: terms.max_redemptions,
        max_per_account: terms.max_per_account,
        valid_from: terms.valid_from,
        expires_at: terms.expires_at,
        redemptions,
        offered_at,
        withdrawn_at,
    }
}
