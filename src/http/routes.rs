//! The route table: every address, who may call it, what it takes and gives, and what handles it.
//! The router, the OpenAPI document and the tests read this one table.

use std::collections::BTreeMap;

use daybook_events::{
    event::Role::{Admin, Auditor, Finance, Member, Owner, SuperAdmin},
    personal::Party,
    policy::Policy,
    tax::TaxRules,
};
use daybook_projections::{
    accounts::AccountRow, invoices::InvoiceRow, journal::entry::Entry, orders::OrderRow,
    payments::PaymentRow, refunds::RefundRow, subscriptions::SubscriptionRow,
};

use super::{
    checkout,
    contract::{
        Body, Content, Csv, Download, Form, Gives, Html, Json, Maybe, Pdf, Takes,
        params::{
            AS_OF, DELIVERED, EXPORT, FORCE, IMMEDIATELY, NUMBERED, PAGE, READ, SEARCH, STATE,
            STREAM, THROUGH, TYPE, USER,
        },
    },
    error::Dialect,
    fields::NoFields,
    health, inbound,
    ledger::{
        self,
        events::{StoredEvent, StreamShown},
        keys::{KeyBody, KeyShape, MintedKey, RevokedKey, RotateBody},
        sessions::{ClosedSessions, OpenedSession, OwnSession, SessionBody, SessionShape},
        webhooks::{
            DeliveryInFull, DeliveryShape, EndpointBody, EndpointPatch, EndpointRemoved,
            EndpointShape, EndpointWithSecret, RotateSecretBody,
        },
    },
    openapi, panel, processor,
    reading::Listed,
    route::{Access, Route},
    sandbox,
    v1::{
        self,
        checkout::{Checkout, CheckoutBody},
        invoices::Invoice,
        plans::Plan,
        refund_eligibility::RefundEligibility,
        shapes::Data,
        subscription::{Current, Subscription},
        usage::{Quota, Released, ReportBody, Reported, Reservation, ReserveBody, Used},
    },
};
use crate::{
    books::Periods,
    scheduler::Reapplication,
    settlement::shown::{MessageInFull, MessageShape, RefusedShape, RunShape},
    snapshot::{Asked, shelf::Shown},
};
use panel::{
    features::Switch,
    shapes::{Done, OrderShape, PlanShape},
};

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
/// Those who keep the books.
const BOOKKEEPERS: Access = Access::Roles(&[SuperAdmin, Finance]);
/// Those who have keys to give: to the ledger, or to their own account.
const OWNERS: Access = Access::Roles(&[SuperAdmin, Owner]);
/// The keys that make keys.
const OWNERS_KEYS: Access = Access::Keys(&[SuperAdmin, Owner]);
/// The keys that open sessions.
const OPENERS_KEYS: Access = Access::Keys(&[SuperAdmin, Owner, Admin, Auditor, Finance]);
/// Those who may have opened sessions.
const OPENERS: Access = Access::Roles(&[SuperAdmin, Owner, Admin, Auditor, Finance]);
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
            operation: routes!(@name $($module)::+),
        },)*)*];
    };
    (@name $first:ident $(:: $more:ident)*) => {
        concat!(stringify!($first) $(, "::", stringify!($more))*)
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
        POST "/api/admin/plans/{id}/reapply-limits" SUPER, panel::reapply::ask(Maybe<panel::reapply::ReapplyBody>)[FORCE],
            "Move a plan's subscribers to its current limits" => 200 Json<panel::reapply::Reapplying>;
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
        GET "/api/orders" ANYONE, panel::orders::list[PAGE, READ],
            "The account's orders, newest first" => 200 Json<Vec<OrderShape>>;
        POST "/api/orders" MANAGERS, panel::orders::place(panel::orders::OrderBody),
            "Order a plan, or the change to it" => 200 Json<panel::orders::OrderPlacedShape>;
        GET "/api/orders/{id}" ANYONE, panel::orders::get[READ],
            "One order, by number or id" => 200 Json<OrderShape>;
        GET "/api/orders/{id}/invoice" MONEY, panel::invoice::get[READ],
            "The PDF of an order: a pro forma, then its invoice" => 200 Pdf;
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
        GET "/api/admin/orders/{id}/invoice" READERS, panel::invoice::admin[READ],
            "The PDF of an order of any account" => 200 Pdf;
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
        GET "/api/billing/subscription/me" ANYONE, processor::subscription::me[READ, AS_OF],
            "The caller's subscription" => 200 Json<processor::shapes::Subscription>;
        GET "/api/billing/subscription" READERS, processor::subscription::list[PAGE, READ],
            "Subscriptions, page by page" => 200 Json<Listed<processor::shapes::Subscription>>;
        GET "/api/billing/subscription/{id}" READERS, processor::subscription::get[READ, AS_OF],
            "One subscription" => 200 Json<processor::shapes::Subscription>;
        PATCH "/api/billing/subscription/{id}" SUPER, processor::subscription::patch(processor::subscription::Patch),
            "Change a subscription" => 200 Json<processor::shapes::Subscription>;
        POST "/api/billing/checkout" MANAGERS, processor::checkout::checkout(processor::checkout::CheckoutBody),
            "Order a plan and start its checkout" => 200 Json<processor::shapes::CheckoutAnswer>;
        POST "/api/billing/checkout/confirm" MANAGERS, processor::checkout::confirm(processor::checkout::ConfirmBody),
            "Confirm the payment of a checkout" => 200 Json<processor::shapes::Confirmed>;
        POST "/api/billing/plan-change" MANAGERS, processor::plan_change::plan_change(processor::plan_change::PlanChangeBody),
            "Switch to another plan, prorated" => 200 Json<processor::shapes::PlanChangeAnswer>;
        POST "/api/billing/plan-change/preview" MANAGERS, processor::plan_change::preview(processor::plan_change::PlanChangeBody),
            "What switching would cost now" => 200 Json<processor::shapes::PlanChangePreview>;
        POST "/api/billing/cancel" MANAGERS, processor::subscription::cancel(Maybe<processor::subscription::CancelBody>),
            "Cancel, at period end by default" => 200 Json<processor::subscription::Cancelled>;
        POST "/api/billing/resume" MANAGERS, processor::subscription::resume(Maybe<NoFields>),
            "Take a cancellation back" => 200 Json<processor::subscription::Resumed>;
        POST "/api/billing/invoices/{id}/checkout" MANAGERS, processor::checkout::pay_invoice(Maybe<NoFields>),
            "Start the checkout of an open invoice" => 200 Json<processor::shapes::Checkout>;
        GET "/api/billing/invoices/{id}/pdf" MONEY, processor::documents::invoice[READ],
            "The PDF of an invoice, by id or number" => 200 Pdf;
        GET "/api/billing/credit-notes/{id}/pdf" MONEY, processor::documents::credit_note[READ],
            "The PDF of a credit note, by id or number" => 200 Pdf;
        GET "/api/billing/payments/export" MONEY, processor::exports::payments[READ, EXPORT],
            "Payments as CSV" => 200 Csv;
    }
    V1 {
        GET "/api/v1/billing/subscription" ANYONE, v1::subscription::get[READ],
            "The account's subscription, with what it gives" => 200 Json<Data<Subscription>>;
        DELETE "/api/v1/billing/subscription" MANAGERS, v1::subscription::cancel(Maybe<NoFields>)[IMMEDIATELY],
            "Cancel the subscription, with its period unless told otherwise" => 200 Json<Data<Subscription>>;
        POST "/api/v1/billing/subscription/reactivate" MANAGERS, v1::subscription::reactivate(Maybe<NoFields>),
            "Take a cancellation of the subscription back" => 200 Json<Data<Subscription>>;
        GET "/api/v1/billing/subscriptions/current" ANYONE, v1::subscription::current[READ],
            "The account's subscription, with what is used" => 200 Json<Data<Current>>;
        GET "/api/v1/billing/plans" PUBLIC, v1::plans::list,
            "Plans on offer, in minor units" => 200 Json<Data<Vec<Plan>>>;
        POST "/api/v1/billing/checkout" MANAGERS, v1::checkout::checkout(CheckoutBody),
            "Order a plan and get the page to pay it on" => 200 Json<Data<Checkout>>;
        GET "/api/v1/billing/invoices" MONEY, v1::invoices::list[PAGE, READ],
            "The account's invoices, in minor units" => 200 Json<Data<Vec<Invoice>>>;
        GET "/api/v1/billing/invoices/{id}" MONEY, v1::invoices::get[READ],
            "One invoice of the account" => 200 Json<Data<Invoice>>;
        GET "/api/v1/billing/invoices/{id}/pdf" MONEY, v1::invoices::pdf[READ],
            "The PDF of an invoice of the account" => 200 Pdf;
        GET "/invoices/{file}" MONEY, v1::invoices::by_name[READ],
            "The PDF of an invoice, under the name that `pdf_url` gives it" => 200 Pdf;
        GET "/api/v1/billing/refund-eligibility" MONEY, v1::refund_eligibility::get,
            "What a refund would give back now" => 200 Json<Data<RefundEligibility>>;
        GET "/api/v1/usage" ANYONE, v1::usage::get[READ],
            "What the account uses" => 200 Json<Data<BTreeMap<String, Used>>>;
        POST "/api/v1/usage" SUPER, v1::usage::report(ReportBody),
            "Report what an account uses of a limit" => 200 Json<Data<Reported>>;
        GET "/api/v1/usage/quotas" ANYONE, v1::usage::quotas[READ],
            "What the account's plan allows, and what is left" => 200 Json<Data<BTreeMap<String, Quota>>>;
        POST "/api/v1/usage/reservations" SUPER, v1::usage::reserve(ReserveBody),
            "Set room aside under a limit of an account" => 201 Json<Data<Reservation>>;
        POST "/api/v1/usage/reservations/{id}/release" SUPER, v1::usage::release(Maybe<NoFields>),
            "Give an account's room back that was set aside" => 200 Json<Data<Released>>;
    }
    Ledger {
        GET "/openapi.json" PUBLIC, openapi::serve,
            "All of this as an OpenAPI document" => 200 Json<openapi::Document>;
        GET "/docs" PUBLIC, openapi::page::serve,
            "All of this as a page for people" => 200 Html;
        GET "/healthz" PUBLIC, health::healthz,
            "Whether the process runs" => 200 Json<health::Alive>;
        GET "/readyz" PUBLIC, health::readyz,
            "Whether it can do its work, and how safe the log is" => 200 Json<health::Readiness>;
        POST "/api/ledger/snapshots" READERS, ledger::snapshots::ask(Maybe<Asked>),
            "Have the books taken at one position, as files" => 202 Json<Shown>;
        GET "/api/ledger/snapshots" READERS, ledger::snapshots::list[PAGE],
            "Snapshots that were asked for, page by page" => 200 Json<Listed<Shown>>;
        GET "/api/ledger/snapshots/{id}" READERS, ledger::snapshots::get,
            "How far a snapshot has come, and what its files hold" => 200 Json<Shown>;
        DELETE "/api/ledger/snapshots/{id}" READERS, ledger::snapshots::delete,
            "Take a snapshot back: it is given up, and its files go" => 200 Json<Shown>;
        GET "/api/ledger/snapshots/{id}/files/{name}" READERS, ledger::snapshots::file,
            "One file of a snapshot" => 200 Download;
        GET "/api/ledger/reapplications/{id}" READERS, panel::reapply::get,
            "How far a reapplication has come" => 200 Json<Reapplication>;
        GET "/api/ledger/clock" READERS, ledger::clock::get,
            "What time it is for the ledger" => 200 Json<ledger::clock::Time>;
        POST "/api/ledger/clock" SUPER, ledger::clock::advance(ledger::clock::ClockBody),
            "Move a sandbox ledger's clock forward" => 200 Json<ledger::clock::ClockMoved>;
        GET "/api/ledger/periods" READERS, ledger::books::periods,
            "The accounting periods that are closed, and the next" => 200 Json<Periods>;
        POST "/api/ledger/periods" BOOKKEEPERS, ledger::books::close_period(ledger::books::PeriodBody),
            "Close an accounting period, for ever" => 200 Json<Periods>;
        GET "/api/ledger/journal" READERS, ledger::books::journal[NUMBERED, READ],
            "The journal: what events posted, entry by entry" => 200 Json<Listed<Entry>>;
        GET "/api/ledger/trial-balance" READERS, ledger::books::trial_balance[THROUGH, READ],
            "What each account of the books holds" => 200 Json<ledger::books::TrialBalanceShown>;
        GET "/api/accounts" READERS, ledger::accounts::list[PAGE, READ],
            "Accounts, page by page" => 200 Json<Listed<AccountRow>>;
        POST "/api/accounts" SUPER, ledger::accounts::open(ledger::accounts::OpenBody),
            "Open an account" => 201 Json<ledger::accounts::Opened>;
        GET "/api/accounts/{id}" ANYONE, ledger::accounts::get[READ, AS_OF],
            "One account" => 200 Json<AccountRow>;
        PUT "/api/accounts/{id}/billing" MANAGERS, ledger::accounts::revise_billing(Party),
            "Change whom later invoices are made out to" => 200 Json<Party>;
        GET "/api/accounts/{id}/subscriptions" ANYONE, ledger::accounts::subscriptions[PAGE, READ, AS_OF],
            "An account's subscriptions" => 200 Json<Listed<SubscriptionRow>>;
        GET "/api/accounts/{id}/orders" ANYONE, ledger::accounts::orders[PAGE, READ, AS_OF],
            "An account's orders" => 200 Json<Listed<OrderRow>>;
        GET "/api/accounts/{id}/invoices" MONEY, ledger::accounts::invoices[PAGE, READ, AS_OF],
            "An account's invoices" => 200 Json<Listed<InvoiceRow>>;
        GET "/api/accounts/{id}/payments" MONEY, ledger::accounts::payments[PAGE, READ, AS_OF],
            "An account's payments" => 200 Json<Listed<PaymentRow>>;
        GET "/api/accounts/{id}/refunds" MONEY, ledger::accounts::refunds[PAGE, READ, AS_OF],
            "An account's refunds" => 200 Json<Listed<RefundRow>>;
        GET "/api/accounts/{id}/usage" ANYONE, ledger::usage::get[READ],
            "What is used of the plan's limits" => 200 Json<ledger::usage::AccountUsage>;
        POST "/api/accounts/{id}/usage" SUPER, ledger::usage::report(ledger::usage::ReportBody),
            "Report what is used of a limit" => 200 Json<ledger::usage::Reported>;
        POST "/api/accounts/{id}/usage/reservations" SUPER, ledger::usage::reserve(ledger::usage::ReserveBody),
            "Set room aside under a limit" => 201 Json<ledger::usage::RoomSetAside>;
        POST "/api/accounts/{id}/usage/reservations/{reservation}/release" SUPER, ledger::usage::release(Maybe<NoFields>),
            "Give room back that was set aside" => 200 Json<ledger::usage::RoomReleased>;
        POST "/api/accounts/{id}/credit" SUPER, ledger::adjustments::credit(ledger::adjustments::CreditBody),
            "Give the account credit" => 201 Json<ledger::adjustments::CreditGiven>;
        POST "/api/accounts/{id}/invoices/{invoice}/write-off" SUPER, ledger::adjustments::write_off(ledger::adjustments::ReasonBody),
            "Give up what is due on an invoice" => 201 Json<ledger::adjustments::WrittenOff>;
        POST "/api/accounts/{id}/invoices/{invoice}/credit-note" SUPER, ledger::adjustments::credit_note(ledger::adjustments::CreditNoteBody),
            "Take an invoice back, or part of it" => 201 Json<ledger::adjustments::CreditNoteGiven>;
        POST "/api/accounts/{id}/adjustments/{adjustment}/undo" SUPER, ledger::adjustments::undo(ledger::adjustments::ReasonBody),
            "Undo a wrong adjustment" => 201 Json<ledger::adjustments::Undone>;
        POST "/api/accounts/{id}/orders/{order}/cancel" MANAGERS, ledger::adjustments::cancel_order(Maybe<ledger::adjustments::OptionalReasonBody>),
            "Cancel an order that nobody has paid" => 200 Json<ledger::adjustments::OrderCancelled>;
        POST "/api/accounts/{id}/release" SUPER, ledger::adjustments::release(ledger::adjustments::ReasonBody),
            "Bill a parked account again" => 200 Json<ledger::adjustments::Released>;
        GET "/api/coupons" READERS, ledger::coupons::list[PAGE, READ],
            "Coupons, page by page" => 200 Json<Listed<ledger::coupons::Coupon>>;
        POST "/api/coupons" SUPER, ledger::coupons::offer(ledger::coupons::CouponBody),
            "Put a coupon on offer" => 201 Json<ledger::coupons::Coupon>;
        GET "/api/coupons/{code}" READERS, ledger::coupons::get[READ],
            "One coupon" => 200 Json<ledger::coupons::Coupon>;
        POST "/api/coupons/{code}/withdraw" SUPER, ledger::coupons::withdraw(Maybe<NoFields>),
            "Take a coupon off offer" => 200 Json<ledger::coupons::CouponWithdrawn>;
        POST "/api/refunds" MANAGERS, ledger::refunds::request(ledger::refunds::RefundBody),
            "Ask for a refund by the policy" => 201 Json<ledger::refunds::RefundsMade>;
        GET "/api/refunds" READERS, ledger::refunds::list[PAGE, READ],
            "Refunds, page by page" => 200 Json<Listed<RefundRow>>;
        POST "/api/refunds/{id}/outcome" SUPER, ledger::refunds::settled_by_hand(ledger::refunds::OutcomeBody),
            "Record what became of a refund that goes back by hand" => 200 Json<RefundRow>;
        GET "/api/refunds/{id}" MONEY, ledger::refunds::get[READ],
            "One refund" => 200 Json<RefundRow>;
        GET "/api/ledger/policy" READERS, ledger::rules::policy,
            "The billing policy in force" => 200 Json<ledger::rules::PolicyInForce>;
        POST "/api/ledger/policy" SUPER, ledger::rules::adopt_policy(Policy),
            "Adopt another billing policy" => 200 Json<ledger::rules::PolicyInForce>;
        GET "/api/ledger/tax-rules" READERS, ledger::rules::tax_rules,
            "The tax rules in force" => 200 Json<ledger::rules::TaxRulesInForce>;
        POST "/api/ledger/tax-rules" SUPER, ledger::rules::adopt_tax_rules(TaxRules),
            "Adopt tax rules" => 200 Json<ledger::rules::TaxRulesInForce>;
        GET "/api/ledger/seller" READERS, ledger::rules::seller,
            "The seller, as later documents name it" => 200 Json<ledger::rules::SellerNamed>;
        POST "/api/ledger/seller" SUPER, ledger::rules::revise_seller(Party),
            "Change the seller's particulars on later documents" => 200 Json<ledger::rules::SellerNamed>;
        GET "/sandbox/checkout/{id}" PUBLIC, sandbox::page,
            "The sandbox's checkout page" => 200 Html;
        POST "/sandbox/checkout/{id}/pay" PUBLIC, sandbox::pay(Form<sandbox::PayForm>),
            "Pay in the sandbox" => 200 Json<sandbox::SandboxPayment>;
        POST "/sandbox/payments/{payment_id}/refund" PUBLIC, sandbox::dealings::refund(Form<sandbox::dealings::RefundForm>),
            "Refund a payment as the sandbox itself does" => 200 Json<sandbox::dealings::RefundShape>;
        POST "/sandbox/payments/{payment_id}/dispute" PUBLIC, sandbox::dealings::dispute(Form<sandbox::dealings::DisputeForm>),
            "Dispute a payment, or decide its dispute" => 200 Json<sandbox::dealings::DisputeShape>;
        GET "/checkout/{id}" PUBLIC, checkout::page,
            "The page on which Razorpay takes a payment" => 200 Html;
        POST "/checkout/{id}/return" PUBLIC, checkout::returned(Form<checkout::ReturnForm>),
            "Come back from Razorpay, which signs what it took" => 200 Html;
        POST "/webhooks/{processor}" PUBLIC, inbound::take(inbound::ProcessorMessage),
            "Messages of a processor, signed by it" => 200 Json<inbound::Taken>;
        GET "/api/ledger/documents" READERS, ledger::documents::list[PAGE, READ],
            "Documents, with what was recorded of their bytes" => 200 Json<Listed<ledger::documents::DocumentShape>>;
        GET "/api/ledger/documents/{id}" READERS, ledger::documents::get[READ],
            "One document, by id or number" => 200 Json<ledger::documents::DocumentShape>;
        GET "/api/ledger/inbox" READERS, ledger::inbox::list[NUMBERED, STATE],
            "What processors sent, newest first" => 200 Json<Listed<MessageShape>>;
        GET "/api/ledger/inbox/refused" READERS, ledger::inbox::refused[NUMBERED],
            "What came without a signature that holds, newest first" => 200 Json<Listed<RefusedShape>>;
        GET "/api/ledger/inbox/{id}" READERS, ledger::inbox::get,
            "One message, with its bytes" => 200 Json<MessageInFull>;
        GET "/api/ledger/reconciliations" READERS, ledger::inbox::reconciliations[NUMBERED],
            "What the reconciler found, newest run first" => 200 Json<Listed<RunShape>>;
        POST "/api/ledger/inbox/{id}/replay" SUPER, ledger::inbox::replay(Maybe<NoFields>),
            "Read a message again" => 200 Json<MessageInFull>;
        GET "/api/ledger/events" READERS, ledger::events::list[NUMBERED, TYPE, STREAM],
            "The log, event by event" => 200 Json<Listed<StoredEvent>>;
        GET "/api/ledger/events/{position}" READERS, ledger::events::get,
            "One event of the log" => 200 Json<StoredEvent>;
        GET "/api/ledger/streams" READERS, ledger::events::streams[PAGE],
            "The log's streams" => 200 Json<Listed<StreamShown>>;
        GET "/api/ledger/streams/{stream}" READERS, ledger::events::stream[NUMBERED, TYPE],
            "One stream of the log, event by event" => 200 Json<Listed<StoredEvent>>;
        GET "/api/keys" OWNERS, ledger::keys::list[PAGE, READ],
            "API keys, page by page" => 200 Json<Listed<KeyShape>>;
        POST "/api/keys" OWNERS_KEYS, ledger::keys::create(KeyBody),
            "Make an API key" => 201 Json<MintedKey>;
        GET "/api/keys/{id}" OWNERS, ledger::keys::get[READ],
            "One API key" => 200 Json<KeyShape>;
        POST "/api/keys/{id}/rotate" OWNERS_KEYS, ledger::keys::rotate(Maybe<RotateBody>),
            "Put another key in the place of one" => 201 Json<MintedKey>;
        POST "/api/keys/{id}/revoke" OWNERS, ledger::keys::revoke(Maybe<NoFields>),
            "Stop an API key, at once" => 200 Json<RevokedKey>;
        GET "/api/sessions" OPENERS, ledger::sessions::list[PAGE, READ, USER],
            "Sessions, page by page" => 200 Json<Listed<SessionShape>>;
        POST "/api/sessions" OPENERS_KEYS, ledger::sessions::open(SessionBody),
            "Open a session for a user" => 201 Json<OpenedSession>;
        DELETE "/api/sessions" OPENERS, ledger::sessions::close_all[USER],
            "Close every session of a user" => 200 Json<ClosedSessions>;
        GET "/api/sessions/me" ANYONE, ledger::sessions::me,
            "The session that asks" => 200 Json<OwnSession>;
        DELETE "/api/sessions/me" ANYONE, ledger::sessions::sign_out,
            "Close the session that asks" => 200 Json<ClosedSessions>;
        GET "/api/sessions/{id}" OPENERS, ledger::sessions::get[READ],
            "One session" => 200 Json<SessionShape>;
        DELETE "/api/sessions/{id}" OPENERS, ledger::sessions::close,
            "Close a session" => 200 Json<ClosedSessions>;
        GET "/api/webhooks/endpoints" MONEY, ledger::webhooks::list[PAGE],
            "Where webhooks go, page by page" => 200 Json<Listed<EndpointShape>>;
        POST "/api/webhooks/endpoints" MANAGERS, ledger::webhooks::create(EndpointBody),
            "Have webhooks sent somewhere" => 201 Json<EndpointWithSecret>;
        GET "/api/webhooks/endpoints/{id}" MONEY, ledger::webhooks::get,
            "One endpoint of webhooks" => 200 Json<EndpointShape>;
        PATCH "/api/webhooks/endpoints/{id}" MANAGERS, ledger::webhooks::patch(EndpointPatch),
            "Change an endpoint, disable or enable it" => 200 Json<EndpointShape>;
        DELETE "/api/webhooks/endpoints/{id}" MANAGERS, ledger::webhooks::remove,
            "Send nothing more to an endpoint, and forget it" => 200 Json<EndpointRemoved>;
        POST "/api/webhooks/endpoints/{id}/rotate-secret" MANAGERS, ledger::webhooks::rotate_secret(Maybe<RotateSecretBody>),
            "Give an endpoint a new secret beside the old one" => 200 Json<EndpointWithSecret>;
        POST "/api/webhooks/endpoints/{id}/test" MANAGERS, ledger::webhooks::test(Maybe<NoFields>),
            "Send a test to an endpoint" => 202 Json<DeliveryShape>;
        GET "/api/webhooks/endpoints/{id}/deliveries" MONEY, ledger::webhooks::deliveries[PAGE, DELIVERED],
            "What was sent to an endpoint, page by page" => 200 Json<Listed<DeliveryShape>>;
        GET "/api/webhooks/deliveries/{id}" MONEY, ledger::webhooks::delivery,
            "One delivery, with its attempts" => 200 Json<DeliveryInFull>;
        POST "/api/webhooks/deliveries/{id}/resend" MANAGERS, ledger::webhooks::resend(Maybe<NoFields>),
            "Send a delivery once more" => 202 Json<DeliveryShape>;
    }
}
