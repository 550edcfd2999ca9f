//! A plan change that the processor which runs the subscription makes, and what it may come to.

use daybook_events::{
    Currency, Timestamp,
    event::PlanChangeRequested,
    ids::SubscriptionId,
    money::MoneyError,
    period::{Cycle, Span},
    proration::{Granularity, Proration},
};
use schemars::JsonSchema;
use serde::Serialize;

use super::{Amount, PlanHeld, amount, plan};

/// A plan change that a processor was asked for.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Requested {
    /// Whose plan.
    subscription_id: SubscriptionId,
    /// The plan until the processor answers.
    from: PlanHeld,
    /// The plan that it is asked for.
    to: PlanHeld,
    /// How often it will be billed.
    billing_cycle: Cycle,
    /// What a period will cost, without the processor's tax.
    amount: Amount,
    /// The currency of the amounts.
    currency: Currency,
    /// Not known before the processor answers.
    effective_at: (),
    /// What the rest of the period may come to on the processor's next invoice; `null` where the
    /// change was asked for, since the processor's figures count.
    pub estimate: Option<Estimate>,
}

/// What the processor may reckon: ours by the second, without its tax.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Estimate {
    /// What is taken back of the plan before.
    credit: Amount,
    /// What is billed of the plan after.
    charge: Amount,
}

/// A plan change that a processor was asked for.
#[must_use]
pub fn requested(requested: &PlanChangeRequested) -> Requested {
    let PlanChangeRequested { subscription_id, from, to } = requested;
    Requested {
        subscription_id: *subscription_id,
        from: plan(from),
        to: plan(to),
        billing_cycle: to.cycle,
        amount: amount(to.price),
        currency: to.price.currency(),
        effective_at: (),
        estimate: None,
    }
}

/// What it may come to, asked at an instant of a period.
///
/// # Errors
/// An amount out of bounds.
pub fn estimate(
    change: &PlanChangeRequested,
    period: Span,
    at: Timestamp,
) -> Result<Estimate, MoneyError> {
    let rest = |price| {
        let part = Proration::of_rest(price, period, at, Granularity::Second, chrono_tz::Tz::UTC)?;
        Ok::<_, MoneyError>(part.amount)
    };
    let whole = change.from.cycle != change.to.cycle;
    let charge = if whole { change.to.price } else { rest(change.to.price)? };
    Ok(Estimate { credit: amount(rest(change.from.price)?), charge: amount(charge) })
}

#[cfg(test)]
mod tests {
    use daybook_events::{
        Event,
        event::{AccountEvent, SubscriptionEvent},
        testing::*,
    };

    use super::*;

    #[test]
    fn an_estimate_is_our_proration_and_says_so_beside_what_is_asked_for() {
        let given = given_run_by_merchant().at("2026-05-16T12:00:00Z").and(change_plan("starter"));
        let asked = given.last(|event| match event {
            Event::Account(AccountEvent::Subscription(SubscriptionEvent::PlanChangeRequested(
                it,
            ))) => Some(it.clone()),
            _ => None,
        });
        let period = given.account().live().unwrap().period;
        let estimate = estimate(&asked, period, given.now()).unwrap();
        let shown = serde_json::to_value(&estimate).unwrap();
        assert_eq!(shown, serde_json::json!({ "credit": "7.50", "charge": "2.50" }));
        assert!(requested(&asked).estimate.is_none());
    }
}
