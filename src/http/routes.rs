//! The route table: every address, who may call it, what it takes and gives, and what handles it.
//! The router, the OpenAPI document and the tests read this one table.

use std::{future::Future, pin::Pin, sync::Arc};

use daybook_events::event::Role::{self, Admin, Auditor, Finance, Member, Owner, SuperAdmin};
use serde_json::Value;
use warp::http::Method;

use super::{
    answer::Answer,
    call::Call,
    contract::{
        Asks, Body, Content, Csv, Gives, Html, Json, Maybe, Takes,
        params::{EXPORT, FORCE, PAGE, READ, SEARCH},
    },
    error::{ApiError, Dialect},
    fields::NoFields,
    health, ledger, panel, processor, sandbox,
};
use crate::app::App;
use panel::{
    features::Switch,
    shapes::{Done, OrderShape, PlanShape},
};

/// What a handler gives, some time.
pub type Answering = Pin<Box<dyn Future<Output = Result<Answer, ApiError>> + Send>>;

/// Who may call a route.
#[derive(Debug, Clone, Copy)]
pub enum Access {
    /// Anybody.
    Public,
    /// Keys and sessions of these roles.
    Roles(&'static [Role]),
}

/// One address.
pub struct Route {
    /// The method.
    pub verb: &'static str,
    /// The path; `{…}` stands for one part.
    pub path: &'static str,
    /// Whose words it speaks.
    pub dialect: Dialect,
    /// Who may call it.
    pub access: Access,
    /// The fields of its query; any other is refused.
    pub asks: Asks,
    /// The body that it takes, where it takes one.
    pub takes: Option<Takes>,
    /// What it gives when all goes well.
    pub gives: Gives,
    /// What handles it.
    pub handler: fn(Arc<App>, Call) -> Answering,
    /// What it does, in a line.
    pub summary: &'static str,
    /// The handler's name, unique over all routes: the operation's id.
    pub operation: &'static str,
}

impl Route {
    /// The method, typed.
    #[must_use]
    pub fn method(&self) -> Method {
        match self.verb {
            "POST" => Method::POST,
            "PUT" => Method::PUT,
            "PATCH" => Method::PATCH,
            "DELETE" => Method::DELETE,
            _get => Method::GET,
        }
    }
}

/// Anybody.
const PUBLIC: Access = Access::Public;
/// Everybody who belongs to an account, and those who run or read the ledger.
const ANYONE: Access = Access::Roles(&[SuperAdmin, Owner, Admin, Member, Auditor, Finance]);
/// Those who manage an account's billing; the super admin may act for any account.
const MANAGERS: Access = Access::Roles(&[SuperAdmin, Owner, Admin]);
/// Those who may see an account's money.
const MONEY: Access = Access::Roles(&[SuperAdmin, Owner, Admin, Auditor, Finance]);
/// Those who may read ledger-wide.
const READERS: Access = Access::Roles(&[SuperAdmin, Auditor, Finance]);
/// The one who runs the ledger.
const SUPER: Access = Access::Roles(&[SuperAdmin]);

/// One row a route: `VERB "path" ACCESS, module::handler(body it takes)[fields it asks], "summary"
/// => status content`.
macro_rules! routes {
    ($($dialect:ident {$(
        $verb:ident $path:literal $access:expr,
        $($module:ident)::+ $(($body:ty))? $([$($asks:expr),*])?,
        $summary:literal => $status:literal $content:ty;
    )*})*) => {
        /// Every address there is.
        pub const ROUTES: &[Route] = &[$($(Route {
            verb: stringify!($verb),
            path: $path,
            dialect: Dialect::$dialect,
            access: $access,
            asks: &[$($($asks),*)?],
            takes: routes!(@takes $($body)?),
            gives: Gives { status: $status, content: <$content as Content>::TYPE, shape: <$content as Content>::shape },
            handler: |app, call| Box::pin($($module)::+(app, call)),
            summary: $summary,
            operation: stringify!($($module)::+),
        },)*)*];
    };
    (@takes) => { None };
    (@takes $body:ty) => {
        Some(Takes { required: <$body as Body>::REQUIRED, content: <$body as Body>::TYPE, shape: <$body as Body>::shape })
    };
}

#[rustfmt::skip]
routes! {
    Panel {
        GET "/api/plans" PUBLIC, panel::plans::list,
            "Plans on offer" => 200 Json<Vec<PlanShape>>;
        GET "/api/plans/{id}" PUBLIC, panel::plans::get,
            "One plan, by number, slug or id" => 200 Json<PlanShape>;
        GET "/api/admin/plans" READERS, panel::admin_plans::list[READ],
            "Every plan, hidden and retired ones too" => 200 Json<Vec<PlanShape>>;
        POST "/api/admin/plans" SUPER, panel::admin_plans::create(panel::admin_plans::CreateBody),
            "Create a plan" => 200 Json<panel::admin_plans::PlanDone>;
        GET "/api/admin/plans/{id}" READERS, panel::admin_plans::get[READ],
            "One plan, hidden or retired too" => 200 Json<PlanShape>;
        PUT "/api/admin/plans/{id}" SUPER, panel::admin_plans::edit(panel::admin_plans::EditBody),
            "Change a plan for those who order from now on" => 200 Json<panel::admin_plans::PlanDone>;
        DELETE "/api/admin/plans/{id}" SUPER, panel::admin_plans::retire(Maybe<NoFields>),
            "Take a plan off the shelf" => 200 Json<Done>;
        POST "/api/admin/plans/{id}/reapply-limits" SUPER, panel::reapply::ask(Maybe<panel::reapply::ReapplyBody>)[FORCE],
            "Move a plan's subscribers to its current limits" => 200 Json<panel::reapply::Reapplying>;
        GET "/api/orders" ANYONE, panel::orders::list[PAGE, READ],
            "The account's orders, newest first" => 200 Json<Vec<OrderShape>>;
        POST "/api/orders" MANAGERS, panel::orders::place(panel::orders::OrderBody),
            "Order a plan, or the change to it" => 200 Json<panel::orders::OrderPlacedShape>;
        GET "/api/orders/{id}" ANYONE, panel::orders::get[READ],
            "One order, by number or id" => 200 Json<OrderShape>;
        POST "/api/orders/{id}/cancel" MANAGERS, panel::orders::cancel(Maybe<NoFields>),
            "Give an order up: nothing is refunded" => 200 Json<panel::orders::OrderDone>;
        POST "/api/orders/{id}/checkout" MANAGERS, panel::payments::checkout(Maybe<panel::payments::CheckoutBody>),
            "Pay an order by hand" => 200 Json<panel::payments::CheckoutShape>;
        POST "/api/orders/{id}/mark-sent" MANAGERS, panel::payments::mark_sent(Maybe<panel::payments::SentBody>),
            "Say that the money is on its way" => 200 Json<panel::payments::SentShape>;
        GET "/api/orders/{id}/payment-status" ANYONE, panel::payments::status[READ],
            "How far an order's payment has come" => 200 Json<panel::payments::PaymentStatus>;
        GET "/api/payments/methods" ANYONE, panel::payments::methods[READ],
            "Ways of paying by hand" => 200 Json<panel::payments::Methods>;
        GET "/api/admin/payment-methods" READERS, panel::payments::admin_methods[READ],
            "Ways of paying by hand, with their particulars" => 200 Json<panel::payments::AdoptedMethods>;
        POST "/api/admin/payment-methods" SUPER, panel::payments::adopt_methods(panel::payments::MethodsBody),
            "Set the ways of paying by hand" => 200 Json<panel::payments::MethodsDone>;
        GET "/api/admin/orders" READERS, panel::admin_orders::list[SEARCH, READ],
            "Every account's orders: search, page by page" => 200 Json<panel::admin_orders::OrdersPage>;
        POST "/api/admin/orders" SUPER, panel::admin_orders::place(panel::admin_orders::AdminOrderBody),
            "Order a plan for a user" => 200 Json<panel::orders::OrderPlacedShape>;
        GET "/api/admin/orders/{id}" READERS, panel::admin_orders::get[READ],
            "One order of any account" => 200 Json<OrderShape>;
        POST "/api/admin/orders/{id}/confirm-payment" SUPER, panel::admin_orders::confirm(Maybe<panel::admin_orders::ConfirmBody>),
            "The money came: book it" => 200 Json<panel::admin_orders::LookedDone>;
        POST "/api/admin/orders/{id}/reject-payment" SUPER, panel::admin_orders::reject(Maybe<panel::admin_orders::RejectBody>),
            "The money never came: cancel the order" => 200 Json<panel::admin_orders::LookedDone>;
        POST "/api/admin/users/{id}/apply-plan" SUPER, panel::users::apply_plan(panel::users::ApplyBody),
            "Give a user a plan" => 200 Json<panel::users::Applied>;
        GET "/api/admin/users/{id}/current-plan" READERS, panel::users::current_plan[READ],
            "Which plan a user has" => 200 Json<panel::users::CurrentPlan>;
        POST "/api/admin/users/{id}/cancel-plan" SUPER, panel::users::cancel_plan(Maybe<NoFields>),
            "Take a user's plan away" => 200 Json<Done>;
        POST "/api/billing/subscribe" MANAGERS, panel::billing::subscribe(panel::billing::SubscribeBody),
            "Order a plan and start its checkout with the processor" => 200 Json<panel::billing::Subscribed>;
        GET "/api/billing/invoices" MONEY, panel::billing::invoices[PAGE, READ],
            "The account's invoices, newest first" => 200 Json<Vec<panel::billing::InvoiceShape>>;
        GET "/api/admin/features/billing" READERS, panel::features::get[READ],
            "Whether the panel dialect is open" => 200 Json<Switch>;
        PUT "/api/admin/features/billing" SUPER, panel::features::switch(Switch),
            "Open or close the panel dialect" => 200 Json<Switch>;
    }
    Processor {
        GET "/api/billing/subscription/me" ANYONE, processor::subscription::me[READ],
            "The caller's subscription" => 200 Json<Value>;
        GET "/api/billing/subscription" READERS, processor::subscription::list[PAGE, READ],
            "Subscriptions, page by page" => 200 Json<Value>;
        GET "/api/billing/subscription/{id}" READERS, processor::subscription::get[READ],
            "One subscription" => 200 Json<Value>;
        PATCH "/api/billing/subscription/{id}" SUPER, processor::subscription::patch(Value),
            "Change a subscription" => 200 Json<Value>;
        POST "/api/billing/checkout" MANAGERS, processor::checkout::checkout(Value),
            "Order a plan and start its checkout" => 200 Json<Value>;
        POST "/api/billing/checkout/confirm" MANAGERS, processor::checkout::confirm(Value),
            "Confirm the payment of a checkout" => 200 Json<Value>;
        POST "/api/billing/plan-change" MANAGERS, processor::plan_change::plan_change(Value),
            "Switch to another plan, prorated" => 200 Json<Value>;
        POST "/api/billing/plan-change/preview" MANAGERS, processor::plan_change::preview(Value),
            "What switching would cost now" => 200 Json<Value>;
        POST "/api/billing/cancel" MANAGERS, processor::subscription::cancel(Value),
            "Cancel, at period end by default" => 200 Json<Value>;
        POST "/api/billing/resume" MANAGERS, processor::subscription::resume(Value),
            "Take a cancellation back" => 200 Json<Value>;
        POST "/api/billing/invoices/{id}/checkout" MANAGERS, processor::checkout::pay_invoice(Value),
            "Start the checkout of an open invoice" => 200 Json<Value>;
        GET "/api/billing/payments/export" MONEY, processor::exports::payments[READ, EXPORT],
            "Payments as CSV" => 200 Csv;
    }
    Ledger {
        GET "/healthz" PUBLIC, health::healthz,
            "Whether the process runs" => 200 Json<Value>;
        GET "/readyz" PUBLIC, health::readyz,
            "Whether it can do its work, and how safe the log is" => 200 Json<Value>;
        GET "/api/ledger/reapplications/{id}" READERS, panel::reapply::get,
            "How far a reapplication has come" => 200 Json<Value>;
        GET "/api/ledger/clock" READERS, ledger::clock::get,
            "What time it is for the ledger" => 200 Json<Value>;
        POST "/api/ledger/clock" SUPER, ledger::clock::advance(Value),
            "Move a sandbox ledger's clock forward" => 200 Json<Value>;
        GET "/api/accounts" READERS, ledger::accounts::list[PAGE, READ],
            "Accounts, page by page" => 200 Json<Value>;
        POST "/api/accounts" SUPER, ledger::accounts::open(Value),
            "Open an account" => 201 Json<Value>;
        GET "/api/accounts/{id}" ANYONE, ledger::accounts::get[READ],
            "One account" => 200 Json<Value>;
        GET "/api/accounts/{id}/subscriptions" ANYONE, ledger::accounts::subscriptions[PAGE, READ],
            "An account's subscriptions" => 200 Json<Value>;
        GET "/api/accounts/{id}/orders" ANYONE, ledger::accounts::orders[PAGE, READ],
            "An account's orders" => 200 Json<Value>;
        GET "/api/accounts/{id}/invoices" MONEY, ledger::accounts::invoices[PAGE, READ],
            "An account's invoices" => 200 Json<Value>;
        GET "/api/accounts/{id}/payments" MONEY, ledger::accounts::payments[PAGE, READ],
            "An account's payments" => 200 Json<Value>;
        GET "/api/accounts/{id}/refunds" MONEY, ledger::accounts::refunds[PAGE, READ],
            "An account's refunds" => 200 Json<Value>;
        GET "/api/accounts/{id}/usage" ANYONE, ledger::usage::get[READ],
            "What is used of the plan's limits" => 200 Json<Value>;
        POST "/api/accounts/{id}/usage" SUPER, ledger::usage::report(Value),
            "Report what is used of a limit" => 200 Json<Value>;
        POST "/api/accounts/{id}/usage/reservations" SUPER, ledger::usage::reserve(Value),
            "Set room aside under a limit" => 201 Json<Value>;
        POST "/api/accounts/{id}/usage/reservations/{reservation}/release" SUPER, ledger::usage::release(Value),
            "Give room back that was set aside" => 200 Json<Value>;
        POST "/api/accounts/{id}/credit" SUPER, ledger::adjustments::credit(Value),
            "Give the account credit" => 200 Json<Value>;
        POST "/api/accounts/{id}/invoices/{invoice}/write-off" SUPER, ledger::adjustments::write_off(Value),
            "Give up what is due on an invoice" => 200 Json<Value>;
        POST "/api/accounts/{id}/invoices/{invoice}/credit-note" SUPER, ledger::adjustments::credit_note(Value),
            "Take an invoice back, or part of it" => 200 Json<Value>;
        POST "/api/accounts/{id}/adjustments/{adjustment}/undo" SUPER, ledger::adjustments::undo(Value),
            "Undo a wrong adjustment" => 200 Json<Value>;
        POST "/api/accounts/{id}/orders/{order}/cancel" MANAGERS, ledger::adjustments::cancel_order(Value),
            "Cancel an order that nobody has paid" => 200 Json<Value>;
        POST "/api/accounts/{id}/release" SUPER, ledger::adjustments::release(Value),
            "Bill a parked account again" => 200 Json<Value>;
        GET "/api/coupons" READERS, ledger::coupons::list[PAGE, READ],
            "Coupons, page by page" => 200 Json<Value>;
        POST "/api/coupons" SUPER, ledger::coupons::offer(Value),
            "Put a coupon on offer" => 201 Json<Value>;
        GET "/api/coupons/{code}" READERS, ledger::coupons::get[READ],
            "One coupon" => 200 Json<Value>;
        POST "/api/coupons/{code}/withdraw" SUPER, ledger::coupons::withdraw(Value),
            "Take a coupon off offer" => 200 Json<Value>;
        POST "/api/refunds" MANAGERS, ledger::refunds::request(Value),
            "Ask for a refund by the policy" => 201 Json<Value>;
        GET "/api/refunds/{id}" MONEY, ledger::refunds::get[READ],
            "One refund" => 200 Json<Value>;
        GET "/api/ledger/policy" READERS, ledger::rules::policy,
            "The billing policy in force" => 200 Json<Value>;
        POST "/api/ledger/policy" SUPER, ledger::rules::adopt_policy(Value),
            "Adopt another billing policy" => 200 Json<Value>;
        GET "/api/ledger/tax-rules" READERS, ledger::rules::tax_rules,
            "The tax rules in force" => 200 Json<Value>;
        POST "/api/ledger/tax-rules" SUPER, ledger::rules::adopt_tax_rules(Value),
            "Adopt tax rules" => 200 Json<Value>;
        GET "/api/ledger/seller" READERS, ledger::rules::seller,
            "The seller, as later documents name it" => 200 Json<Value>;
        POST "/api/ledger/seller" SUPER, ledger::rules::revise_seller(Value),
            "Change the seller's particulars on later documents" => 200 Json<Value>;
        GET "/sandbox/checkout/{id}" PUBLIC, sandbox::page,
            "The sandbox's checkout page" => 200 Html;
        POST "/sandbox/checkout/{id}/pay" PUBLIC, sandbox::pay(Value),
            "Pay in the sandbox" => 200 Json<Value>;
    }
}
