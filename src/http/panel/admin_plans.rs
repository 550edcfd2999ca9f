//! The panel dialect's plans for those who keep the catalogue: list, create, edit, retire.
//!
//! Whoever gets a plan, edits it and puts it back may send every field that was shown: those that
//! are only shown are taken where they are unchanged, and refused where they are not.

use std::{collections::BTreeMap, sync::Arc};

use daybook_events::{
    Currency, Event, Rejection,
    commands::{EditPlan, PlanEdit, PublishPlan, RetirePlan},
    event::{Limits, PlanEvent, PlanTerms, Price},
    ids::PlanId,
    period::Cycle,
    store::{Receipt, SubmitError},
};
use daybook_projections::query::Reach;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    number::{self, Name},
    plans::{every, named},
    shapes::{Done, LIMITS, PlanSaid, PlanShape, PriceShape},
};
use crate::app::App;
use crate::http::{
    answer::Answer,
    call::Call,
    conditional,
    error::ApiError,
    fields::{self, NoFields},
    reading::{ledger_wide, shown},
};

/// A plan that was created or changed.
#[derive(Debug, Serialize, JsonSchema)]
pub struct PlanDone {
    /// Always true: a refusal has another status.
    pub success: bool,
    /// The plan, as it is now.
    pub plan: PlanShape,
}

/// `GET /api/admin/plans`: all of them, hidden and retired ones too, by number.
///
/// # Errors
/// A database that cannot be reached.
pub async fn list(app: Arc<App>, call: Call) -> Result<Answer, ApiError> {
    ledger_wide(&call)?;
    let position = shown(&app, &call, Reach::Ledger).await?;
    let rows = every(&app).await?;
    let shapes: Vec<_> = rows.iter().map(|row| PlanShape::of_row(row, app.face.currency)).collect();
    Ok(Answer::ok(&shapes).at(position))
}

/// `GET /api/admin/plans/{id}`: by number, slug or id, hidden and retired ones too.
///
/// # Errors
/// No such plan.
pub async fn get(app: Arc<App>, call: Call) -> Result<Answer, ApiError> {
    ledger_wide(&call)?;
    let position = shown(&app, &call, Reach::Ledger).await?;
    let row = named(&app, call.capture(0)).await?.ok_or_else(ApiError::not_found)?;
    Ok(Answer::ok(&PlanShape::of_row(&row, app.face.currency)).at(position))
}

/// A limit that may be left out, be null (unlimited), or have a value.
type Limit = Option<Option<u64>>;

/// What `POST /api/admin/plans` takes. Null says that a limit is unlimited; a limit that is left out
/// is none that the plan speaks of.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CreateBody {
    name: String,
    #[serde(rename = "type")]
    plan_type: String,
    /// A permanent name; made of the name where it is left out.
    slug: Option<String>,
    description: Option<String>,
    /// The monthly price; without one it is agreed one by one.
    price: Option<number::Price>,
    /// The price's currency; the ledger's shown one by default.
    currency: Option<String>,
    #[serde(default, deserialize_with = "number::given")]
    memory: Limit,
    #[serde(default, deserialize_with = "number::given")]
    disk: Limit,
    #[serde(default, deserialize_with = "number::given")]
    cpu: Limit,
    #[serde(default, deserialize_with = "number::given")]
    server_limit: Limit,
    #[serde(default, deserialize_with = "number::given")]
    databases: Limit,
    #[serde(default, deserialize_with = "number::given")]
    backups: Limit,
    #[serde(default, deserialize_with = "number::given")]
    port_count: Limit,
    #[serde(default, deserialize_with = "number::given")]
    tunnel_port_count: Limit,
    hidden_from_billing: Option<bool>,
    features: Option<BTreeMap<String, Value>>,
    trial_days: Option<u32>,
}

/// Limits by the panel's own names, where they are given.
fn limits(given: [Limit; 8]) -> Limits {
    let named = LIMITS.into_iter().zip(given);
    named.filter_map(|(name, limit)| Some((name.to_owned(), limit?))).collect()
}

impl CreateBody {
    fn terms(self, shown_in: Currency) -> Result<(String, PlanTerms), ApiError> {
        let currency = self.currency.as_deref().map_or(Ok(shown_in), fields::currency)?;
        let amount = self.price.map(|price| price.amount(currency)).transpose()?;
        let prices = amount.map(|amount| Price { cycle: Cycle::Monthly, amount });
        let slug = self.slug.unwrap_or_else(|| slug_of(&self.name));
        let terms = PlanTerms {
            name: self.name,
            plan_type: self.plan_type,
            description: self.description.unwrap_or_default(),
            custom_price: prices.is_none(),
            prices: prices.into_iter().collect(),
            trial_days: self.trial_days.unwrap_or(0),
            limits: limits([
                self.memory,
                self.disk,
                self.cpu,
                self.server_limit,
                self.databases,
                self.backups,
                self.port_count,
                self.tunnel_port_count,
            ]),
            features: self.features.unwrap_or_default(),
            hidden: self.hidden_from_billing.unwrap_or(false),
        };
        Ok((slug, terms))
    }
}

/// A permanent name made of a plan's name: its letters and digits, other characters as one `-`.
fn slug_of(name: &str) -> String {
    let mut slug = String::new();
    for letter in name.to_lowercase().chars() {
        if letter.is_ascii_alphanumeric() {
            slug.push(letter);
        } else if !slug.is_empty() && !slug.ends_with('-') {
            slug.push('-');
        }
    }
    slug.truncate(60);
    let slug = slug.trim_end_matches('-');
    if slug.starts_with(|first: char| first.is_ascii_lowercase()) {
        return slug.to_owned();
    }
    // A slug begins with a letter: a number alone would be another plan's number.
    let slug: String = format!("p-{slug}").chars().take(60).collect();
    slug.trim_end_matches('-').to_owned()
}

/// `POST /api/admin/plans`
///
/// # Errors
/// Terms that make no sense, or a slug that is taken.
pub async fn create(app: Arc<App>, call: Call) -> Result<Answer, ApiError> {
    let body: CreateBody = call.json()?;
    let (slug, terms) = body.terms(app.face.currency)?;
    let receipt = app.submit(call.request(PublishPlan { slug, terms })?).await?;
    let (number, published) = receipt
        .events
        .iter()
        .find_map(|recorded| match &recorded.event {
            Event::Plan(PlanEvent::PlanPublished(it)) => Some((recorded.number.clone(), it)),
            _ => None,
        })
        .ok_or_else(|| ApiError::internal(&"a plan without its event"))?;
    let plan = PlanSaid {
        plan_id: published.plan_id,
        number: &number.unwrap_or_default(),
        slug: &published.slug,
        terms: &published.terms,
        revision: 1,
        retired: false,
    };
    let plan = PlanShape::of(plan, app.face.currency);
    Ok(Answer::ok(&PlanDone { success: true, plan }).at(receipt.position()))
}

/// What `PUT /api/admin/plans/{id}` takes: what is left out stays as it is.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct EditBody {
    name: Option<String>,
    #[serde(rename = "type")]
    plan_type: Option<String>,
    description: Option<String>,
    /// The price that is shown; null only where there is none.
    #[serde(default, deserialize_with = "number::given")]
    price: Option<Option<number::Price>>,
    #[serde(default, deserialize_with = "number::given")]
    memory: Limit,
    #[serde(default, deserialize_with = "number::given")]
    disk: Limit,
    #[serde(default, deserialize_with = "number::given")]
    cpu: Limit,
    #[serde(default, deserialize_with = "number::given")]
    server_limit: Limit,
    #[serde(default, deserialize_with = "number::given")]
    databases: Limit,
    #[serde(default, deserialize_with = "number::given")]
    backups: Limit,
    #[serde(default, deserialize_with = "number::given")]
    port_count: Limit,
    #[serde(default, deserialize_with = "number::given")]
    tunnel_port_count: Limit,
    hidden_from_billing: Option<bool>,
    features: Option<BTreeMap<String, Value>>,
    trial_days: Option<u32>,
    /// Only shown: taken where it is unchanged, as are all from here on.
    id: Option<Name>,
    plan_id: Option<String>,
    slug: Option<String>,
    #[serde(default, deserialize_with = "number::given")]
    currency: Option<Option<Currency>>,
    prices: Option<Vec<PriceShape>>,
    limits: Option<Limits>,
    /// The revision that was read: another one since is a conflict.
    revision: Option<u32>,
    retired: Option<bool>,
}

/// What of a plan never changes, and what its price is shown in.
struct Fixed {
    plan_id: PlanId,
    number: String,
    slug: String,
    currency: Option<Currency>,
}

impl EditBody {
    /// Refuses another value for what never changes.
    fn check_fixed(&self, plan: &Fixed) -> Result<(), ApiError> {
        let differs = |given: Option<String>, is: &str| given.is_some_and(|given| given != is);
        let changed = match () {
            () if differs(self.id.as_ref().map(Name::text), &plan.number) => "id",
            () if differs(self.plan_id.clone(), &plan.plan_id.to_string()) => "planId",
            () if differs(self.slug.clone(), &plan.slug) => "slug",
            () if self.currency.is_some_and(|given| given != plan.currency) => "currency",
            () if self.retired == Some(true) => "retired",
            () => return Ok(()),
        };
        Err(read_only(changed))
    }

    fn command(self, shown_in: Currency, plan: &Fixed) -> Result<EditPlan, ApiError> {
        self.check_fixed(plan)?;
        let currency = plan.currency.unwrap_or(shown_in);
        let price = match &self.price {
            None => None,
            Some(None) => Some(None),
            Some(Some(price)) => Some(Some(price.amount(currency)?)),
        };
        let prices_read = self.prices.map(|read| read.iter().map(PriceShape::read).collect());
        let prices_read =
            prices_read.map(|read: Option<Vec<_>>| read.ok_or_else(|| read_only("prices")));
        Ok(EditPlan {
            plan: plan.plan_id.to_string(),
            revision: self.revision,
            limits_read: self.limits,
            prices_read: prices_read.transpose()?,
            currency: shown_in,
            edit: PlanEdit {
                name: self.name,
                plan_type: self.plan_type,
                description: self.description,
                price,
                hidden: self.hidden_from_billing,
                trial_days: self.trial_days,
                features: self.features,
                limits: limits([
                    self.memory,
                    self.disk,
                    self.cpu,
                    self.server_limit,
                    self.databases,
                    self.backups,
                    self.port_count,
                    self.tunnel_port_count,
                ]),
            },
        })
    }
}

fn read_only(field: &'static str) -> ApiError {
    Rejection::FieldReadOnly { field }.into()
}

/// `PUT /api/admin/plans/{id}`: a change of some terms. One that changes nothing succeeds and
/// appends nothing.
///
/// # Errors
/// No such plan, a field that is only shown, a revision since, or terms that make no sense.
pub async fn edit(app: Arc<App>, call: Call) -> Result<Answer, ApiError> {
    let body: EditBody = call.json()?;
    let plan = fixed(&app, call.capture(0)).await?;
    let mut command = body.command(app.face.currency, &plan)?;
    let insisted = insisted(&app, &call, plan.plan_id).await?;
    command.revision = insisted.or(command.revision);
    match app.submit(call.request(command)?).await {
        Ok(receipt) => {
            let (terms, revision) = revised(&receipt)?;
            let said = PlanSaid {
                plan_id: plan.plan_id,
                number: &plan.number,
                slug: &plan.slug,
                terms,
                revision,
                retired: false,
            };
            let plan = PlanShape::of(said, app.face.currency);
            Ok(Answer::ok(&PlanDone { success: true, plan }).at(receipt.position()))
        }
        Err(SubmitError::Rejected(Rejection::PlanTermsUnchanged { .. })) => {
            let position = app.settled(Reach::Ledger).await;
            let row = named(&app, &plan.plan_id.to_string()).await?;
            let row = row.ok_or_else(ApiError::not_found)?;
            let plan = PlanShape::of_row(&row, app.face.currency);
            Ok(Answer::ok(&PlanDone { success: true, plan }).at(position))
        }
        Err(SubmitError::Rejected(Rejection::PlanVersionConflict { .. })) if insisted.is_some() => {
            Err(conditional::moved_on())
        }
        Err(error) => Err(error.into()),
    }
}

/// The revision that the plan must have: that of the state which the caller insists on by
/// `If-Match`. Where that is not the state any more, it is one that no plan has, so that a repeated
/// request is still answered by its key.
async fn insisted(app: &App, call: &Call, plan: PlanId) -> Result<Option<u32>, ApiError> {
    const NEVER: u32 = 0;
    if !call.headers.contains_key("if-match") {
        return Ok(None);
    }
    app.settled(Reach::Ledger).await;
    let row = named(app, &plan.to_string()).await?.ok_or_else(ApiError::not_found)?;
    let tag = Answer::ok(&PlanShape::of_row(&row, app.face.currency)).tag().unwrap_or_default();
    let met = conditional::matches(&call.headers, &tag);
    Ok(met.map(|met| if met { row.revision } else { NEVER }))
}

async fn fixed(app: &App, reference: &str) -> Result<Fixed, ApiError> {
    let (reference, currency) = (reference.to_owned(), app.face.currency);
    let found = app
        .ledger
        .look(None, move |world| {
            let plan = world.catalogue.find(&reference)?;
            let shown = plan.terms.shown_price(currency);
            Some(Fixed {
                plan_id: plan.id,
                number: plan.number.clone(),
                slug: plan.slug.clone(),
                currency: shown.map(|price| price.amount.currency()),
            })
        })
        .await?;
    found.ok_or_else(ApiError::not_found)
}

fn revised(receipt: &Receipt) -> Result<(&PlanTerms, u32), ApiError> {
    let revised = receipt.events.iter().find_map(|recorded| match &recorded.event {
        Event::Plan(PlanEvent::PlanRevised(it)) => Some((&it.terms, it.revision)),
        _ => None,
    });
    revised.ok_or_else(|| ApiError::internal(&"a revision without its event"))
}

/// `DELETE /api/admin/plans/{id}`: off the shelf; its history and its subscribers stay.
///
/// # Errors
/// No such plan, or one that is off the shelf.
pub async fn retire(app: Arc<App>, call: Call) -> Result<Answer, ApiError> {
    let NoFields {} = call.json_or_empty()?;
    let plan = call.capture(0).to_owned();
    let receipt = app.submit(call.request(RetirePlan { plan })?).await?;
    Ok(Answer::ok(&Done::DONE).at(receipt.position()))
}

#[cfg(test)]
mod tests {
    use super::slug_of;

    #[test]
    fn a_slug_is_made_of_a_name() {
        for (name, slug) in [
            ("Pro", "pro"),
            ("  Game Server XL! ", "game-server-xl"),
            ("Über 9000", "ber-9000"),
            ("9000", "p-9000"),
            ("---", "p"),
            ("日本", "p"),
        ] {
            assert_eq!(slug_of(name), slug, "{name}");
        }
        assert_eq!(slug_of(&"9".repeat(200)).len(), 60);
    }
}
