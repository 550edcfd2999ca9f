//! The states into which the tables bring a customer, and the check of one row.

use std::collections::HashMap;

use daybook_events::{
    commands::{PublishPlan, RetirePlan, SettleDue},
    event::{Price, Role},
    ids::{AccountId, Id, InvoiceId, RefundId, SubscriptionId},
    period::Cycle,
    testing,
};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::harness::{Answered, Customer, TestApp};

/// How far a customer has come before the request of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    Fresh,
    InPounds,
    Ordered,
    Free,
    Subscribed,
    SubscribedDay16,
    YearlyDay31,
    Cancelling,
    CancellingDay40,
    Refunded,
    Owing,
    /// With a coupon on offer, room set aside, and credit given by hand.
    Adjustable,
    Parked,
    /// With an order placed in the panel dialect.
    PanelOrdered,
    /// With such an order that waits for a payment by hand.
    PanelAwaiting,
    /// With a plan that was paid by hand, and a refund of it that nobody has sent yet.
    RefundedByHand,
    /// With a plan on offer that nobody else knows.
    PlanOnOffer,
}

/// What it is about, the state, the request, the body, and status and code of the answer. The
/// request may begin with who asks: `super` for this account, or `ledger` for none; otherwise the
/// account's owner does.
pub(crate) type Row = (&'static str, State, &'static str, &'static str, &'static str);

/// What the `{…}` of a row stand for.
pub(crate) type Names = HashMap<&'static str, String>;

pub(crate) fn fill(text: &str, names: &Names) -> String {
    names
        .iter()
        .fold(text.to_owned(), |text, (name, value)| text.replace(&format!("{{{name}}}"), value))
}

/// A ledger with a retired plan and with somebody else's account.
pub(crate) struct Scene {
    pub(crate) test: TestApp,
    pub(crate) others: Names,
}

impl Scene {
    pub(crate) async fn start() -> Self {
        let test = TestApp::start().await;
        let mut terms = testing::terms("old", "5");
        terms.prices.push(Price { cycle: Cycle::Yearly, ..terms.prices[0] });
        test.submit(PublishPlan { slug: "old".to_owned(), terms }).await.unwrap();
        test.submit(RetirePlan { plan: "old".to_owned() }).await.unwrap();
        let mut this = Self { test, others: Names::new() };
        this.others = this.somebody_else().await;
        this
    }

    /// Ids that belong to somebody else, and ids that belong to nobody.
    async fn somebody_else(&self) -> Names {
        let test = &self.test;
        let (other, names) = self.enter(State::Subscribed).await;
        let change = json!({ "planId": "business" });
        let changed = test.post("/api/billing/plan-change", &other.key, &change).await.ok();
        let paid = test.pay(&changed["checkout"]).await;
        let (_, refunded) = self.enter(State::Refunded).await;
        let nobody = || Uuid::now_v7();
        Names::from([
            ("foreign_account", other.account_id.clone()),
            ("foreign_sub", names["sub"].clone()),
            ("foreign_invoice", text(&changed["invoice"]["id"])),
            ("foreign_order", text(&paid["orderId"])),
            ("foreign_payment", text(&paid["paymentId"])),
            ("foreign_signature", text(&paid["signature"])),
            ("foreign_refund", refunded["refund"].clone()),
            ("missing_account", AccountId::from_uuid(nobody()).to_string()),
            ("missing_sub", SubscriptionId::from_uuid(nobody()).to_string()),
            ("missing_invoice", InvoiceId::from_uuid(nobody()).to_string()),
            ("missing_refund", RefundId::from_uuid(nobody()).to_string()),
            ("missing_order", format!("order_{}", "A".repeat(20))),
            ("201", "x".repeat(201)),
            ("301", "x".repeat(301)),
            ("501", "x".repeat(501)),
        ])
    }

    /// A new customer in a state, with the names of what is theirs.
    pub(crate) async fn enter(&self, state: State) -> (Customer, Names) {
        let test = &self.test;
        let customer = test.customer_in(if state == State::InPounds { "GBP" } else { "USD" }).await;
        let mut names = self.others.clone();
        names.insert("account", customer.account_id.clone());
        let (key, session) = test.spares(&customer).await;
        names.extend([("key", key), ("session", session)]);
        match state {
            State::Fresh | State::InPounds => {}
            State::Ordered => _ = self.order(&customer, "monthly", &mut names).await,
            State::Free => _ = test.checkout(&customer, "free").await,
            State::Subscribed => self.subscribe(&customer, "monthly", &mut names).await,
            State::SubscribedDay16 => {
                self.subscribe(&customer, "monthly", &mut names).await;
                self.later(16);
            }
            State::YearlyDay31 => {
                self.subscribe(&customer, "yearly", &mut names).await;
                self.later(31);
            }
            State::Cancelling | State::CancellingDay40 => {
                self.subscribe(&customer, "monthly", &mut names).await;
                test.post("/api/billing/cancel", &customer.key, &json!({})).await.ok();
                self.later(if state == State::Cancelling { 0 } else { 40 });
            }
            State::Owing => {
                self.subscribe(&customer, "monthly", &mut names).await;
                self.later(31);
                names.insert("open_invoice", self.renew(&customer).await);
            }
            State::Adjustable => self.adjustable(&customer, &mut names).await,
            State::PanelOrdered => self.panel_order(&customer, &mut names).await,
            State::PanelAwaiting => {
                self.panel_order(&customer, &mut names).await;
                let path = format!("/api/orders/{}/checkout", names["ord"]);
                test.post(&path, &customer.key, &json!({})).await.ok();
            }
            State::RefundedByHand => self.refunded_by_hand(&customer, &mut names).await,
            State::PlanOnOffer => self.panel_plan(&mut names).await,
            State::Parked => self.park(&customer, &mut names).await,
            State::Refunded => {
                self.subscribe(&customer, "monthly", &mut names).await;
                let body = json!({ "reason": "customer_request" });
                let refunded = test.post("/api/refunds", &customer.key, &body).await.ok();
                names.insert("refund", text(&refunded["refunds"][0]["refund_id"]));
            }
        }
        (customer, names)
    }

    fn later(&self, days: u64) {
        self.test.clock.set(self.test.clock.now().plus_days(days));
    }

    /// An order for `pro` that was paid twice at the processor, which nobody has told us yet.
    async fn order(&self, customer: &Customer, cycle: &str, names: &mut Names) -> Value {
        let body = json!({ "planId": "pro", "billingCycle": cycle });
        let checkout = self.test.post("/api/billing/checkout", &customer.key, &body).await.ok();
        let paid = self.test.pay(&checkout).await;
        let (order, sandbox) = (text(&paid["orderId"]), self.test.app.sandbox.as_ref().unwrap());
        let again = sandbox.keys.payment_id(&order, "paid again");
        names.insert("order", text(&paid["orderId"]));
        names.insert("ord", text(&checkout["order"]["id"]));
        names.insert("payment", text(&paid["paymentId"]));
        names.insert("signature", text(&paid["signature"]));
        names.insert("signature_2", sandbox.keys.sign(&order, &again));
        names.insert("payment_2", again);
        paid
    }

    async fn subscribe(&self, customer: &Customer, cycle: &str, names: &mut Names) {
        let paid = self.order(customer, cycle, names).await;
        let confirmed = self.test.confirm(customer, &paid).await;
        names.insert("sub", text(&confirmed["subscription"]["id"]));
        names.insert("invoice", text(&confirmed["invoice"]["id"]));
    }

    async fn adjustable(&self, customer: &Customer, names: &mut Names) {
        self.subscribe(customer, "monthly", names).await;
        let ask = async |path: String, body: Value| {
            self.test.post(&path, &self.test.super_key, &body).await.ok()
        };
        let account = format!("/api/accounts/{}", customer.account_id);
        let room = json!({ "limit": "max_servers", "quantity": 1 });
        let room = ask(format!("{account}/usage/reservations"), room).await;
        names.insert("reservation", text(&room["reservation_id"]));
        let credit = json!({ "amount": "1", "reason": "r" });
        let credit = ask(format!("{account}/credit"), credit).await;
        names.insert("adjustment", text(&credit["adjustment_id"]));
        let coupon = json!({ "code": names["order"], "percent": "5" });
        let coupon = ask("/api/coupons".to_owned(), coupon).await;
        names.insert("code", text(&coupon["code"]));
    }

    async fn refunded_by_hand(&self, customer: &Customer, names: &mut Names) {
        let path = format!("/api/admin/users/{}/apply-plan", customer.account_id);
        let body = json!({ "planId": "pro" });
        self.test.post(&path, &self.test.super_key, &body).await.ok();
        let body = json!({ "reason": "customer_request" });
        let refunded = self.test.post("/api/refunds", &customer.key, &body).await.ok();
        names.insert("refund", text(&refunded["refunds"][0]["refund_id"]));
    }

    async fn panel_order(&self, customer: &Customer, names: &mut Names) {
        let body = json!({ "planId": "pro" });
        let placed = self.test.post("/api/orders", &customer.key, &body).await.ok();
        names.insert("ord", text(&placed["order"]["orderId"]));
    }

    async fn panel_plan(&self, names: &mut Names) {
        let name = format!("Plan {}", Uuid::now_v7().simple());
        let body = json!({ "name": name, "type": "paid", "price": 5 });
        let created = self.test.post("/api/admin/plans", &self.test.super_key, &body).await.ok();
        names.insert("plan", text(&created["plan"]["slug"]));
    }

    /// Has the account parked by a bound that holds for nobody else.
    async fn park(&self, customer: &Customer, names: &mut Names) {
        self.subscribe(customer, "monthly", names).await;
        let (policy, key) = ("/api/ledger/policy", &self.test.super_key);
        let bound = json!({ "invoice_lines_per_day": 1 });
        self.test.post(policy, key, &bound).await.ok();
        let change = json!({ "planId": "business" });
        let change = self.test.post("/api/billing/plan-change", &customer.key, &change).await;
        change.refused(409, "account_parked");
        self.test.post(policy, key, &json!({})).await.ok();
    }

    /// Lets the period end and be billed anew: the invoice that is now open.
    async fn renew(&self, customer: &Customer) -> String {
        let account_id = customer.account_id.parse().unwrap();
        self.test.submit(SettleDue { account_id, until: None }).await.unwrap();
        self.test.settle().await;
        let path = format!("/api/accounts/{account_id}/invoices");
        let invoices = self.test.get(&path, &customer.key).await.ok();
        let newest = invoices["data"].as_array().unwrap().last().unwrap().clone();
        assert_eq!(newest["status"], "open", "{newest}");
        text(&newest["invoice_id"])
    }

    /// A key that reads within one account.
    pub(crate) async fn reader_of(&self, customer: &Customer) -> String {
        self.test.key(Role::Finance, Some(&customer.account_id)).await
    }

    /// Sends a row's request.
    pub(crate) async fn ask(
        &self,
        customer: &Customer,
        request: &str,
        body: Option<Vec<u8>>,
    ) -> Answered {
        let words: Vec<_> = request.split(' ').collect();
        let account = ("daybook-account", customer.account_id.as_str());
        let (key, headers, method, path) = match *words.as_slice() {
            ["super", method, path] => (&self.test.super_key, vec![account], method, path),
            ["ledger", method, path] => (&self.test.super_key, Vec::new(), method, path),
            [method, path] => (&customer.key, Vec::new(), method, path),
            _ => panic!("not a request: {request}"),
        };
        self.test.send(method, path, key, &headers, body).await
    }

    /// Checks every row, and tells of all that are wrong.
    pub(crate) async fn check(&self, rows: &[Row]) {
        let mut wrong = Vec::new();
        for (name, state, request, body, expected) in rows {
            let (customer, names) = self.enter(*state).await;
            let body = Some(fill(body, &names).into_bytes()).filter(|body| !body.is_empty());
            let before = self.test.log_position().await;
            let answer = self.ask(&customer, &fill(request, &names), body).await;
            if let Err(problem) = refusal(&answer, expected) {
                wrong.push(format!("{name}: {problem}"));
            }
            if self.test.log_position().await != before {
                wrong.push(format!("{name}: something was appended"));
            }
        }
        assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
    }
}

/// Whether an answer is the refusal that is expected, of the one form that refusals have.
pub(crate) fn refusal(answer: &Answered, expected: &str) -> Result<(), String> {
    let said = format!("{} {}", answer.status, answer.code());
    if said != expected {
        return Err(format!("{said} instead of {expected}: {}", answer.text));
    }
    let message = answer.message();
    if message.is_empty() || message.len() > 500 || message.ends_with('.') {
        return Err(format!("a message of another style: {message}"));
    }
    // Where a dialect's refusals have room for it, the request's id is the header's.
    let body = answer.json();
    let id = body["error"].get("request_id").and_then(Value::as_str);
    if id.is_some() && id != answer.headers["x-request-id"].to_str().ok() {
        return Err(format!("the request id is not the header's: {}", answer.text));
    }
    Ok(())
}

pub(crate) fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}")).to_owned()
}
