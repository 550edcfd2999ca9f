//! Plays a case through the real rules and writes down what they recorded.

use std::fmt::Write;

use chrono_tz::Tz;
use daybook_events::{
    Currency, Event, Money, Recorded, Timestamp,
    account::{Account, OrderStatus},
    commands::{AdoptTaxRules, ChangePlan, OpenAccount, OpenBook, PublishPlan, StartCheckout},
    commands::{Command, CreditInvoice, GrantCredit, PlaceOrder, Returns},
    coupon::CouponTerms,
    draft::Draft,
    envelope::Origin,
    event::{
        AccountEvent, BookKind, BookOpened, InvoiceEvent, OrderEvent, Price, SubscriptionEvent,
    },
    period::Cycle,
    personal::Personal,
    policy::Policy,
    proration::Granularity,
    testing::{
        account_id, adopt, cancel, change_plan, confirm, coupon_terms, offer_on, place_order,
        refund, resume, settle_due, terms,
    },
    totals::{Taxed, taken_back, taxed},
    world::World,
};
use serde_json::{Value, json};
use uuid::Uuid;

use super::cases::{Case, Move};

const PLANS: [&str; 3] = ["small", "medium", "large"];
const COUPON: &str = "SAVE";
/// Nothing is asked after this instant of 2034.
const LAST: i64 = 2_050_000_000;

/// How much there is to check.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) subscriptions: u64,
    pub(super) periods: u64,
    pub(super) lines: u64,
    pub(super) invoices: u64,
    pub(super) credit_notes: u64,
    pub(super) orders: u64,
}

impl Counts {
    pub(super) fn plus(self, other: Self) -> Self {
        Self {
            subscriptions: self.subscriptions + other.subscriptions,
            periods: self.periods + other.periods,
            lines: self.lines + other.lines,
            invoices: self.invoices + other.invoices,
            credit_notes: self.credit_notes + other.credit_notes,
            orders: self.orders + other.orders,
        }
    }
}

fn length<T>(items: &[T]) -> u64 {
    u64::try_from(items.len()).unwrap()
}

/// An account's history with what was asked, as JSON lines.
pub(super) struct Life {
    case: u32,
    world: World,
    position: i64,
    now: Timestamp,
    asked: u128,
    counts: Counts,
    lines: String,
}

/// Plays a case; what is refused changes nothing.
pub(super) fn play(number: u32, case: &Case) -> Life {
    let mut life = Life {
        case: number,
        world: World::default(),
        position: 0,
        now: case.start.plus_seconds(-7_200),
        asked: 0,
        counts: Counts::default(),
        lines: String::new(),
    };
    life.begin(case);
    life.now = case.start;
    life.order(case, case.first, true);
    life.pay();
    for (seconds, micros, step) in &case.moves {
        life.now = life.now.plus_seconds(*seconds).plus_micros(*micros);
        if life.now.seconds() < LAST {
            life.step(case, step);
        }
    }
    life.write("state", life.state());
    life.document(case);
    life
}

impl Life {
    /// How much there is to check.
    pub(super) fn counts(&self) -> Counts {
        self.counts
    }

    /// The JSON lines.
    pub(super) fn lines(self) -> String {
        self.lines
    }

    fn account(&self) -> &Account {
        self.world.account(account_id()).unwrap()
    }

    fn write(&mut self, field: &str, value: impl std::fmt::Display) {
        writeln!(self.lines, r#"{{"case":{},"{field}":{value}}}"#, self.case).unwrap();
    }

    /// Asks a command at the instant that it is, as the given/when/then harness does, but keeps
    /// only the lines of what was recorded.
    fn ask(&mut self, command: impl Into<Command>, figures: Value) -> bool {
        self.asked += 1;
        let seed = Uuid::from_u128(self.asked);
        let mut draft =
            Draft::new(self.world.clone(), self.position, self.now, seed, Origin::default());
        if command.into().decide(&mut draft).is_err() {
            return false;
        }
        let (events, world) = draft.finish();
        self.world = world;
        if !figures.is_null() {
            self.write("asked", figures);
        }
        for recorded in &events {
            self.count(recorded);
            self.position = recorded.position;
            self.write("event", recorded.to_stored().line(Uuid::nil()));
        }
        true
    }

    #[track_caller]
    fn must(&mut self, command: impl Into<Command>) {
        assert!(self.ask(command, Value::Null), "case {}", self.case);
    }

    fn may(&mut self, command: impl Into<Command>) -> bool {
        self.ask(command, Value::Null)
    }

    fn count(&mut self, recorded: &Recorded) {
        let counts = &mut self.counts;
        let Event::Account(event) = &recorded.event else { return };
        if let AccountEvent::Subscription(event) = event {
            match event {
                SubscriptionEvent::SubscriptionActivated(_) => {
                    counts.subscriptions += 1;
                    counts.periods += 1;
                }
                SubscriptionEvent::PlanChanged(_) | SubscriptionEvent::SubscriptionRenewed(_) => {
                    counts.periods += 1;
                }
                _other => {}
            }
        } else if let AccountEvent::Invoice(InvoiceEvent::InvoiceIssued(issued)) = event {
            counts.invoices += 1;
            counts.lines += length(&issued.lines);
        } else if let AccountEvent::Invoice(InvoiceEvent::CreditNoteIssued(note)) = event {
            counts.credit_notes += 1;
            counts.lines += length(&note.lines);
        } else if let AccountEvent::Order(OrderEvent::OrderPlaced(_)) = event {
            counts.orders += 1;
        }
    }

    fn begin(&mut self, case: &Case) {
        let (seller, buyer) = case.taxation.parties();
        let opened = BookOpened {
            kind: BookKind::Sandbox,
            seller,
            time_zone: Tz::UTC,
            financial_year_start_month: 4,
        };
        self.must(OpenBook { opened, without: Vec::new() });
        self.must(adopt(Policy {
            proration: if case.by_day { Granularity::Day } else { Granularity::Second },
            upgrade: case.upgrade,
            downgrade: case.downgrade,
            ..Policy::default()
        }));
        if let Some(rules) = case.taxation.rules(&case.percent) {
            self.must(AdoptTaxRules { rules });
        }
        for (slug, (monthly, yearly)) in PLANS.into_iter().zip(case.prices) {
            let mut terms = terms(slug, "1");
            let price = |cycle, minor| Price { cycle, amount: money(minor, case.currency) };
            terms.prices = vec![price(Cycle::Monthly, monthly), price(Cycle::Yearly, yearly)];
            self.must(PublishPlan { slug: slug.into(), terms });
        }
        if let Some((value, duration)) = case.coupon.clone() {
            let terms = CouponTerms { value, duration, ..coupon_terms("1") };
            self.must(offer_on(COUPON, terms));
        }
        self.must(OpenAccount {
            account_id: account_id(),
            external_id: None,
            currency: case.currency,
            zone: case.zone,
            billing: Personal(buyer),
        });
    }

    fn step(&mut self, case: &Case, step: &Move) {
        match step {
            Move::Nothing => drop(self.may(settle_due())),
            Move::Renew(periods, pays) => self.renew(*periods, *pays),
            Move::Order(plan, yearly, coupon) => self.order(case, (*plan, *yearly), *coupon),
            Move::Checkout => drop(self.check_out()),
            Move::Pay => self.pay(),
            Move::PayOldest => self.pay_oldest(),
            Move::Change(plan, yearly, at_period_end) => {
                let (cycle, at_period_end) = (yearly.map(cycle), *at_period_end);
                self.may(ChangePlan { cycle, at_period_end, ..change_plan(PLANS[*plan]) });
            }
            Move::Cancel(at_period_end) => drop(self.may(cancel(*at_period_end))),
            Move::Resume => drop(self.may(resume())),
            Move::Refund(part, override_policy) => self.refund(*part, *override_policy),
            Move::CreditInvoice(back, part) => self.credit_invoice(*back, *part),
            Move::Grant(minor) => {
                let (account_id, amount) = (account_id(), money(*minor, case.currency));
                let grant = GrantCredit { account_id, amount, reason: "goodwill".into() };
                self.ask(grant, json!({ "grant": amount }));
            }
        }
    }

    fn order(&mut self, case: &Case, (plan, yearly): (usize, bool), with_coupon: bool) {
        let coupon = case.coupon.as_ref().filter(|_| with_coupon).map(|_| COUPON.to_owned());
        let (plan, cycle) = (PLANS[plan].into(), cycle(yearly));
        self.may(PlaceOrder { plan, cycle, coupon, ..place_order() });
    }

    /// Lets periods go by, each paid some hours after it began, or not.
    fn renew(&mut self, periods: u8, pays: bool) {
        for _ in 0..periods {
            let Some(subscription) = self.account().live() else { return };
            let end = subscription.period.end;
            if end.seconds() > LAST {
                return;
            }
            self.now = self.now.max(end);
            self.may(settle_due());
            if pays {
                self.now = self.now.plus_seconds(11_111);
                self.pay();
            }
        }
    }

    /// Starts the checkout of the newest open order, where it has none.
    fn check_out(&mut self) -> Option<String> {
        let order = self.account().orders.open().last()?;
        if let Some(checkout) = &order.checkout {
            return Some(checkout.processor_order_id.clone());
        }
        let order_id = order.id;
        let processor_order_id = format!("order_{}", self.asked);
        let start = StartCheckout {
            account_id: account_id(),
            order_id,
            processor: "sandbox".into(),
            processor_order_id: processor_order_id.clone(),
            returns: Returns::default(),
            merchant_of_record: false,
        };
        self.may(start).then_some(processor_order_id)
    }

    fn pay(&mut self) {
        let Some(order) = self.check_out() else { return };
        self.may(confirm(&order, &format!("pay_{}", self.asked)));
    }

    /// Pays the oldest order that was checked out and not paid, whatever has become of it.
    fn pay_oldest(&mut self) {
        let mut checkouts: Vec<_> = (0..=self.asked).map(|n| format!("order_{n}")).collect();
        let orders = &self.account().orders;
        checkouts.retain(|id| {
            orders.of_processor(id).is_some_and(|order| order.status != OrderStatus::Paid)
        });
        if let Some(order) = checkouts.first() {
            self.may(confirm(order, &format!("pay_{}", self.asked)));
        }
    }

    fn refund(&mut self, part: Option<u32>, override_policy: bool) {
        let newest = self.account().payments.iter().last().map(|payment| payment.captured.amount);
        let amount = part.and_then(|part| Some(share(newest?, part)));
        let mut command = refund(None);
        (command.amount, command.override_policy) = (amount, override_policy);
        self.ask(command, json!({ "refund": { "amount": amount, "override": override_policy } }));
    }

    fn credit_invoice(&mut self, back: usize, part: Option<u32>) {
        let invoices: Vec<_> = self.account().invoices.iter().collect();
        let Some(invoice) = invoices.iter().rev().nth(back) else { return };
        let left = invoice.lines.iter().map(|line| line.left.amount);
        let left = Money::sum(self.account().currency, left).unwrap();
        let amount = part.map(|part| share(left, part));
        let (account_id, invoice_id) = (account_id(), invoice.id);
        let reason = "billed in error".into();
        let command = CreditInvoice { account_id, invoice_id, amount, reason };
        let figures = json!({ "invoice_id": invoice_id, "amount": amount });
        self.ask(command, json!({ "credit_invoice": figures }));
    }

    /// What the ledger says at the end.
    fn state(&self) -> Value {
        let due = |invoice: &std::sync::Arc<daybook_events::account::Invoice>| {
            (invoice.id.to_string(), json!(invoice.due))
        };
        let dues: serde_json::Map<_, _> = self.account().invoices.iter().map(due).collect();
        json!({ "credit": self.account().credit, "dues": dues })
    }

    /// Lines of one document under the account's taxes, and credit notes that close them: no
    /// command makes a document of several lines yet.
    fn document(&mut self, case: &Case) {
        let (amounts, credits) = &case.document;
        let tax = self.world.book.tax(&case.taxation.parties().1).unwrap();
        let amounts: Vec<_> = amounts.iter().map(|minor| money(*minor, case.currency)).collect();
        let lines = taxed(case.currency, &tax, &amounts).unwrap();
        let mut left = lines.clone();
        let some = credits.iter().map(|(line, minor)| (line % lines.len(), *minor));
        let whole = (0..lines.len()).map(|line| (line, u32::MAX));
        let mut taken = Vec::new();
        for (line, minor) in some.chain(whole) {
            let asked = money(minor, case.currency);
            let part = taken_back(&tax, &left[line], asked).unwrap();
            left[line] = left[line].less(&part).unwrap();
            let mut credit = figures(&part);
            (credit["line"], credit["asked"]) = (json!(line), json!(asked.amount()));
            taken.push(credit);
        }
        self.counts.lines += length(&lines) + length(&taken);
        let lines: Vec<_> = lines.iter().map(figures).collect();
        let (rates, inclusive) = (&tax.rates, tax.inclusive);
        let document = json!({
            "currency": case.currency, "inclusive": inclusive, "rates": rates, "lines": lines,
            "credits": taken,
        });
        self.write("document", document);
    }
}

fn figures(taxed: &Taxed) -> Value {
    let taxes: Vec<_> = taxed.taxes.iter().map(|tax| tax.amount.amount()).collect();
    let (amount, net, total) = (taxed.amount.amount(), taxed.net.amount(), taxed.total.amount());
    json!({ "amount": amount, "net": net, "total": total, "taxes": taxes })
}

fn cycle(yearly: bool) -> Cycle {
    if yearly { Cycle::Yearly } else { Cycle::Monthly }
}

fn money(minor: u32, currency: Currency) -> Money {
    Money::from_minor(i128::from(minor), currency).unwrap()
}

/// So many thousandths of an amount, at least one minor unit.
fn share(of: Money, thousandths: u32) -> Money {
    let minor = (of.minor() * i128::from(thousandths) / 1_000).max(1);
    Money::from_minor(minor, of.currency()).unwrap()
}
