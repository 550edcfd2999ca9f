//! What the panel dialect shows: camelCase names, prices as exact numbers, orders with their items
//! as a JSON text in a JSON text.

mod plan;

use daybook_events::{
    Currency, Money, Timestamp,
    commands::MANUAL,
    event::{EndReason, HeldPlan, OrderPurpose, PaymentMethod, PaymentMethodKind, Quote},
    percent::Percent,
    period::{Anchor, Span},
    tax::Tax,
};
use daybook_projections::{
    accounts::AccountRow,
    orders::{OrderRow, OrderStatus},
    subscriptions::{SubscriptionRow, SubscriptionStatus},
};
use schemars::JsonSchema;
use serde::Serialize;

pub use self::plan::{PlanSaid, PlanShape, PriceShape};
use super::number::{Exact, Name};

/// The limits that the panel has fields of its own for.
pub const LIMITS: [&str; 8] = [
    "memory",
    "disk",
    "cpu",
    "serverLimit",
    "databases",
    "backups",
    "portCount",
    "tunnelPortCount",
];

/// That something was done.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Done {
    /// Always true: a refusal has another status.
    pub success: bool,
}

impl Done {
    /// It was.
    pub const DONE: Self = Self { success: true };
}

/// How far an order has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Nobody can pay it yet.
    Pending,
    /// Its money is waited for.
    AwaitingPayment,
    /// The customer says that the money is on its way.
    PaymentSent,
    /// The plan that it asked for is what the customer has.
    Active,
    /// Paid: an invoice, or a plan that the customer has left since for another.
    Paid,
    /// Not wanted any more, before or after it was paid.
    Cancelled,
    /// Not paid in time.
    Expired,
}

/// What an order's plan allows.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PlanSpecs {
    memory: Option<u64>,
    disk: Option<u64>,
    cpu: Option<u64>,
    server_limit: Option<u64>,
    databases: Option<u64>,
    backups: Option<u64>,
    port_count: Option<u64>,
    tunnel_port_count: Option<u64>,
}

impl PlanSpecs {
    fn of(plan: &HeldPlan) -> Self {
        let limit = |name: &str| plan.limits.get(name).copied().flatten();
        Self {
            memory: limit("memory"),
            disk: limit("disk"),
            cpu: limit("cpu"),
            server_limit: limit("serverLimit"),
            databases: limit("databases"),
            backups: limit("backups"),
            port_count: limit("portCount"),
            tunnel_port_count: limit("tunnelPortCount"),
        }
    }
}

/// What an order is for, from when to when.
#[derive(Debug, Serialize, JsonSchema)]
pub struct ServicePeriod {
    from: Timestamp,
    to: Timestamp,
    months: u32,
}

/// An order.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct OrderShape {
    /// Its number.
    pub id: u64,
    /// Its id in the ledger.
    pub order_id: String,
    /// The panel's own id of the customer, else the account's.
    pub user_id: Name,
    /// A JSON text: what is ordered, how often, and at which list price.
    pub items: String,
    /// What there is, or was, to pay: with tax, less discount and credit.
    pub amount: Option<Exact>,
    /// Its currency.
    pub currency: Currency,
    /// The tax in it; `null` where an invoice says it.
    pub tax_amount: Option<Exact>,
    /// The rate of that in per cent, all taxes together.
    pub tax_rate: Option<Exact>,
    /// How far it has come.
    pub status: Status,
    /// What it is for.
    pub description: String,
    /// The number of the plan: of an active order the one that the customer has today.
    pub plan_id: Option<u64>,
    /// What was noted when it was placed.
    pub notes: Option<String>,
    /// The payment method, or the processor.
    pub payment_method: Option<String>,
    /// The id of the transfer, or of the processor's payment.
    pub payment_tx_id: Option<String>,
    /// Who takes the money: a processor, or `manual`.
    pub payment_provider: Option<String>,
    /// The coupon that was redeemed with it.
    pub coupon_code: Option<String>,
    /// What the coupon takes off, before tax.
    pub discount_amount: Option<Exact>,
    /// When it was placed.
    pub created_at: Timestamp,
    /// When it expires unpaid; of an active order, when the paid period ends.
    pub expires_at: Option<Timestamp>,
    /// When it was placed.
    pub date: Timestamp,
    /// A week after it was placed.
    pub invoice_due_date: Timestamp,
    /// The period that it pays for: of an active order the current one.
    pub service_period: ServicePeriod,
    /// The plan's name.
    pub plan_name: String,
    /// What the plan allows.
    pub plan_specs: PlanSpecs,
}

/// An order with what it takes to show it.
#[derive(Debug)]
pub struct KnownOrder<'a> {
    /// The order.
    pub order: &'a OrderRow,
    /// Whose it is.
    pub account: &'a AccountRow,
    /// The subscription that it brought about, or that it changed.
    pub subscription: Option<&'a SubscriptionRow>,
}

impl KnownOrder<'_> {
    /// How far it has come.
    #[must_use]
    pub fn status(&self) -> Status {
        let order = self.order;
        match order.status {
            OrderStatus::Pending => Status::Pending,
            OrderStatus::AwaitingPayment if order.payment_sent_at.is_some() => Status::PaymentSent,
            OrderStatus::AwaitingPayment => Status::AwaitingPayment,
            OrderStatus::Cancelled => Status::Cancelled,
            OrderStatus::Expired => Status::Expired,
            OrderStatus::Paid => self.status_of_paid(),
        }
    }

    fn status_of_paid(&self) -> Status {
        let live = self.subscription.filter(|it| it.status != SubscriptionStatus::Ended);
        match (&self.order.purpose, self.subscription) {
            (OrderPurpose::PayInvoice { .. }, _) | (_, None) => Status::Paid,
            (OrderPurpose::Subscribe { .. }, Some(_)) if live.is_some() => Status::Active,
            (OrderPurpose::Subscribe { .. }, Some(it)) => match it.end_reason {
                Some(EndReason::Unpaid) => Status::Expired,
                Some(EndReason::Cancelled | EndReason::Refunded | EndReason::Withdrawn) | None => {
                    Status::Cancelled
                }
            },
            (OrderPurpose::ChangePlan, Some(_)) => {
                let own = |it: &&SubscriptionRow| it.plan.plan_id == self.order.plan.plan_id;
                if live.filter(own).is_some() { Status::Active } else { Status::Paid }
            }
        }
    }

    /// The order as the panel shows it.
    #[must_use]
    pub fn shape(&self) -> OrderShape {
        let (order, status) = (self.order, self.status());
        let active = self.subscription.filter(|_| status == Status::Active);
        let plan = active.map_or(&order.plan, |it| &it.plan);
        let period = active.map_or_else(|| self.first_period(), |it| it.period);
        let quote = quote(order);
        let description = match &order.purpose {
            OrderPurpose::PayInvoice { invoice_number, .. } => format!("Invoice {invoice_number}"),
            OrderPurpose::Subscribe { .. } | OrderPurpose::ChangePlan => described(plan),
        };
        OrderShape {
            id: order.number.parse().unwrap_or(0),
            order_id: order.order_id.to_string(),
            user_id: user_id(self.account),
            items: items(&description, quote.map_or(order.amount, |quote| quote.totals.price)),
            amount: Exact::of(order.amount),
            currency: order.amount.currency(),
            tax_amount: quote.and_then(|quote| Exact::of(quote.totals.tax)),
            tax_rate: quote.and_then(|quote| tax_rate(&quote.tax)),
            status,
            description,
            plan_id: plan.number.parse().ok(),
            notes: order.notes.clone(),
            payment_method: payment_method(order),
            payment_tx_id: order.transaction.clone(),
            payment_provider: order.processor.clone(),
            coupon_code: quote
                .and_then(|quote| quote.discount.as_ref())
                .map(|held| held.coupon.to_string()),
            discount_amount: Exact::of(quote.map_or_else(
                || Money::zero(order.amount.currency()),
                |quote| quote.totals.discount,
            )),
            created_at: order.placed_at,
            expires_at: active.map(|it| it.period.end).or(order.expires_at),
            date: order.placed_at,
            invoice_due_date: order.placed_at.plus_days(7),
            service_period: ServicePeriod {
                from: period.start,
                to: period.end,
                months: plan.cycle.months(),
            },
            plan_name: plan.name.clone(),
            plan_specs: PlanSpecs::of(plan),
        }
    }

    /// The period that it would pay for, were it paid when it was placed.
    fn first_period(&self) -> Span {
        let zone = self.account.time_zone.parse().unwrap_or_default();
        let at = self.order.placed_at.whole_second();
        Anchor { at, zone, cycle: self.order.plan.cycle }.period(0)
    }
}

/// The panel's own id of a customer, else the account's.
#[must_use]
pub fn user_id(account: &AccountRow) -> Name {
    let account_id = || Name::Text(account.account_id.to_string());
    account.external_id.as_deref().map_or_else(account_id, Name::of)
}

fn quote(order: &OrderRow) -> Option<&Quote> {
    match &order.purpose {
        OrderPurpose::Subscribe { quote } => Some(quote),
        OrderPurpose::PayInvoice { .. } | OrderPurpose::ChangePlan => None,
    }
}

/// Every rate together, in per cent.
fn tax_rate(tax: &Tax) -> Option<Exact> {
    match tax.rates.iter().map(|rate| rate.percent).reduce(Percent::plus) {
        Some(all) => Exact::percent(all),
        None => Exact::whole(0),
    }
}

fn described(plan: &HeldPlan) -> String {
    format!("{} ({})", plan.name, plan.cycle)
}

#[derive(Serialize)]
struct Item<'a> {
    description: &'a str,
    quantity: u32,
    price: Option<Exact>,
}

fn items(description: &str, price: Money) -> String {
    let items = [Item { description, quantity: 1, price: Exact::of(price) }];
    serde_json::to_string(&items).unwrap_or_default()
}

/// The method of a payment by hand, which its reference begins with; else the processor.
#[must_use]
pub fn payment_method(order: &OrderRow) -> Option<String> {
    let processor = order.processor.as_deref()?;
    let reference = order.processor_order_id.as_deref().filter(|_| processor == MANUAL);
    let method = reference.and_then(|it| it.strip_suffix(&format!("-{}", order.number)));
    Some(method.unwrap_or(processor).to_owned())
}

/// A way of paying, as customers choose from.
#[derive(Debug, Serialize, JsonSchema)]
pub struct MethodShape {
    /// Its name.
    pub id: String,
    /// What kind it is.
    #[serde(rename = "type")]
    pub kind: PaymentMethodKind,
    /// What customers see.
    pub label: String,
    /// What is sent, where it is not the order's currency.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub currency: Option<String>,
    /// The network that carries it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub network: Option<String>,
}

impl MethodShape {
    /// A way of paying, without what only an order's payer has to know.
    #[must_use]
    pub fn of(method: &PaymentMethod) -> Self {
        let PaymentMethod { id, kind, label, currency, network, .. } = method.clone();
        Self { id, kind, label, currency, network }
    }
}

/// What a customer has to know to pay an order by hand.
#[derive(Debug, Serialize, JsonSchema)]
pub struct PaymentShape {
    /// What kind of payment it is.
    #[serde(rename = "type")]
    pub kind: PaymentMethodKind,
    /// What customers see.
    pub label: String,
    /// Where the money is sent.
    pub address: Option<String>,
    /// What the customer is to know.
    pub instructions: Option<String>,
    /// How much there is to pay.
    pub amount: Option<Exact>,
    /// In which currency that is.
    pub currency: String,
    /// The network that carries it.
    pub network: Option<String>,
    /// What the customer writes on the transfer.
    pub reference: String,
}

impl PaymentShape {
    /// What is to be known of an order that waits for a payment by hand; `None` where it does not,
    /// or where its method is not offered any more.
    #[must_use]
    pub fn of(order: &OrderRow, methods: &[PaymentMethod]) -> Option<Self> {
        let id = payment_method(order).filter(|_| order.processor.as_deref() == Some(MANUAL))?;
        let method = methods.iter().find(|method| method.id == id)?.clone();
        Some(Self {
            kind: method.kind,
            label: method.label,
            address: method.address,
            instructions: method.instructions,
            amount: Exact::of(order.amount),
            currency: order.amount.currency().to_string(),
            network: method.network,
            reference: order.processor_order_id.clone().unwrap_or_default(),
        })
    }
}
