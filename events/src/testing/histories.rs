//! Histories to begin with.

use super::{Given, asking::*};
use crate::{
    commands::PlaceOrder,
    event::Price,
    money::{Currency, Money},
    period::Cycle,
    world::World,
};

/// No events at all.
#[must_use]
pub fn given_nothing() -> Given {
    let now = "2026-05-01T00:00:00Z".parse().unwrap();
    Given { world: World::default(), events: Vec::new(), now, asked: 0 }
}

/// An open book.
#[must_use]
pub fn given_book() -> Given {
    given_nothing().and(open_book())
}

/// Six plans: `starter` 5, `pro` 15 (150 a year), `enterprise_lite` 40, `free`, `enterprise` at a
/// custom price, and `rupees` in another currency than the US dollars of the rest.
#[must_use]
pub fn given_plans() -> Given {
    let mut custom = publish("enterprise", "0");
    custom.terms.prices.clear();
    custom.terms.custom_price = true;
    let mut rupees = publish("rupees", "1");
    rupees.terms.prices[0].amount = Money::parse("400", Currency::INR).unwrap();
    let mut pro = publish("pro", "15");
    pro.terms.prices.push(Price { cycle: Cycle::Yearly, amount: usd("150") });
    pro.terms.limits.insert("max_servers".into(), Some(15));
    given_book()
        .and(publish("starter", "5"))
        .and(pro)
        .and(publish("enterprise_lite", "40"))
        .and(publish("free", "0"))
        .and(custom)
        .and(rupees)
}

/// The six plans and an account in US dollars.
#[must_use]
pub fn given_account() -> Given {
    given_plans().and(open_account())
}

/// The account with a paid monthly subscription to a plan.
#[must_use]
#[track_caller]
pub fn given_subscribed(plan: &str) -> Given {
    subscribed(plan, Cycle::Monthly)
}

/// The account with a paid yearly subscription to a plan.
#[must_use]
#[track_caller]
pub fn given_subscribed_yearly(plan: &str) -> Given {
    subscribed(plan, Cycle::Yearly)
}

#[track_caller]
fn subscribed(plan: &str, cycle: Cycle) -> Given {
    let order = PlaceOrder { plan: plan.into(), cycle, ..place_order() };
    let given = given_account().and(order);
    if given.account().subscription.is_some() { given } else { given.and_paid() }
}
