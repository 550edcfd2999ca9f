//! The route table: every address, who may call it, and what handles it. The router, the
//! documentation and the tests read this one table.

use std::{future::Future, pin::Pin, sync::Arc};

use daybook_events::event::Role::{self, Admin, Auditor, Finance, Member, Owner, SuperAdmin};
use warp::http::Method;

use super::{
    accounts, adjustments, answer::Answer, call::Call, checkout, clock, coupons, error::ApiError,
    exports, health, plan_change, plans, reapply, refunds, rules, sandbox, subscription, usage,
};
use crate::app::App;

/// What a handler gives, some time.
pub type Answering = Pin<Box<dyn Future<Output = Result<Answer, ApiError>> + Send>>;

/// Who may call a route.
#[derive(Debug, Clone, Copy)]
pub enum Access {
    /// Anybody.
    Public,
    /// Keys of these roles.
    Roles(&'static [Role]),
}

/// One address.
pub struct Route {
    /// The method.
    pub verb: &'static str,
    /// The path; `{…}` stands for one part.
    pub path: &'static str,
    /// Who may call it.
    pub access: Access,
    /// What handles it.
    pub handler: fn(Arc<App>, Call) -> Answering,
    /// What it does, in a line.
    pub summary: &'static str,
}

impl Route {
    /// The method, typed.
    #[must_use]
    pub fn method(&self) -> Method {
        match self.verb {
            "POST" => Method::POST,
            "PATCH" => Method::PATCH,
            _get => Method::GET,
        }
    }
}

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

macro_rules! routes {
    ($($verb:ident $path:literal $access:expr, $module:ident :: $handler:ident, $summary:literal;)*) => {
        /// Every address there is.
        pub const ROUTES: &[Route] = &[$(Route {
            verb: stringify!($verb),
            path: $path,
            access: $access,
            handler: |app, call| Box::pin($module::$handler(app, call)),
            summary: $summary,
        },)*];
    };
}

routes! {
    GET "/healthz" Access::Public, health::healthz, "Whether the process runs";
    GET "/readyz" Access::Public, health::readyz, "Whether it can do its work, and how safe the log is";

    GET "/api/plans" Access::Public, plans::list, "Plans on offer";
    GET "/api/plans/{id}" Access::Public, plans::get, "One plan, by number, slug or id";

    POST "/api/admin/plans/{id}/reapply-limits" SUPER, reapply::ask, "Move a plan's subscribers to its current limits";
    GET "/api/ledger/reapplications/{id}" READERS, reapply::get, "How far a reapplication has come";

    GET "/api/ledger/clock" READERS, clock::get, "What time it is for the ledger";
    POST "/api/ledger/clock" SUPER, clock::advance, "Move a sandbox ledger's clock forward";

    GET "/api/accounts" READERS, accounts::list, "Accounts, page by page";
    POST "/api/accounts" SUPER, accounts::open, "Open an account";
    GET "/api/accounts/{id}" ANYONE, accounts::get, "One account";
    GET "/api/accounts/{id}/subscriptions" ANYONE, accounts::subscriptions, "An account's subscriptions";
    GET "/api/accounts/{id}/orders" ANYONE, accounts::orders, "An account's orders";
    GET "/api/accounts/{id}/invoices" MONEY, accounts::invoices, "An account's invoices";
    GET "/api/accounts/{id}/payments" MONEY, accounts::payments, "An account's payments";
    GET "/api/accounts/{id}/refunds" MONEY, accounts::refunds, "An account's refunds";

    GET "/api/accounts/{id}/usage" ANYONE, usage::get, "What is used of the plan's limits";
    POST "/api/accounts/{id}/usage" SUPER, usage::report, "Report what is used of a limit";
    POST "/api/accounts/{id}/usage/reservations" SUPER, usage::reserve, "Set room aside under a limit";
    POST "/api/accounts/{id}/usage/reservations/{reservation}/release" SUPER, usage::release, "Give room back that was set aside";

    POST "/api/accounts/{id}/credit" SUPER, adjustments::credit, "Give the account credit";
    POST "/api/accounts/{id}/invoices/{invoice}/write-off" SUPER, adjustments::write_off, "Give up what is due on an invoice";
    POST "/api/accounts/{id}/invoices/{invoice}/credit-note" SUPER, adjustments::credit_note, "Take an invoice back, or part of it";
    POST "/api/accounts/{id}/adjustments/{adjustment}/undo" SUPER, adjustments::undo, "Undo a wrong adjustment";
    POST "/api/accounts/{id}/orders/{order}/cancel" MANAGERS, adjustments::cancel_order, "Cancel an order that nobody has paid";
    POST "/api/accounts/{id}/release" SUPER, adjustments::release, "Bill a parked account again";

    GET "/api/billing/subscription/me" ANYONE, subscription::me, "The caller's subscription";
    GET "/api/billing/subscription" READERS, subscription::list, "Subscriptions, page by page";
    GET "/api/billing/subscription/{id}" READERS, subscription::get, "One subscription";
    PATCH "/api/billing/subscription/{id}" SUPER, subscription::patch, "Change a subscription";
    POST "/api/billing/checkout" MANAGERS, checkout::checkout, "Order a plan and start its checkout";
    POST "/api/billing/checkout/confirm" MANAGERS, checkout::confirm, "Confirm the payment of a checkout";
    POST "/api/billing/plan-change" MANAGERS, plan_change::plan_change, "Switch to another plan, prorated";
    POST "/api/billing/plan-change/preview" MANAGERS, plan_change::preview, "What switching would cost now";
    POST "/api/billing/cancel" MANAGERS, subscription::cancel, "Cancel, at period end by default";
    POST "/api/billing/resume" MANAGERS, subscription::resume, "Take a cancellation back";
    POST "/api/billing/invoices/{id}/checkout" MANAGERS, checkout::pay_invoice, "Start the checkout of an open invoice";
    GET "/api/billing/payments/export" MONEY, exports::payments, "Payments as CSV";

    GET "/api/coupons" READERS, coupons::list, "Coupons, page by page";
    POST "/api/coupons" SUPER, coupons::offer, "Put a coupon on offer";
    GET "/api/coupons/{code}" READERS, coupons::get, "One coupon";
    POST "/api/coupons/{code}/withdraw" SUPER, coupons::withdraw, "Take a coupon off offer";

    POST "/api/refunds" MANAGERS, refunds::request, "Ask for a refund by the policy";
    GET "/api/refunds/{id}" MONEY, refunds::get, "One refund";

    GET "/api/ledger/policy" READERS, rules::policy, "The billing policy in force";
    POST "/api/ledger/policy" SUPER, rules::adopt_policy, "Adopt another billing policy";
    GET "/api/ledger/tax-rules" READERS, rules::tax_rules, "The tax rules in force";
    POST "/api/ledger/tax-rules" SUPER, rules::adopt_tax_rules, "Adopt tax rules";
    GET "/api/ledger/seller" READERS, rules::seller, "The seller, as later documents name it";
    POST "/api/ledger/seller" SUPER, rules::revise_seller, "Change the seller's particulars on later documents";

    GET "/sandbox/checkout/{id}" Access::Public, sandbox::page, "The sandbox's checkout page";
    POST "/sandbox/checkout/{id}/pay" Access::Public, sandbox::pay, "Pay in the sandbox";
}
