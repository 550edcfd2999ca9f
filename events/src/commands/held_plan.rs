//! From a plan on offer to the plan that somebody holds: revision, cycle, price and limits.

use std::sync::Arc;

use crate::{
    account::Account, catalogue::Plan, draft::Draft, event::HeldPlan, money::Money, period::Cycle,
    rejection::Rejection,
};

/// The plan as the account would come to hold it today, at its list price or the agreed one.
pub(super) fn held_plan(
    draft: &Draft,
    account: &Account,
    reference: &str,
    cycle: Cycle,
    agreed: Option<Money>,
) -> Result<HeldPlan, Rejection> {
    let plan = on_offer(draft, reference)?;
    let named = || plan.slug.clone();
    if let Some(price) = agreed {
        return agreed_plan(&plan, account, cycle, price);
    }
    if plan.terms.custom_price {
        return Err(Rejection::PlanPriceCustom { plan: named() });
    }
    if let Some(price) = plan.terms.price(cycle, account.currency) {
        return Ok(plan.held(cycle, price));
    }
    let sold_in_currency =
        plan.terms.prices.iter().any(|price| price.amount.currency() == account.currency);
    Err(if sold_in_currency {
        Rejection::CycleUnavailable { plan: named(), cycle }
    } else {
        Rejection::CurrencyMismatch { plan: named(), currency: account.currency }
    })
}

fn agreed_plan(
    plan: &Plan,
    account: &Account,
    cycle: Cycle,
    price: Money,
) -> Result<HeldPlan, Rejection> {
    let (given, expected) = (price.currency(), account.currency);
    match () {
        () if !plan.terms.custom_price => {
            Err(Rejection::PlanPriceFixed { plan: plan.slug.clone() })
        }
        () if given != expected => Err(Rejection::WrongCurrency { given, expected }),
        () if !price.is_positive() => Err(Rejection::AmountNotPositive),
        () => Ok(plan.held(cycle, price)),
    }
}

fn on_offer(draft: &Draft, reference: &str) -> Result<Arc<Plan>, Rejection> {
    let shown = reference.chars().take(64).collect();
    let plan = draft.world().catalogue.find(reference);
    let plan = plan.ok_or(Rejection::PlanUnknown { plan: shown })?;
    if plan.retired {
        return Err(Rejection::PlanRetired { plan: plan.slug.clone() });
    }
    Ok(plan.clone())
}
