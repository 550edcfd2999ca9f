//! A simulated customer: what they do next, and when.

use chrono_tz::Tz;
use daybook_events::{
    Currency, Money, Timestamp,
    commands::{
        CancelSubscription, ChangePlan, ConfirmPayment, OpenAccount, PlaceOrder, RecordRefund,
        RequestRefund, ResumeSubscription, ReviseBillingDetails, SettleDue, StartCheckout,
    },
    event::{AccountEvent, Event, OrderEvent, PaymentEvent, SubscriptionEvent},
    ids::{AccountId, OrderId},
    period::Cycle,
    personal::{Party, Personal},
};
use rand::RngExt;
use rand_chacha::ChaCha12Rng;

use super::{Desk, HistoryError, Shape, pick};

const DAY: i64 = 86_400;

const FIRST_NAMES: &[&str] = &[
    "Ada", "Aylin", "Bram", "Chidi", "Chloé", "Dmitri", "Elif", "Farah", "Grace", "Hana", "Ines",
    "Jonas", "Kavya", "Lena", "Mateo", "Nadia", "Oskar", "Priya", "Quentin", "Rosa", "Sven",
    "Tomás", "Uma", "Viktor", "Wanjiru", "Xin", "Yusuf", "Zoë",
];
const LAST_NAMES: &[&str] = &[
    "Almeida",
    "Bauer",
    "Chen",
    "Dubois",
    "Eriksen",
    "Fernández",
    "Gupta",
    "Haddad",
    "Ito",
    "Jansen",
    "Kowalski",
    "Lovelace",
    "Müller",
    "Novák",
    "Okafor",
    "Petrov",
    "Quispe",
    "Rossi",
    "Şahin",
    "Tanaka",
    "Ueda",
    "Varga",
    "Walker",
    "Yıldız",
    "Zhang",
];

/// Where a customer lives: currency, zone, country, city.
type Home = (Currency, Tz, &'static str, &'static str);

/// Where customers live, by weight.
const HOMES: &[(u32, Home)] = &[
    (42, (Currency::USD, Tz::America__New_York, "US", "New York")),
    (12, (Currency::USD, Tz::America__Los_Angeles, "US", "Portland")),
    (20, (Currency::EUR, Tz::Europe__Berlin, "DE", "Leipzig")),
    (6, (Currency::EUR, Tz::Europe__Paris, "FR", "Lyon")),
    (14, (Currency::INR, Tz::Asia__Kolkata, "IN", "Pune")),
    (4, (Currency::JPY, Tz::Asia__Tokyo, "JP", "Osaka")),
    (2, (Currency::KWD, Tz::Asia__Kuwait, "KW", "Kuwait City")),
];

/// Paid plans from small to large.
const LADDER: &[&str] = &["starter", "pro", "business"];

/// What a customer does at an instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Step {
    /// Opens an account.
    SignUp,
    /// Orders a plan.
    Order,
    /// Pays an order.
    Pay(OrderId),
    /// The period ends: the subscription renews or ends.
    PeriodEnd,
    /// Moves up the ladder.
    Upgrade,
    /// Moves down the ladder.
    Downgrade,
    /// Cancels at period end, or now.
    Cancel { now: bool },
    /// Thinks better of it.
    Resume,
    /// Wants the money back.
    Refund,
    /// Moves house.
    Move,
}

/// When, and what.
type Next = Vec<(Timestamp, Step)>;

pub(super) struct Customer {
    external_id: String,
    account_id: AccountId,
    name: String,
    currency: Currency,
    zone: Tz,
    country: &'static str,
    city: &'static str,
    plan: &'static str,
    cycle: Cycle,
}

impl Customer {
    /// A customer, and when they sign up: more of them later, as the business grows.
    pub(super) fn new(n: u32, shape: &Shape, rng: &mut ChaCha12Rng) -> (Self, Timestamp) {
        let (currency, zone, country, city) = pick(rng, HOMES);
        let name =
            |names: &[&'static str], rng: &mut ChaCha12Rng| names[rng.random_range(0..names.len())];
        let external_id = format!("user-{:04}", n + 1);
        let customer = Self {
            account_id: OpenAccount::id_of_external(&external_id),
            external_id,
            name: format!("{} {}", name(FIRST_NAMES, rng), name(LAST_NAMES, rng)),
            currency,
            zone,
            country,
            city,
            plan: pick(rng, &[(12, "free"), (38, "starter"), (38, "pro"), (12, "business")]),
            cycle: pick(rng, &[(86, Cycle::Monthly), (14, Cycle::Yearly)]),
        };
        let whole = shape.until.seconds() - shape.from.seconds();
        let (one, other) = (rng.random_range(0..whole), rng.random_range(0..whole));
        // The later of two draws: sign-ups grow in a straight line.
        let at = shape.from.plus_seconds(one.max(other).min(whole - DAY).max(0));
        (customer, at)
    }

    /// Takes a step; what follows from it goes into the calendar.
    pub(super) async fn take(
        &mut self,
        step: Step,
        at: Timestamp,
        desk: &mut Desk<'_>,
    ) -> Result<Next, HistoryError> {
        match step {
            Step::SignUp => self.sign_up(at, desk).await,
            Step::Order => self.order(at, desk).await,
            Step::Pay(order) => self.pay(order, at, desk).await,
            Step::PeriodEnd => self.period_end(at, desk).await,
            Step::Upgrade => self.change(1, at, desk).await,
            Step::Downgrade => self.change(-1, at, desk).await,
            Step::Cancel { now } => self.cancel(now, at, desk).await,
            Step::Resume => {
                desk.ask(ResumeSubscription { account_id: self.account_id }).await?;
                Ok(Vec::new())
            }
            Step::Refund => self.refund(at, desk).await,
            Step::Move => {
                let billing = self.billing(desk.rng.random_range(1..300));
                let account_id = self.account_id;
                desk.ask(ReviseBillingDetails { account_id, billing }).await?;
                Ok(Vec::new())
            }
        }
    }

    fn billing(&self, house: u32) -> Personal {
        let mailbox = self.external_id.replace('-', ".");
        Personal(Party {
            name: self.name.clone(),
            email: format!("{mailbox}@example.com"),
            address: format!("{house} Example Street"),
            city: self.city.to_owned(),
            country: self.country.to_owned(),
            ..Party::default()
        })
    }

    async fn sign_up(&mut self, at: Timestamp, desk: &mut Desk<'_>) -> Result<Next, HistoryError> {
        let billing = self.billing(desk.rng.random_range(1..300));
        let command = OpenAccount {
            account_id: self.account_id,
            external_id: Some(self.external_id.clone()),
            currency: self.currency,
            zone: self.zone,
            billing,
        };
        desk.ask(command).await?;
        Ok(vec![(at.plus_seconds(desk.minutes(1, 30)), Step::Order)])
    }

    async fn order(&mut self, at: Timestamp, desk: &mut Desk<'_>) -> Result<Next, HistoryError> {
        let account_id = self.account_id;
        let sold_yearly = self.plan != "free";
        let cycle = if sold_yearly { self.cycle } else { Cycle::Monthly };
        let command =
            PlaceOrder { account_id, plan: self.plan.to_owned(), cycle, price: None, coupon: None };
        let Some(receipt) = desk.ask(command).await? else { return Ok(Vec::new()) };
        let order = receipt.events.iter().find_map(|recorded| match &recorded.event {
            Event::Account(AccountEvent::Order(OrderEvent::OrderPlaced(placed))) => {
                Some(placed.clone())
            }
            _ => None,
        });
        match order {
            Some(order) if order.amount.is_positive() => {
                self.start_checkout(order.order_id, order.amount, desk).await?;
                // Some look at the price, close the window, and are not seen again.
                let stays = desk.chance(94);
                let pays = at.plus_seconds(desk.minutes(1, 12));
                Ok(if stays { vec![(pays, Step::Pay(order.order_id))] } else { Vec::new() })
            }
            Some(_) => self.plans(at, desk).await,
            None => Ok(Vec::new()),
        }
    }

    async fn start_checkout(
        &self,
        order_id: OrderId,
        amount: Money,
        desk: &mut Desk<'_>,
    ) -> Result<(), HistoryError> {
        let processor_order_id = desk.processor.create_order(order_id, amount)?;
        let command = StartCheckout {
            account_id: self.account_id,
            order_id,
            processor: desk.processor.name().to_owned(),
            processor_order_id,
        };
        desk.ask(command).await?;
        Ok(())
    }

    async fn pay(
        &mut self,
        order_id: OrderId,
        at: Timestamp,
        desk: &mut Desk<'_>,
    ) -> Result<Next, HistoryError> {
        let account_id = self.account_id;
        let amount = desk
            .look(account_id, move |world| {
                let order = world.account(account_id)?.orders.get(order_id)?;
                order.is_open().then_some((order.amount, order.checkout.is_some()))
            })
            .await?;
        let Some((amount, has_checkout)) = amount else { return Ok(Vec::new()) };
        if !has_checkout {
            self.start_checkout(order_id, amount, desk).await?;
        }
        let processor_order_id = desk.processor.create_order(order_id, amount)?;
        let processor_payment_id = processor_order_id.replace("order_", "pay_");
        let command =
            ConfirmPayment { account_id, processor_order_id, processor_payment_id, amount: None };
        let Some(receipt) = desk.ask(command).await? else { return Ok(Vec::new()) };
        let begins = receipt.events.iter().any(|recorded| {
            matches!(
                &recorded.event,
                Event::Account(AccountEvent::Subscription(
                    SubscriptionEvent::SubscriptionActivated(_)
                ))
            )
        });
        if begins { self.plans(at, desk).await } else { Ok(Vec::new()) }
    }

    /// What happens in the period that has just begun.
    async fn plans(&mut self, at: Timestamp, desk: &mut Desk<'_>) -> Result<Next, HistoryError> {
        let account_id = self.account_id;
        let period = desk
            .look(account_id, move |world| {
                world.account(account_id)?.live().map(|subscription| subscription.period)
            })
            .await?;
        let Some(period) = period else { return Ok(Vec::new()) };
        let mut next = vec![(period.end.plus_seconds(desk.minutes(1, 20)), Step::PeriodEnd)];
        let length = period.end.seconds() - at.seconds();
        // A yearly period holds as much life as twelve monthly ones.
        let months = (length / (28 * DAY)).clamp(1, 12);
        for _ in 0..months {
            let some_time = at.plus_seconds(desk.rng.random_range(DAY..length.max(2 * DAY)));
            let soon = at.plus_seconds(desk.rng.random_range(DAY / 4..20 * DAY));
            let whim = desk.pick(&[
                (820, None),
                (70, Some((some_time, Step::Upgrade))),
                (25, Some((some_time, Step::Downgrade))),
                (40, Some((some_time, Step::Cancel { now: false }))),
                (5, Some((some_time, Step::Cancel { now: true }))),
                (20, Some((soon, Step::Refund))),
                (20, Some((some_time, Step::Move))),
            ]);
            next.extend(whim);
        }
        Ok(next)
    }

    async fn period_end(
        &mut self,
        at: Timestamp,
        desk: &mut Desk<'_>,
    ) -> Result<Next, HistoryError> {
        let account_id = self.account_id;
        // Another command may have settled what was due before; the state says what is open now.
        desk.ask(SettleDue { account_id, until: None }).await?;
        let state = desk
            .look(account_id, move |world| {
                let account = world.account(account_id)?;
                let live = account.live()?;
                let invoices = account.invoices.of(live.id);
                let order = invoices.flat_map(|invoice| account.orders.open_for(invoice.id)).next();
                Some((live.period, order.map(|order| order.id)))
            })
            .await?;
        let Some((period, order)) = state else {
            // Gone, but one in five comes back.
            let returns = at.plus_seconds(desk.rng.random_range(5 * DAY..60 * DAY));
            return Ok(if desk.chance(20) { vec![(returns, Step::Order)] } else { Vec::new() });
        };
        if period.end <= at {
            return Ok(vec![(period.end.plus_seconds(60), Step::PeriodEnd)]);
        }
        let mut next = self.plans(at, desk).await?;
        if let Some(order) = order {
            let delay = desk.pick(&[(85, Some(DAY / 24)), (11, Some(9 * DAY)), (4, None)]);
            next.extend(
                delay
                    .map(|delay| (at.plus_seconds(delay + desk.minutes(1, 600)), Step::Pay(order))),
            );
        }
        Ok(next)
    }

    /// Moves along the ladder by some rungs.
    async fn change(
        &mut self,
        rungs: isize,
        at: Timestamp,
        desk: &mut Desk<'_>,
    ) -> Result<Next, HistoryError> {
        let account_id = self.account_id;
        let held = desk
            .look(account_id, move |world| {
                world.account(account_id)?.live().map(|live| live.plan.slug.clone())
            })
            .await?;
        let rung = held.and_then(|held| LADDER.iter().position(|slug| *slug == held));
        let target =
            rung.and_then(|rung| rung.checked_add_signed(rungs)).and_then(|r| LADDER.get(r));
        let Some(plan) = target else { return Ok(Vec::new()) };
        let command = ChangePlan {
            account_id,
            plan: Some((*plan).to_owned()),
            cycle: None,
            price: None,
            at_period_end: false,
            preview: None,
        };
        let Some(receipt) = desk.ask(command).await? else { return Ok(Vec::new()) };
        self.plan = plan;
        let order = receipt.events.iter().find_map(|recorded| match &recorded.event {
            Event::Account(AccountEvent::Order(OrderEvent::OrderPlaced(placed))) => {
                Some(placed.order_id)
            }
            _ => None,
        });
        let pays = at.plus_seconds(desk.minutes(1, 30));
        Ok(order.map(|order| (pays, Step::Pay(order))).into_iter().collect())
    }

    async fn cancel(
        &mut self,
        now: bool,
        at: Timestamp,
        desk: &mut Desk<'_>,
    ) -> Result<Next, HistoryError> {
        let command = CancelSubscription { account_id: self.account_id, at_period_end: !now };
        let cancelled = desk.ask(command).await?.is_some();
        let regrets = cancelled && desk.chance(30);
        let later = at.plus_seconds(desk.minutes(60, 3_000));
        Ok(if regrets { vec![(later, Step::Resume)] } else { Vec::new() })
    }

    async fn refund(&mut self, _at: Timestamp, desk: &mut Desk<'_>) -> Result<Next, HistoryError> {
        let reason = desk.pick(&[
            (60, "customer_request"),
            (25, "too expensive"),
            (15, "server location is too far away"),
        ]);
        let account_id = self.account_id;
        let command = RequestRefund {
            account_id,
            amount: None,
            reason: reason.to_owned(),
            override_policy: false,
        };
        let Some(receipt) = desk.ask(command).await? else { return Ok(Vec::new()) };
        for recorded in &receipt.events {
            if let Event::Account(AccountEvent::Payment(PaymentEvent::RefundRequested(requested))) =
                &recorded.event
            {
                let refund_id = requested.refund_id;
                let outcome = desk.processor.refund(refund_id)?;
                desk.ask(RecordRefund { account_id, refund_id, outcome }).await?;
            }
        }
        Ok(Vec::new())
    }
}
