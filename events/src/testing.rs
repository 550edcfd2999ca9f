//! Given/when/then for the rules, and builders with good defaults, so that a test says only what
//! it is about. Used by this crate's tests and by those of the crates above it.
//!
//! Days are in May 2026: `given_subscribed("pro")` began on the 1st at midnight, UTC.
#![expect(clippy::missing_panics_doc, reason = "a test harness panics where a test fails")]
#![expect(clippy::unwrap_used, reason = "a test harness panics where a test fails")]

use std::sync::Arc;

use chrono_tz::Tz;
use uuid::Uuid;

use crate::{
    account::Account,
    commands::*,
    coupon::{CouponDuration, CouponTerms, CouponValue},
    draft::Draft,
    envelope::{Origin, Recorded},
    event::*,
    ids::{AccountId, AdjustmentId, Id, OrderId, RefundId},
    money::{Currency, Money},
    period::Cycle,
    personal::{Party, Personal},
    policy::Policy,
    rejection::Rejection,
    tax::{Elsewhere, TaxRate, TaxRules},
    time::Timestamp,
    world::World,
};

/// A history, and the instant at which something is asked next.
#[derive(Debug, Clone)]
pub struct Given {
    world: World,
    events: Vec<Recorded>,
    now: Timestamp,
    asked: u128,
}

/// What came of a command.
#[derive(Debug)]
pub struct Then {
    outcome: Result<Vec<Recorded>, Rejection>,
    world: World,
}

impl Given {
    /// The same history at a later instant.
    #[must_use]
    pub fn at(mut self, now: &str) -> Self {
        self.now = now.parse().unwrap();
        self
    }

    /// The history with a command that must be accepted.
    #[must_use]
    #[track_caller]
    pub fn and(mut self, command: impl Into<Command>) -> Self {
        let then = self.clone().when(command);
        self.events.extend(then.events().iter().cloned());
        Self { world: then.world, asked: self.asked + 1, ..self }
    }

    /// The same history some seconds later.
    #[must_use]
    pub fn later(mut self, seconds: i64) -> Self {
        self.now = self.now.plus_seconds(seconds);
        self
    }

    /// The history with a command, where it is accepted.
    ///
    /// # Errors
    /// The rejection.
    pub fn try_and(mut self, command: impl Into<Command>) -> Result<Self, Rejection> {
        let then = self.clone().when(command);
        self.events.extend(then.outcome?);
        Ok(Self { world: then.world, asked: self.asked + 1, ..self })
    }

    /// A checkout for the newest order, where there is one.
    #[must_use]
    pub fn checkout_of_newest(&self, processor_order_id: &str) -> Option<StartCheckout> {
        let placed = |recorded: &Recorded| {
            matches!(
                &recorded.event,
                Event::Account(AccountEvent::Order(OrderEvent::OrderPlaced(_)))
            )
        };
        self.events.iter().any(placed).then(|| self.start_checkout(processor_order_id))
    }

    /// Asks a command.
    #[must_use]
    pub fn when(self, command: impl Into<Command>) -> Then {
        let position = self.events.last().map_or(0, |event| event.position);
        let seed = Uuid::from_u128(self.asked + 1);
        let mut draft = Draft::new(self.world.clone(), position, self.now, seed, Origin::default());
        match command.into().decide(&mut draft) {
            Err(rejection) => Then { outcome: Err(rejection), world: self.world },
            Ok(()) => {
                let (events, world) = draft.finish();
                Then { outcome: Ok(events), world }
            }
        }
    }

    /// The world after it.
    #[must_use]
    pub fn world(&self) -> &World {
        &self.world
    }

    /// The history so far.
    #[must_use]
    pub fn events(&self) -> &[Recorded] {
        &self.events
    }

    /// The test account's state.
    #[must_use]
    pub fn account(&self) -> Account {
        self.world.account(account_id()).unwrap().as_ref().clone()
    }

    /// The newest event that a pattern finds.
    #[must_use]
    pub fn last<T>(&self, find: impl Fn(&Event) -> Option<T>) -> T {
        self.events.iter().rev().find_map(|recorded| find(&recorded.event)).unwrap()
    }

    /// The newest order.
    #[must_use]
    pub fn newest_order(&self) -> OrderId {
        self.last(|event| match event {
            Event::Account(AccountEvent::Order(OrderEvent::OrderPlaced(placed))) => {
                Some(placed.order_id)
            }
            _other => None,
        })
    }

    /// The newest refund.
    #[must_use]
    pub fn last_refund(&self) -> RefundId {
        self.last(|event| match event {
            Event::Account(AccountEvent::Payment(PaymentEvent::RefundRequested(requested))) => {
                Some(requested.refund_id)
            }
            _other => None,
        })
    }

    /// The newest adjustment.
    #[must_use]
    pub fn last_adjustment(&self) -> AdjustmentId {
        self.find_adjustment().unwrap()
    }

    /// The newest adjustment, where there is one.
    #[must_use]
    pub fn find_adjustment(&self) -> Option<AdjustmentId> {
        self.events.iter().rev().find_map(|recorded| match &recorded.event {
            Event::Account(AccountEvent::Invoice(InvoiceEvent::InvoiceWrittenOff(it))) => {
                Some(it.adjustment_id)
            }
            Event::Account(AccountEvent::Credit(CreditEvent::CreditGranted(granted))) => {
                match granted.source {
                    CreditSource::Adjustment { adjustment_id, .. } => Some(adjustment_id),
                    CreditSource::CreditNote { .. } | CreditSource::Overpayment { .. } => None,
                }
            }
            _other => None,
        })
    }

    /// The instant at which something is asked next.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// A checkout for the newest order.
    #[must_use]
    pub fn start_checkout(&self, processor_order_id: &str) -> StartCheckout {
        StartCheckout {
            account_id: account_id(),
            order_id: self.newest_order(),
            processor: "sandbox".into(),
            processor_order_id: processor_order_id.into(),
        }
    }

    /// The history with the newest order checked out and paid.
    #[must_use]
    #[track_caller]
    pub fn and_paid(self) -> Self {
        let (checked_out, confirm) = self.checked_out();
        checked_out.and(confirm)
    }

    /// Pays the newest order.
    #[must_use]
    #[track_caller]
    pub fn when_paid(self) -> Then {
        let (checked_out, confirm) = self.checked_out();
        checked_out.when(confirm)
    }

    #[track_caller]
    fn checked_out(self) -> (Self, ConfirmPayment) {
        let n = self.account().payments.iter().count() + 1;
        let (order, payment) = (format!("order_{n}"), format!("pay_{n}"));
        let start = self.start_checkout(&order);
        (self.and(start), confirm(&order, &payment))
    }
}

impl Then {
    /// The events that the command recorded.
    #[must_use]
    #[track_caller]
    pub fn events(&self) -> &[Recorded] {
        match &self.outcome {
            Ok(events) => events,
            Err(rejection) => panic!("rejected: {} ({rejection})", rejection.code()),
        }
    }

    /// The command recorded events of exactly these types, in this order.
    #[track_caller]
    pub fn recorded(&self, types: &[&str]) {
        let recorded: Vec<_> =
            self.events().iter().map(|recorded| recorded.event.type_name()).collect();
        assert_eq!(recorded, types);
    }

    /// The command was refused with this code.
    #[track_caller]
    pub fn rejected(&self, code: &str) {
        match &self.outcome {
            Ok(events) => panic!("accepted: {events:#?}"),
            Err(rejection) => assert_eq!(rejection.code(), code, "{rejection}"),
        }
    }

    /// The events, or the rejection.
    ///
    /// # Errors
    /// The rejection.
    pub fn outcome(&self) -> Result<&[Recorded], &Rejection> {
        self.outcome.as_deref()
    }

    /// The test account's state afterwards.
    #[must_use]
    pub fn account(&self) -> Arc<Account> {
        self.world.account(account_id()).unwrap().clone()
    }

    /// The first of the account's events that a pattern finds.
    #[must_use]
    #[track_caller]
    pub fn first<T>(&self, find: impl Fn(&AccountEvent) -> Option<T>) -> T {
        let found = self.events().iter().find_map(|recorded| match &recorded.event {
            Event::Account(event) => find(event),
            Event::Plan(_) | Event::Coupon(_) | Event::Access(_) | Event::Book(_) => None,
        });
        found.expect("no such event was recorded")
    }

    /// The total of the first invoice that was issued.
    #[must_use]
    #[track_caller]
    pub fn invoice_total(&self) -> String {
        self.first(|event| {
            if let AccountEvent::Invoice(InvoiceEvent::InvoiceIssued(issued)) = event {
                Some(issued.totals.total.to_string())
            } else {
                None
            }
        })
    }

    /// The total of the first credit note that was issued.
    #[must_use]
    #[track_caller]
    pub fn credit_note_total(&self) -> String {
        self.first(|event| {
            if let AccountEvent::Invoice(InvoiceEvent::CreditNoteIssued(note)) = event {
                Some(note.totals.total.to_string())
            } else {
                None
            }
        })
    }

    /// What the first order that was placed asks.
    #[must_use]
    #[track_caller]
    pub fn order_amount(&self) -> String {
        self.first(|event| {
            if let AccountEvent::Order(OrderEvent::OrderPlaced(placed)) = event {
                Some(placed.amount.to_string())
            } else {
                None
            }
        })
    }

    /// The refunds that were requested.
    pub fn refunds(&self) -> impl Iterator<Item = &RefundRequested> {
        self.events().iter().filter_map(|recorded| {
            if let Event::Account(AccountEvent::Payment(PaymentEvent::RefundRequested(requested))) =
                &recorded.event
            {
                Some(requested)
            } else {
                None
            }
        })
    }

    /// The amounts of the refunds that were requested.
    #[must_use]
    pub fn refund_amounts(&self) -> Vec<String> {
        self.refunds().map(|refund| refund.amount.to_string()).collect()
    }
}

impl Account {
    /// Everything that was ever captured.
    #[must_use]
    pub fn paid_in(&self) -> Money {
        let amounts = self.payments.iter().map(|payment| payment.captured.amount);
        Money::sum(self.currency, amounts).unwrap()
    }
}

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

/// An account in US dollars, and six plans: `starter` 5, `pro` 15 (150 a year), `enterprise_lite`
/// 40, `free`, `enterprise` at a custom price, and `rupees` in another currency.
#[must_use]
pub fn given_account() -> Given {
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
        .and(open_account())
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

/// The test account's id.
#[must_use]
pub fn account_id() -> AccountId {
    AccountId::from_uuid(Uuid::from_u128(1))
}

/// An amount in US dollars.
#[must_use]
pub fn usd(amount: &str) -> Money {
    Money::parse(amount, Currency::USD).unwrap()
}

/// A customer of this name.
#[must_use]
pub fn personal(name: &str) -> Personal {
    Personal(Party { name: name.into(), country: "GB".into(), ..Party::default() })
}

/// A sandbox book of a seller in UTC.
#[must_use]
pub fn open_book() -> OpenBook {
    let seller = Party { name: "Example Hosting".into(), ..Party::default() };
    let opened = BookOpened {
        kind: BookKind::Sandbox,
        seller,
        time_zone: Tz::UTC,
        financial_year_start_month: 1,
    };
    OpenBook { opened }
}

/// The test account, in US dollars and UTC.
#[must_use]
pub fn open_account() -> OpenAccount {
    OpenAccount {
        account_id: account_id(),
        external_id: None,
        currency: Currency::USD,
        zone: Tz::UTC,
        billing: personal("Ada Lovelace"),
    }
}

/// Terms at a monthly price in US dollars.
#[must_use]
pub fn terms(slug: &str, price: &str) -> PlanTerms {
    PlanTerms {
        name: format!("Plan {slug}"),
        plan_type: "paid".into(),
        description: String::new(),
        prices: vec![Price { cycle: Cycle::Monthly, amount: usd(price) }],
        custom_price: false,
        trial_days: 0,
        limits: [("max_servers".to_owned(), Some(5))].into(),
        features: Default::default(),
        hidden: false,
    }
}

/// A plan at a monthly price in US dollars.
#[must_use]
pub fn publish(slug: &str, price: &str) -> PublishPlan {
    PublishPlan { slug: slug.into(), terms: terms(slug, price) }
}

/// The same plan at another price.
#[must_use]
pub fn revise(slug: &str, price: &str) -> RevisePlan {
    let mut terms = terms(slug, price);
    if slug == "pro" {
        terms.prices.push(Price { cycle: Cycle::Yearly, amount: usd("150") });
        terms.limits.insert("max_servers".into(), Some(15));
    }
    RevisePlan { plan: slug.into(), terms }
}

/// The plan off the shelf.
#[must_use]
pub fn retire(slug: &str) -> RetirePlan {
    RetirePlan { plan: slug.into() }
}

/// A key of a role for the whole ledger.
#[must_use]
pub fn issue_key(role: Role) -> IssueKey {
    IssueKey {
        label: "test".into(),
        role,
        reach: None,
        prefix: "dbk_test".into(),
        hash: "00".repeat(32),
        expires_at: None,
    }
}

/// An order for `pro`, monthly.
#[must_use]
pub fn place_order() -> PlaceOrder {
    let cycle = Cycle::Monthly;
    let (price, coupon) = (None, None);
    PlaceOrder { account_id: account_id(), plan: "pro".into(), cycle, price, coupon }
}

/// A payment of a checkout, by the processor's ids.
#[must_use]
pub fn confirm(processor_order_id: &str, processor_payment_id: &str) -> ConfirmPayment {
    ConfirmPayment {
        account_id: account_id(),
        processor_order_id: processor_order_id.into(),
        processor_payment_id: processor_payment_id.into(),
        amount: None,
    }
}

/// A move to another plan, same cycle.
#[must_use]
pub fn change_plan(slug: &str) -> ChangePlan {
    ChangePlan {
        account_id: account_id(),
        plan: Some(slug.into()),
        cycle: None,
        price: None,
        at_period_end: false,
        preview: None,
    }
}

/// A cancellation.
#[must_use]
pub fn cancel(at_period_end: bool) -> CancelSubscription {
    CancelSubscription { account_id: account_id(), at_period_end }
}

/// A cancellation taken back.
#[must_use]
pub fn resume() -> ResumeSubscription {
    ResumeSubscription { account_id: account_id() }
}

/// A refund of everything, or of an amount in US dollars.
#[must_use]
pub fn refund(amount: Option<&str>) -> RequestRefund {
    RequestRefund {
        account_id: account_id(),
        amount: amount.map(usd),
        reason: "customer_request".into(),
        override_policy: false,
    }
}

/// What has fallen due.
#[must_use]
pub fn settle_due() -> SettleDue {
    SettleDue { account_id: account_id(), until: None }
}

/// An order for a plan, monthly.
#[must_use]
pub fn order_of(plan: &str) -> PlaceOrder {
    PlaceOrder { plan: plan.into(), ..place_order() }
}

/// An order for `pro` with a coupon.
#[must_use]
pub fn order_with(coupon: &str) -> PlaceOrder {
    PlaceOrder { coupon: Some(coupon.into()), ..place_order() }
}

/// Terms of a coupon that takes a percentage off every period of any plan, without bounds.
#[must_use]
pub fn coupon_terms(percent: &str) -> CouponTerms {
    CouponTerms {
        value: CouponValue::Percent(percent.parse().unwrap()),
        duration: CouponDuration::Forever,
        plans: Vec::new(),
        max_redemptions: None,
        max_per_account: None,
        valid_from: None,
        expires_at: None,
    }
}

/// A coupon that takes a percentage off every period of any plan, without bounds.
#[must_use]
pub fn offer(code: &str, percent: &str) -> OfferCoupon {
    offer_on(code, coupon_terms(percent))
}

/// A coupon on these terms.
#[must_use]
pub fn offer_on(code: &str, terms: CouponTerms) -> OfferCoupon {
    OfferCoupon { code: code.parse().unwrap(), terms }
}

/// The coupon off offer.
#[must_use]
pub fn withdraw(code: &str) -> WithdrawCoupon {
    WithdrawCoupon { code: code.parse().unwrap() }
}

/// A billing policy.
#[must_use]
pub fn adopt(policy: Policy) -> AdoptPolicy {
    AdoptPolicy { policy }
}

/// Tax rules of one country, called VAT, that refuse every other.
#[must_use]
pub fn tax_rules(country: &str, percent: &str, inclusive: bool) -> AdoptTaxRules {
    let rate = TaxRate {
        country: country.into(),
        region: None,
        name: "VAT".into(),
        percent: percent.parse().unwrap(),
        inclusive,
    };
    AdoptTaxRules { rules: TaxRules { elsewhere: Elsewhere::Refused, rates: vec![rate] } }
}

/// The plan with free days for those who come to it.
#[must_use]
pub fn with_trial(slug: &str, days: u32) -> RevisePlan {
    let mut command = revise(slug, if slug == "pro" { "15" } else { "5" });
    command.terms.trial_days = days;
    command
}

/// A count of what is used of a limit.
#[must_use]
pub fn report(limit: &str, used: u64) -> ReportUsage {
    ReportUsage { account_id: account_id(), limit: limit.into(), used, settles: None }
}

/// The account, billed again.
#[must_use]
pub fn release(reason: &str) -> ReleaseAccount {
    ReleaseAccount { account_id: account_id(), reason: reason.into() }
}
