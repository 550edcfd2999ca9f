//! The histories whose events are the golden files: made by the real commands, with every type of
//! event and every variant of a shape in them.
//!
//! Each keeps what was asked, when and with which seed, so that it can be asked again of a ledger
//! on a database: the same ids come about, and the same amounts.

mod merchant;
mod reported;

use daybook::plan_file;
use daybook_events::{
    Currency, Event, Money, Recorded, Timestamp,
    commands::*,
    coupon::{CouponDuration, CouponTerms, CouponValue},
    event::{
        AccessEvent, AccountEvent, BookKind, BookOpened, Feature, InvoiceEvent, PlanEvent,
        PlanTerms, Role, UsageEvent,
    },
    ids::{AccountId, Id},
    personal::{Party, Personal},
    policy::{ChangeTiming, PlanChangeRule, Policy},
    proration::Granularity,
    tax::{Elsewhere, TaxRate, TaxRules},
    testing::{self, Given, given_nothing, usd},
};
use uuid::Uuid;

/// A history, and how it came about.
pub(crate) struct Told {
    given: Given,
    pub(crate) asked: Vec<Asked>,
    payments: u32,
}

/// What was asked, when, and what its ids grew out of.
#[derive(Clone)]
pub(crate) struct Asked {
    pub(crate) at: Timestamp,
    pub(crate) seed: Uuid,
    pub(crate) command: Command,
}

/// Every history.
pub(crate) fn all() -> Vec<Told> {
    vec![london(), berlin(), mumbai(), reported::leeds(), merchant::sold_by_merchant()]
}

impl Told {
    pub(crate) fn events(&self) -> &[Recorded] {
        self.given.events()
    }

    #[track_caller]
    fn ask(&mut self, command: impl Into<Command>) {
        let command = command.into();
        let seed = Uuid::from_u128(u128::try_from(self.asked.len()).unwrap() + 1);
        self.asked.push(Asked { at: self.given.now(), seed, command: command.clone() });
        self.given = self.given.clone().and(command);
    }

    fn at(&mut self, now: &str) {
        assert!(now.parse::<Timestamp>().unwrap() >= self.given.now(), "time goes forward: {now}");
        self.given = self.given.clone().at(now);
    }

    fn order(&mut self, account_id: AccountId, plan: &str, coupon: Option<&str>) {
        let coupon = coupon.map(str::to_owned);
        self.ask(PlaceOrder { account_id, coupon, ..testing::order_of(plan) });
    }

    /// Checks the newest order out: the processor's id of it.
    fn checkout(&mut self, account_id: AccountId) -> String {
        self.payments += 1;
        let order = format!("order_GOLDEN{:014}", self.payments);
        let start = StartCheckout {
            account_id,
            returns: self.returns(),
            ..self.given.start_checkout(&order)
        };
        self.ask(start);
        order
    }

    /// Every other customer comes from a page that wants them back.
    fn returns(&self) -> Returns {
        let back = |to: &str| Some(format!("https://panel.example/billing?{to}=true"));
        if self.payments.is_multiple_of(2) {
            Returns { page: None, success_url: back("success"), cancel_url: back("canceled") }
        } else {
            Returns::default()
        }
    }

    fn confirm(&mut self, account_id: AccountId, order: &str) {
        let payment = order.replace("order_", "pay_");
        self.ask(ConfirmPayment { account_id, ..testing::confirm(order, &payment) });
    }

    fn pay(&mut self, account_id: AccountId) {
        let order = self.checkout(account_id);
        self.confirm(account_id, &order);
    }

    fn subscribe(&mut self, account_id: AccountId, plan: &str) {
        self.order(account_id, plan, None);
        self.pay(account_id);
    }

    fn change(&mut self, account_id: AccountId, plan: &str) {
        self.ask(ChangePlan { account_id, ..testing::change_plan(plan) });
    }

    fn settle(&mut self, account_id: AccountId) {
        self.ask(SettleDue { account_id, until: None });
    }

    fn open(&mut self, account_id: AccountId, currency: Currency, zone: &str, billing: Party) {
        let (zone, billing) = (zone.parse().unwrap(), Personal(billing));
        self.ask(OpenAccount { account_id, external_id: None, currency, zone, billing });
    }
}

/// A sandbox ledger with the example's plans.
fn opened(seller: Party, zone: &str) -> Told {
    let mut told = Told { given: given_nothing(), asked: Vec::new(), payments: 0 };
    told.ask(OpenBook {
        opened: BookOpened {
            kind: BookKind::Sandbox,
            seller,
            time_zone: zone.parse().unwrap(),
            financial_year_start_month: 4,
        },
        without: Vec::new(),
    });
    for (slug, terms) in plan_file::parse(plan_file::EXAMPLE).unwrap() {
        told.ask(PublishPlan { slug, terms });
    }
    told
}

fn id(n: u128) -> AccountId {
    AccountId::from_uuid(Uuid::from_u128(n))
}

fn example(slug: &str) -> PlanTerms {
    let plans = plan_file::parse(plan_file::EXAMPLE).unwrap();
    plans.into_iter().find(|(name, _)| name == slug).unwrap().1
}

fn hosting_in_london() -> Party {
    Party {
        name: "Example Hosting Ltd".into(),
        email: "billing@hosting.example".into(),
        address: "1 Example Street".into(),
        city: "London".into(),
        postal_code: "EC1A 1AA".into(),
        country: "GB".into(),
        tax_id: "GB980780684".into(),
        ..Party::default()
    }
}

fn ada(address: &str) -> Party {
    Party {
        name: "Ada Lovelace".into(),
        company: "Analytical Engines".into(),
        email: "ada@engines.example".into(),
        address: address.into(),
        city: "London".into(),
        postal_code: "W1J 7NT".into(),
        country: "GB".into(),
        ..Party::default()
    }
}

fn customer(name: &str, country: &str) -> Party {
    Party { name: name.into(), country: country.into(), ..Party::default() }
}

fn rate(country: &str, name: &str, percent: &str, inclusive: bool) -> TaxRate {
    let (country, name, percent) = (country.into(), name.into(), percent.parse().unwrap());
    TaxRate { country, region: None, name, percent, inclusive }
}

fn rules(elsewhere: Elsewhere, rates: Vec<TaxRate>) -> AdoptTaxRules {
    AdoptTaxRules { rules: TaxRules { elsewhere, rates } }
}

const ADA: u128 = 1;
const BOB: u128 = 2;
const CY: u128 = 3;
const DEE: u128 = 4;
const EVE: u128 = 5;
const FAY: u128 = 6;
const GIL: u128 = 7;
const HAL: u128 = 8;
const IVY: u128 = 9;

/// A British seller: everything but the taxes of other countries.
fn london() -> Told {
    let mut told = opened(hosting_in_london(), "Europe/London");
    the_desk(&mut told);
    coupons(&mut told);
    first_of_may(&mut told);
    middle_of_may(&mut told);
    limits_and_usage(&mut told);
    a_refund(&mut told);
    adjustments(&mut told);
    policy_and_tax(&mut told);
    the_ladder(&mut told);
    told.at("2026-07-23T12:00:00Z");
    let to = "2026-08-02T00:00:00Z";
    told.ask(AdvanceClock { to: to.parse().unwrap() });
    told.at(to);
    told.ask(ClosePeriod { period: "2026-05".parse().unwrap() });
    told.settle(id(FAY));
    payments_by_hand(&mut told);
    told
}

/// Keys, plans and accounts.
fn the_desk(told: &mut Told) {
    told.ask(IssueKey {
        label: "month-end export".into(),
        role: Role::Finance,
        reach: None,
        prefix: "dbk_mfrggz".into(),
        hash: "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08".into(),
        expires_at: Some("2027-05-01T00:00:00Z".parse().unwrap()),
    });
    let key_id = told.given.last(|event| match event {
        Event::Access(AccessEvent::KeyIssued(issued)) => Some(issued.key_id),
        _ => None,
    });
    told.ask(RevokeKey { key_id });
    told.open(id(ADA), Currency::USD, "Europe/London", ada("12 St James's Square"));
    let billing = Personal(ada("8 Example Row"));
    told.ask(ReviseBillingDetails { account_id: id(ADA), billing });
    told.ask(OpenAccount {
        account_id: id(BOB),
        external_id: Some("user-42".into()),
        billing: Personal(customer("Bob", "GB")),
        ..testing::open_account()
    });
    for (n, name) in [(CY, "Cy"), (DEE, "Dee"), (EVE, "Eve"), (FAY, "Fay")] {
        told.open(id(n), Currency::USD, "UTC", customer(name, "GB"));
    }
    told.open(id(GIL), Currency::USD, "America/New_York", customer("Gil", "US"));
    told.ask(IssueKey { reach: Some(id(ADA)), ..testing::issue_key(Role::Owner) });
    let terms = PlanTerms { trial_days: 14, ..example("starter") };
    told.ask(RevisePlan { plan: "starter".into(), terms });
    told.ask(testing::retire("enterprise"));
}

fn coupons(told: &mut Told) {
    let spring = CouponTerms {
        duration: CouponDuration::Periods(3),
        max_redemptions: Some(100),
        max_per_account: Some(1),
        expires_at: Some("2026-07-01T00:00:00Z".parse().unwrap()),
        ..testing::coupon_terms("20")
    };
    told.ask(testing::offer_on("SPRING-20", spring));
    told.ask(testing::offer("LOYAL", "7.5"));
    let starter = told.given.last(|event| match event {
        Event::Plan(PlanEvent::PlanRevised(revised)) => Some(revised.plan_id),
        _ => None,
    });
    let euros = Money::parse("2", Currency::EUR).unwrap();
    let welcome = CouponTerms {
        value: CouponValue::Fixed(vec![usd("2"), euros]),
        duration: CouponDuration::Once,
        plans: vec![starter],
        valid_from: Some("2026-05-01T00:00:00Z".parse().unwrap()),
        ..testing::coupon_terms("1")
    };
    told.ask(testing::offer_on("WELCOME", welcome));
}

/// Ada and Bob pay for Pro, Cy with a coupon; Dee begins with free days; Eve changes her mind.
fn first_of_may(told: &mut Told) {
    told.subscribe(id(ADA), "pro");
    told.subscribe(id(BOB), "pro");
    told.order(id(CY), "pro", Some("spring-20"));
    told.pay(id(CY));
    told.order(id(DEE), "starter", Some("WELCOME"));
    told.order(id(EVE), "pro", Some("SPRING-20"));
    told.order(id(EVE), "business", Some("SPRING-20"));
    let order_id = told.given.newest_order();
    told.ask(CancelOrder { account_id: id(EVE), order_id });
    told.order(id(EVE), "pro", None);
    told.subscribe(id(FAY), "business");
    told.subscribe(id(GIL), "pro");
}

/// Dee's free days are over, Eve's order has expired; Ada changes her plan twice and pays for the
/// first change all the same; Bob pays for his, cancels and takes it back.
fn middle_of_may(told: &mut Told) {
    told.at("2026-05-16T12:00:00Z");
    told.settle(id(DEE));
    told.settle(id(EVE));
    told.change(id(ADA), "business");
    let order = told.checkout(id(ADA));
    told.change(id(ADA), "pro");
    told.confirm(id(ADA), &order);
    told.change(id(BOB), "business");
    told.pay(id(BOB));
    told.ask(CancelSubscription { account_id: id(BOB), at_period_end: true });
    told.ask(ResumeSubscription { account_id: id(BOB) });
}

/// Bob has limits of his own until the plan's are reapplied; the panel counts.
fn limits_and_usage(told: &mut Told) {
    let limits = [("max_servers".to_owned(), Some(60)), ("backups".to_owned(), None)].into();
    told.ask(CustomiseLimits { account_id: id(BOB), limits });
    let reserve = |limit: &str, quantity| {
        let (account_id, limit) = (id(BOB), limit.to_owned());
        ReserveUsage { account_id, limit, quantity }
    };
    let newest = |told: &Told| {
        told.given.last(|event| match event {
            Event::Account(AccountEvent::Usage(UsageEvent::UsageReserved(it))) => {
                Some(it.reservation_id)
            }
            _ => None,
        })
    };
    told.ask(ReportUsage { account_id: id(BOB), ..testing::report("max_servers", 40) });
    told.ask(reserve("max_servers", 2));
    let settles = Some(newest(told));
    told.ask(ReportUsage { account_id: id(BOB), settles, ..testing::report("max_servers", 42) });
    told.ask(reserve("backups", 1));
    let reservation_id = newest(told);
    told.ask(ReleaseUsage { account_id: id(BOB), reservation_id });

    let mut terms = example("business");
    terms.limits.insert("max_servers".into(), Some(75));
    told.ask(RevisePlan { plan: "business".into(), terms });
    told.ask(ReapplyLimits { plan: "business".into(), force: true });
    let (reapplication_id, plan_id) = told.given.last(|event| match event {
        Event::Plan(PlanEvent::PlanLimitsReapplied(it)) => Some((it.reapplication_id, it.plan_id)),
        _ => None,
    });
    told.ask(ReapplyLimitsTo { account_id: id(BOB), reapplication_id, plan_id, force: true });
}

/// The processor first refuses to send Bob's money back; what it then sends comes back.
fn a_refund(told: &mut Told) {
    told.at("2026-05-20T09:00:00Z");
    told.ask(RequestRefund { account_id: id(BOB), ..testing::refund(None) });
    let refund_id = told.given.last_refund();
    let record = |outcome| RecordRefund { account_id: id(BOB), refund_id, outcome };
    told.ask(record(RefundOutcome::Failed("the card was closed".into())));
    told.ask(record(RefundOutcome::Processed("rfnd_OJSWM5LOMRSWIAAAAAAA".into())));
    told.ask(record(RefundOutcome::FailedAs {
        processor_refund_id: "rfnd_OJSWM5LOMRSWIAAAAAAA".into(),
        reason: "the account was closed".into(),
    }));
    told.ask(record(RefundOutcome::Processed("rfnd_OJSWM5LOMRSWIAAAAAAB".into())));
}

/// By hand: credit for Ada, Dee's invoice written off, both undone, and part of the invoice taken
/// back.
fn adjustments(told: &mut Told) {
    let (account_id, reason) = (id(ADA), "two hours of downtime on 18 May".to_owned());
    told.ask(GrantCredit { account_id, amount: usd("5"), reason });
    let (adjustment_id, reason) = (told.given.last_adjustment(), "it was Bob's server".to_owned());
    told.ask(UndoAdjustment { account_id, adjustment_id, reason });

    let account_id = id(DEE);
    let invoice_id = told.given.last(|event| match event {
        Event::Account(AccountEvent::Invoice(InvoiceEvent::InvoiceIssued(issued))) => {
            issued.lines[0].discount.filter(|it| it.coupon.as_str() == "WELCOME")?;
            Some(issued.invoice_id)
        }
        _ => None,
    });
    let reason = "cannot be reached".to_owned();
    told.ask(WriteOff { account_id, invoice_id, reason });
    let (adjustment_id, reason) = (told.given.last_adjustment(), "she called".to_owned());
    told.ask(UndoAdjustment { account_id, adjustment_id, reason });
    let (amount, reason) = (Some(usd("1")), "the second server never ran".to_owned());
    told.ask(CreditInvoice { account_id, invoice_id, amount, reason });
    told.pay(account_id);
}

/// The seller moves, counts in days, lets changes wait, and is taxed; a customer whom the new tax
/// rules refuse is parked until they are corrected.
fn policy_and_tax(told: &mut Told) {
    told.at("2026-05-21T10:00:00Z");
    told.ask(AdoptPolicy {
        policy: Policy {
            proration: Granularity::Day,
            upgrade: ChangeTiming::OncePaid,
            downgrade: ChangeTiming::PeriodEnd,
            plan_changes: vec![PlanChangeRule {
                from: None,
                to: Some("free".into()),
                timing: ChangeTiming::Refused,
            }],
            ..Policy::default()
        },
    });
    let address = "2 Example Street".into();
    told.ask(ReviseSeller { seller: Party { address, ..hosting_in_london() } });
    let vat = || vec![rate("GB", "VAT", "20", false)];
    told.ask(rules(Elsewhere::Refused, vat()));
    told.change(id(FAY), "pro");
    told.change(id(FAY), "business");
    told.change(id(FAY), "pro");

    told.at("2026-06-02T08:00:00Z");
    told.settle(id(ADA));
    told.settle(id(FAY));
    told.pay(id(FAY));
    told.settle(id(GIL));
    told.ask(rules(Elsewhere::Untaxed, vat()));
    let reason = "the tax rules had left out customers abroad".to_owned();
    told.ask(ReleaseAccount { account_id: id(GIL), reason });
    told.settle(id(GIL));
    told.ask(CancelSubscription { account_id: id(GIL), at_period_end: false });

    told.at("2026-06-10T15:30:00Z");
    told.change(id(FAY), "business");
    told.pay(id(FAY));
}

/// Cy pays when the service has stopped, and the next time not at all.
fn the_ladder(told: &mut Told) {
    told.at("2026-06-16T12:00:00Z");
    told.settle(id(CY));
    told.pay(id(CY));
    told.ask(testing::withdraw("WELCOME"));
    told.at("2026-07-23T12:00:00Z");
    told.settle(id(CY));
}

/// The seller closes the panel dialect and opens it again; Hal pays by bank transfer, at the second
/// try.
fn payments_by_hand(told: &mut Told) {
    let feature = Feature::Billing;
    told.ask(SwitchFeature { feature, enabled: false });
    told.ask(SwitchFeature { feature, enabled: true });
    told.ask(AdoptPaymentMethods { methods: vec![testing::bank_transfer()] });
    let account_id = id(HAL);
    told.open(account_id, Currency::USD, "UTC", customer("Hal", "GB"));
    for found in [false, true] {
        told.order(account_id, "pro", None);
        let (order_id, method) = (told.given.newest_order(), "bank".to_owned());
        told.ask(StartManualCheckout { account_id, order_id, method });
        let transaction = found.then(|| "TX-2026-0802".to_owned());
        told.ask(MarkPaymentSent { account_id, order_id, transaction });
        if found {
            told.ask(ConfirmManualPayment { account_id, order_id, transaction: None });
        } else {
            told.ask(RejectPayment { account_id, order_id });
        }
    }
    lent_and_taken_away(told);
}

/// Ivy is lent a plan, and it is taken away again.
fn lent_and_taken_away(told: &mut Told) {
    let (account_id, plan) = (id(IVY), "pro".to_owned());
    told.open(account_id, Currency::USD, "UTC", customer("Ivy", "GB"));
    told.ask(ApplyPlan { account_id, plan, temporary: true, until: None });
    told.ask(CancelPlan { account_id });
}

/// A seller in the European Union, whose prices hold the tax.
fn berlin() -> Told {
    let seller = Party { tax_id: "DE136695976".into(), ..customer("Beispiel GmbH", "DE") };
    let mut told = opened(seller, "Europe/Berlin");
    told.ask(rules(Elsewhere::Untaxed, vec![rate("DE", "USt", "19", true)]));
    let firm = Party { tax_id: "FR40303265045".into(), ..customer("Exemple SARL", "FR") };
    for (n, buyer) in (1..).zip([customer("Emmy", "DE"), firm, customer("Grace", "US")]) {
        told.open(id(n), Currency::EUR, "Europe/Berlin", buyer);
        told.subscribe(id(n), "pro");
    }
    the_door(&mut told);
    told
}

/// The owner's key is changed for another, and people sign in and out.
fn the_door(told: &mut Told) {
    told.ask(IssueKey { reach: Some(id(1)), ..testing::issue_key(Role::Owner) });
    let hash = |digit: &str| digit.repeat(64);
    let opener = told.given.newest_key();
    let session = |role, reach, user: &str, digit| OpenSession {
        role,
        reach,
        user: user.into(),
        ..testing::open_session(opener, &hash(digit))
    };
    told.ask(session(Role::Admin, Some(id(1)), "user-7", "2"));
    let session_id = told.given.last(|event| match event {
        Event::Access(AccessEvent::SessionOpened(opened)) => Some(opened.session_id),
        _ => None,
    });
    told.ask(CloseSessions { which: Which::One(session_id) });
    told.ask(RotateKey {
        key_id: opener,
        overlap_seconds: 86_400,
        prefix: "dbk_nbswy3".into(),
        hash: hash("3"),
    });
    told.ask(testing::issue_key(Role::SuperAdmin));
    told.ask(testing::open_session(told.given.newest_key(), &hash("4")));
}

/// A seller in India: within the State, to another State.
fn mumbai() -> Told {
    let seller = Party {
        state: "Maharashtra".into(),
        tax_id: "27AAPFU0939F1ZV".into(),
        ..customer("Udaharan Hosting Pvt Ltd", "IN")
    };
    let mut told = opened(seller, "Asia/Kolkata");
    told.ask(rules(Elsewhere::Untaxed, vec![rate("IN", "GST", "18", false)]));
    let near = Party { state: "Maharashtra".into(), ..customer("Anandi", "IN") };
    let far = Party { tax_id: "29AAGCB7383J1Z4".into(), ..customer("Bhaskara Ltd", "IN") };
    for (n, buyer) in (1..).zip([near, far]) {
        told.open(id(n), Currency::INR, "Asia/Kolkata", buyer);
        told.subscribe(id(n), "pro");
    }
    the_door(&mut told);
    told
}
