//! The processor dialect's plan change, and its preview, whose figures a token pins.

use std::sync::Arc;

use daybook_events::{
    Money, Recorded, Rejection, Timestamp,
    commands::{ChangePlan, PREVIEW_SECONDS, Preview, Returns},
    event::{AccountEvent, SubscriptionEvent},
    ids::{AccountId, PlanId},
    period::{Cycle, Span},
    store::SubmitError,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::http::{
    answer::Answer,
    call::Call,
    error::ApiError,
    fields::{MajorUnits, agreed_price, cycle},
    outcome,
    processor::{
        asking::Asking,
        at_processor,
        shapes::{
            self, PlanChange, PlanChangeAnswer, PlanChangePreview,
            requested::{Estimate, estimate},
        },
    },
};
use crate::{app::App, processors::Counter};

/// What `POST /api/billing/plan-change` and its preview take.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct PlanChangeBody {
    /// The plan to switch to: its id, number or slug.
    #[schemars(example = &"pro")]
    plan_id: String,
    /// How often it is billed; as before where it is absent.
    #[schemars(with = "Option<Cycle>")]
    billing_cycle: Option<String>,
    /// Whether it waits for the end of the period; it does not by default.
    at_period_end: Option<bool>,
    /// The agreed price in major units, for a plan with a custom one; only super admins set it.
    #[schemars(with = "Option<MajorUnits>")]
    price: Option<String>,
    /// What a preview gave, so that the change has its figures or is refused.
    preview_token: Option<String>,
}

impl PlanChangeBody {
    /// The change that is asked for, not pinned.
    async fn command(
        &self,
        app: &Arc<App>,
        call: &Call,
        account_id: AccountId,
    ) -> Result<ChangePlan, ApiError> {
        let cycle = self.billing_cycle.as_deref().map(cycle).transpose()?;
        Ok(ChangePlan {
            account_id,
            plan: Some(self.plan_id.clone()),
            cycle,
            price: agreed_price(app, call, account_id, self.price.as_deref()).await?,
            at_period_end: self.at_period_end.unwrap_or(false),
            preview: None,
        })
    }
}

/// `POST /api/billing/plan-change`: takes effect now, once it is paid, or when the period ends;
/// where something is to be paid, the answer carries the parameters of its checkout.
///
/// # Errors
/// The rejection; a preview token of another change. A preview that does not hold any more is
/// refused with a new one.
pub async fn plan_change(app: Arc<App>, call: Call) -> Result<Answer, ApiError> {
    let body: PlanChangeBody = call.json()?;
    let account_id = call.account()?;
    app.processors.at(Counter::Processor)?;
    let asked = body.command(&app, &call, account_id).await?;
    let preview = match &body.preview_token {
        Some(token) => Some(pinned(&app, token, &asked).await?),
        None => None,
    };
    let command = ChangePlan { preview, ..asked.clone() };
    let receipt = match app.submit(call.request(command)?).await {
        Err(SubmitError::Rejected(stale @ Rejection::PreviewStale)) => {
            // What the change would come to now, unless it cannot be made any more.
            let anew = serde_json::to_value(previewed(&app, &call, asked).await?);
            let anew = anew.map_err(|error| ApiError::internal(&error))?;
            return Err(ApiError::from(stale).with("preview", anew));
        }
        answered => answered?,
    };
    at_processor::push(&app, account_id, &receipt).await?;
    let events = receipt.events.iter().map(AsRef::as_ref);
    let change = shapes::plan_change(events.clone())
        .ok_or_else(|| ApiError::internal(&"a plan change without its event"))?;
    let mut position = receipt.position();
    let mut checkout = None;
    if let Some((placed, order)) = shapes::order_of_change(events) {
        let asking = Asking {
            call: &call,
            step: "/checkout",
            account_id,
            order_id: order.order_id,
            counter: Counter::Processor,
            returns: Returns::default(),
            asked_before: receipt.replayed,
        };
        match asking.ensure(&app).await {
            Ok((started, at)) => {
                let number = placed.number.unwrap_or_default();
                checkout = Some(shapes::checkout(&app, &order, &number, &started));
                position = at;
            }
            // The change stands; somebody has refunded or changed it again meanwhile, so that its
            // order asks for nothing any more.
            Err(error) if matches!(error.code, "order_not_open" | "order_already_paid") => {}
            Err(error) => return Err(error),
        }
    }
    Ok(Answer::ok(&PlanChangeAnswer { change, checkout }).at(position))
}

/// `POST /api/billing/plan-change/preview`: what the change would come to now, without making it,
/// and the token that makes it so.
///
/// # Errors
/// The rejection.
pub async fn preview(app: Arc<App>, call: Call) -> Result<Answer, ApiError> {
    let body: PlanChangeBody = call.json()?;
    if body.preview_token.is_some() {
        let text = "a preview gives a `previewToken`, and takes none";
        return Err(ApiError::new("invalid_request", text));
    }
    let account_id = call.account()?;
    let asked = body.command(&app, &call, account_id).await?;
    Ok(Answer::ok(&previewed(&app, &call, asked).await?))
}

/// What a token pins: whose change, to what, and the state of the world that its figures come from.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Pin {
    account: AccountId,
    plan: PlanId,
    cycle: Option<Cycle>,
    at_period_end: bool,
    price: Option<Money>,
    preview: Preview,
}

/// The preview that a token pins, if it is this ledger's own and of the change that is asked for.
async fn pinned(app: &App, token: &str, asked: &ChangePlan) -> Result<Preview, ApiError> {
    let invalid = || {
        let text = "the preview token is not one of this ledger's for this account and change";
        ApiError::new("preview_token_invalid", text)
    };
    let text = app.seal.open(token).ok_or_else(invalid)?;
    let pin: Pin = serde_json::from_str(&text).map_err(|_| invalid())?;
    let plan = match plan_of(app, asked).await? {
        Some((id, _)) => id,
        // The rules say so better.
        None => pin.plan,
    };
    let fits = pin.account == asked.account_id
        && pin.plan == plan
        && pin.cycle == asked.cycle
        && pin.at_period_end == asked.at_period_end
        && pin.price == asked.price;
    if fits { Ok(pin.preview) } else { Err(invalid()) }
}

/// The plan that is asked for, with its revision.
async fn plan_of(app: &App, asked: &ChangePlan) -> Result<Option<(PlanId, u32)>, ApiError> {
    let reference = asked.plan.clone().unwrap_or_default();
    let found = app
        .ledger
        .look(None, move |world| {
            world.catalogue.find(&reference).map(|plan| (plan.id, plan.revision))
        })
        .await?;
    Ok(found)
}

/// What a change would come to now, with its token.
///
/// What the token pins is read before the figures are reckoned: should anything move between, the
/// token is stale, and never of other figures than those shown.
async fn previewed(
    app: &App,
    call: &Call,
    asked: ChangePlan,
) -> Result<PlanChangePreview, ApiError> {
    let account_id = asked.account_id;
    let plan = plan_of(app, &asked).await?;
    let (book_version, period) = app
        .ledger
        .look(Some(account_id), move |world| {
            let live = world.account(account_id).and_then(|account| account.live());
            (world.book.version, live.map(|subscription| subscription.period))
        })
        .await?;
    let events = app.ledger.preview(call.request(asked.clone())?).await?;
    let mut change = shapes::plan_change(events.iter()).ok_or_else(|| no_change(&events))?;
    let internal = || ApiError::internal(&"a preview without its plan, period or event");
    let first = events.iter().find(|event| event.account() == Some(account_id));
    let (first, (plan, plan_revision)) = (first.ok_or_else(internal)?, plan.ok_or_else(internal)?);
    let (at, account_version) = (first.recorded_at, first.version - 1);
    // Where a processor reckons it, the figures are an estimate, and no token makes them so.
    let mut binding = true;
    if let (PlanChange::Requested(asked), Some(period)) = (&mut change, period) {
        asked.estimate = estimated(&events, period, at)?;
        binding = false;
    }
    let period_end = period.map(|period| period.end);
    let period_end = period_end_after_due(&events).or(period_end).ok_or_else(internal)?;
    let pin = Pin {
        account: account_id,
        plan,
        cycle: asked.cycle,
        at_period_end: asked.at_period_end,
        price: asked.price,
        preview: Preview { at, account_version, book_version, plan_revision },
    };
    let text = serde_json::to_string(&pin).map_err(|error| ApiError::internal(&error))?;
    Ok(PlanChangePreview {
        change: shapes::without_numbers(change),
        preview: true,
        binding,
        preview_token: app.seal.seal(&text),
        expires_at: at.plus_seconds(PREVIEW_SECONDS).min(period_end),
    })
}

/// What a processor may reckon for the change that it is to be asked for.
fn estimated(
    events: &[Recorded],
    period: Span,
    at: Timestamp,
) -> Result<Option<Estimate>, ApiError> {
    let asked = outcome::last(events.iter(), |event| match event {
        AccountEvent::Subscription(SubscriptionEvent::PlanChangeRequested(it)) => Some(it.clone()),
        _ => None,
    });
    let estimate = asked.map(|(_, asked)| estimate(&asked, period, at)).transpose();
    estimate.map_err(|error| ApiError::internal(&error))
}

/// Why a preview shows no change: the rules would park the account.
fn no_change(events: &[Recorded]) -> ApiError {
    if events.iter().any(|recorded| recorded.event.parks()) {
        Rejection::AccountParked.into()
    } else {
        ApiError::internal(&"a preview without its event")
    }
}

/// The end of the period that begins with what has fallen due, where some period does.
fn period_end_after_due(events: &[Recorded]) -> Option<Timestamp> {
    let began = |event: &AccountEvent| match event {
        AccountEvent::Subscription(SubscriptionEvent::SubscriptionRenewed(it)) => {
            Some(it.period.end)
        }
        AccountEvent::Subscription(SubscriptionEvent::SubscriptionActivated(it)) => {
            Some(it.period.end)
        }
        AccountEvent::Subscription(SubscriptionEvent::PlanChanged(it))
            if it.at == it.period.start =>
        {
            Some(it.period.end)
        }
        _ => None,
    };
    let due = shapes::before_the_change(events)?;
    outcome::last(due.iter(), began).map(|(_, end)| end)
}
