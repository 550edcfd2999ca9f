//! The simulated seller: what is on offer, under which tax rules and policy, and how that changes
//! while customers hold what they bought.

use std::str::FromStr;

use chrono::{Datelike, Months};
use chrono_tz::Tz;
use daybook_events::{
    Currency, Timestamp,
    accounting::AccountingPeriod,
    commands::{
        AdoptPolicy, AdoptTaxRules, ClosePeriod, Command, OfferCoupon, PublishPlan, ReapplyLimits,
        RetirePlan, RevisePlan, ReviseSeller, WithdrawCoupon,
    },
    coupon::{CouponCode, CouponDuration, CouponTerms, CouponValue},
    event::{Event, PlanEvent, PlanTerms},
    ids::PlanId,
    percent::Percent,
    period::start_of_day,
    personal::Party,
    policy::{ChangeTiming, Policy},
    proration::Granularity,
    tax::TaxRules,
};

use super::{Shape, SimulationError, customer::Step, desk::Desk, prices::goodwill};
use crate::plan_file;

/// The seller's name in the log.
const ACTOR: &str = "seller";

/// The tax rules that the seller adopts, which are also an example of the format.
const TAX_RULES: &str = include_str!("../../docs/tax.example.toml");

/// A plan that is on offer for some months only.
const SPECIAL: &str = "summer";

/// What the seller does in the course of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Move {
    /// A plan for a season.
    OfferSpecial,
    /// The season is over.
    RetireSpecial,
    /// New subscribers pay more, and get more.
    RaisePrices,
    /// Old subscribers get more, too.
    Reapply { plan: &'static str, force: bool },
    /// Another billing policy.
    ChangePolicy,
    /// A law of a season: Germany asks for less.
    LowerTax,
    /// And for as much as before.
    RestoreTax,
    /// No more discounts for early customers.
    WithdrawCoupon,
    /// Another country.
    GoAbroad,
    /// Every month that is over.
    CloseBooks,
}

/// When the seller does what, in percent of the whole; moving takes a business of some age.
pub(super) fn plans(shape: &Shape) -> Vec<(Timestamp, Move)> {
    const PLANS: [(i64, Move); 9] = [
        (30, Move::OfferSpecial),
        (35, Move::RaisePrices),
        (40, Move::Reapply { plan: "pro", force: false }),
        (45, Move::RetireSpecial),
        (50, Move::ChangePolicy),
        (55, Move::LowerTax),
        (60, Move::RestoreTax),
        (70, Move::Reapply { plan: "starter", force: true }),
        (80, Move::WithdrawCoupon),
    ];
    const TWO_YEARS: i64 = 2 * 365 * 86_400;
    let at = |percent: i64| shape.from.plus_seconds(shape.seconds() * percent / 100);
    let moves = (shape.seconds() > TWO_YEARS).then(|| (at(65), Move::GoAbroad));
    let first = AccountingPeriod::month_of(shape.from.utc().date_naive()).first_day;
    let months = (1..).map_while(|n| first.checked_add_months(Months::new(n)));
    // On the first of each month, at six: a few facts of the month before are learned of later.
    let closings = months.map(|day| start_of_day(day, Tz::UTC).plus_seconds(6 * 3_600));
    let closings = closings.take_while(|at| *at <= shape.until).map(|at| (at, Move::CloseBooks));
    let steps = PLANS.into_iter().map(|(percent, step)| (at(percent), step));
    steps.chain(moves).chain(closings).collect()
}

#[derive(Debug, Default)]
pub(super) struct Seller {
    plans: Vec<(String, PlanTerms)>,
    rules: TaxRules,
}

impl Seller {
    /// Sets the business up. What a ledger has already, it keeps.
    pub(super) async fn open(
        &mut self,
        shape: &Shape,
        desk: &mut Desk<'_>,
    ) -> Result<(), SimulationError> {
        let example = |what, problem: String| SimulationError::Example { what, problem };
        self.rules = toml::from_str(TAX_RULES)
            .map_err(|error| example("tax rules", error.message().to_owned()))?;
        self.plans = plan_file::parse(plan_file::EXAMPLE)
            .map_err(|error| example("catalogue", error.to_string()))?;
        for (slug, terms) in &mut self.plans {
            terms.trial_days = if slug == "business" { 14 } else { 0 };
        }
        let (opened, taxed) = desk
            .ledger
            .look(None, |world| (world.book.opened.clone(), world.book.tax_version > 0))
            .await?;
        if let Some(opened) = opened.filter(|opened| opened.seller.country.is_empty()) {
            let seller = in_berlin(&opened.seller.name);
            self.ask(desk, ReviseSeller { seller }).await?;
        }
        if !taxed {
            self.ask(desk, AdoptTaxRules { rules: self.rules.clone() }).await?;
        }
        for (slug, terms) in self.plans.clone() {
            self.ask(desk, PublishPlan { slug, terms }).await?;
        }
        let partners = plan_ids(desk, &["pro", "business"]).await?;
        for (code, terms) in coupons(shape.accounts, partners) {
            self.ask(desk, OfferCoupon { code, terms }).await?;
        }
        desk.listen();
        Ok(())
    }

    async fn ask(
        &self,
        desk: &mut Desk<'_>,
        command: impl Into<Command>,
    ) -> Result<(), SimulationError> {
        desk.ask(ACTOR, command).await?.ok();
        Ok(())
    }

    /// Does something; what follows for customers goes into the calendar at once.
    pub(super) async fn act(
        &mut self,
        step: Move,
        customers: u32,
        desk: &mut Desk<'_>,
    ) -> Result<Vec<(u32, Step)>, SimulationError> {
        match step {
            Move::OfferSpecial => {
                if let Some(terms) = self.terms("starter") {
                    let terms = PlanTerms { name: "Summer".to_owned(), ..priced(terms, 8, 10) };
                    self.ask(desk, PublishPlan { slug: SPECIAL.to_owned(), terms }).await?;
                    desk.special = Some(SPECIAL);
                }
            }
            Move::RetireSpecial => {
                desk.special = None;
                self.ask(desk, RetirePlan { plan: SPECIAL.to_owned() }).await?;
            }
            Move::RaisePrices => self.raise_prices(desk).await?,
            Move::Reapply { plan, force } => return reapply(plan, force, customers, desk).await,
            Move::ChangePolicy => self.ask(desk, AdoptPolicy { policy: second_policy() }).await?,
            Move::LowerTax => self.adopt("16", desk).await?,
            Move::RestoreTax => self.adopt("19", desk).await?,
            Move::WithdrawCoupon => {
                if let Ok(code) = CouponCode::from_str("LAUNCH") {
                    self.ask(desk, WithdrawCoupon { code }).await?;
                }
            }
            Move::GoAbroad => self.ask(desk, ReviseSeller { seller: in_bengaluru() }).await?,
            Move::CloseBooks => close_books(desk).await?,
        }
        desk.listen();
        Ok(Vec::new())
    }

    fn terms(&self, plan: &str) -> Option<PlanTerms> {
        self.plans.iter().find(|(slug, _)| slug == plan).map(|(_, terms)| terms.clone())
    }

    async fn raise_prices(&self, desk: &mut Desk<'_>) -> Result<(), SimulationError> {
        for plan in ["starter", "pro"] {
            let Some(terms) = self.terms(plan) else { continue };
            let mut terms = priced(terms, 11, 10);
            for limit in terms.limits.values_mut() {
                *limit = limit.map(|most| most + most / 5);
            }
            self.ask(desk, RevisePlan { plan: plan.to_owned(), terms }).await?;
        }
        Ok(())
    }

    /// Adopts the rules with another rate for Germany.
    async fn adopt(&self, percent: &str, desk: &mut Desk<'_>) -> Result<(), SimulationError> {
        let mut rules = self.rules.clone();
        for rate in rules.rates.iter_mut().filter(|rate| rate.country == "DE") {
            rate.percent = Percent::from_str(percent).unwrap_or(rate.percent);
        }
        self.ask(desk, AdoptTaxRules { rules }).await
    }
}

/// Closes every month that is over.
async fn close_books(desk: &mut Desk<'_>) -> Result<(), SimulationError> {
    loop {
        let now = desk.now();
        let look = move |world: &daybook_events::world::World| {
            let next = world.book.next_period();
            next.filter(|next| next.last_day < world.book.day_of(now))
        };
        let Some(period) = desk.ledger.look(None, look).await? else { return Ok(()) };
        // Without a draw of luck: what customers do is the same whether books are closed or not.
        let nth = u128::try_from(period.first_day.num_days_from_ce()).unwrap_or(0);
        let seed = uuid::Uuid::from_u128(nth);
        desk.ask_with(seed, ACTOR, ClosePeriod { period }).await?.ok();
    }
}

/// Asks that a plan's limits reach its subscribers, and sends every customer to get them.
async fn reapply(
    plan: &'static str,
    force: bool,
    customers: u32,
    desk: &mut Desk<'_>,
) -> Result<Vec<(u32, Step)>, SimulationError> {
    desk.ask(ACTOR, ReapplyLimits { plan: plan.to_owned(), force }).await?.ok();
    let asked = desk.listen().into_iter().find_map(|recorded| match &recorded.event {
        Event::Plan(PlanEvent::PlanLimitsReapplied(it)) => Some(it.clone()),
        _ => None,
    });
    let Some(asked) = asked else { return Ok(Vec::new()) };
    let (reapplication_id, plan_id) = (asked.reapplication_id, asked.plan_id);
    let step = Step::Reapply { reapplication_id, plan_id, force };
    Ok((0..customers).map(|n| (n, step)).collect())
}

async fn plan_ids(
    desk: &Desk<'_>,
    slugs: &'static [&'static str],
) -> Result<Vec<PlanId>, SimulationError> {
    let look = move |world: &daybook_events::world::World| {
        slugs.iter().filter_map(|slug| Some(world.catalogue.find(slug)?.id)).collect()
    };
    Ok(desk.ledger.look(None, look).await?)
}

/// The same terms for a part of the price, or more of it.
fn priced(mut terms: PlanTerms, numerator: i64, denominator: i64) -> PlanTerms {
    for price in &mut terms.prices {
        price.amount = price.amount.ratio(numerator, denominator).unwrap_or(price.amount);
    }
    terms
}

/// Days instead of seconds; dearer plans only once they are paid, cheaper ones later.
fn second_policy() -> Policy {
    Policy {
        proration: Granularity::Day,
        upgrade: ChangeTiming::OncePaid,
        downgrade: ChangeTiming::PeriodEnd,
        ..Policy::default()
    }
}

/// One coupon of each kind: for everybody once, for the first few, and for partners for ever.
fn coupons(accounts: u32, partners: Vec<PlanId>) -> Vec<(CouponCode, CouponTerms)> {
    let percent = |text: &str| CouponValue::Percent(text.parse().unwrap_or(Percent::ZERO));
    let terms = |value, duration| CouponTerms {
        value,
        duration,
        plans: Vec::new(),
        max_redemptions: None,
        max_per_account: Some(1),
        valid_from: None,
        expires_at: None,
    };
    let fixed = [Currency::USD, Currency::EUR, Currency::INR, Currency::JPY].map(goodwill);
    let fixed = CouponValue::Fixed(fixed.into_iter().flatten().collect());
    let launch = CouponTerms {
        max_redemptions: Some((accounts / 20).max(2)),
        max_per_account: None,
        ..terms(fixed, CouponDuration::Periods(3))
    };
    let partner =
        CouponTerms { plans: partners, ..terms(percent("12.5"), CouponDuration::Forever) };
    let welcome = terms(percent("20"), CouponDuration::Once);
    let named = [("WELCOME", welcome), ("LAUNCH", launch), ("PARTNER", partner)];
    named.into_iter().filter_map(|(code, terms)| Some((code.parse().ok()?, terms))).collect()
}

fn in_berlin(name: &str) -> Party {
    Party {
        name: name.to_owned(),
        email: "billing@example.com".to_owned(),
        address: "1 Example Street".to_owned(),
        city: "Berlin".to_owned(),
        country: "DE".to_owned(),
        tax_id: "DE902206462".to_owned(),
        ..Party::default()
    }
}

fn in_bengaluru() -> Party {
    Party {
        name: "Example Hosting Private Limited".to_owned(),
        email: "billing@example.com".to_owned(),
        address: "1 Example Road".to_owned(),
        city: "Bengaluru".to_owned(),
        state: "KA".to_owned(),
        country: "IN".to_owned(),
        tax_id: "29ABCDE1234F1ZW".to_owned(),
        ..Party::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_tax_rules_is_one_that_sellers_can_adopt() {
        let rules: TaxRules = toml::from_str(TAX_RULES).unwrap();
        assert_eq!(rules.fault(&in_berlin("Example")), None);
        assert_eq!(rules.fault(&in_bengaluru()), None);
    }

    #[test]
    fn there_are_three_coupons() {
        assert_eq!(coupons(100, Vec::new()).len(), 3);
    }
}
