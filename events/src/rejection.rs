//! Rejections: why a command was refused, each with a stable code.
//!
//! A rejection is a value, appends nothing, and concerns its own command only. The shell maps
//! [`Kind`] to a status; `docs/EVENTS.md` lists every code.

use chrono::NaiveDate;
use thiserror::Error;

use crate::{
    accounting::AccountingPeriod,
    coupon::CouponCode,
    history::HistoryError,
    ids::{
        AccountId, AdjustmentId, InvoiceId, KeyId, OrderId, RefundId, ReservationId, SessionId,
        SubscriptionId,
    },
    money::{Currency, Money, MoneyError},
    period::Cycle,
    time::Timestamp,
};

/// What sort of refusal it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// What the command speaks of does not exist (or not for this caller).
    NotFound,
    /// The command itself makes no sense.
    Invalid,
    /// The command makes sense, but not in the present state.
    Conflict,
    /// Our own history does not hold together: never the caller's fault.
    Internal,
}

macro_rules! rejections {
    ($($(#[$doc:meta])* $variant:ident $({ $($field:ident : $ty:ty),* })? $kind:ident $code:literal $text:literal;)*) => {
        /// Why a command was refused.
        #[derive(Debug, Clone, PartialEq, Error)]
        pub enum Rejection {
            $($(#[$doc])* #[error($text)] $variant $({ $(
                #[doc = "What the message speaks of."] $field: $ty
            ),* })?,)*
        }

        impl Rejection {
            /// Every code with its kind, for the documentation and the tests.
            pub const CODES: &'static [(&'static str, Kind)] = &[$(($code, Kind::$kind),)*];

            /// The stable code.
            #[must_use]
            pub fn code(&self) -> &'static str {
                match self { $(Self::$variant { .. } => $code,)* }
            }

            /// What sort of refusal it is.
            #[must_use]
            pub fn kind(&self) -> Kind {
                match self { $(Self::$variant { .. } => Kind::$kind,)* }
            }
        }
    };
}

rejections! {
    /// The book was opened before.
    BookAlreadyOpen Conflict "book_already_open" "the book is already open";
    /// Nothing can happen before the book is open.
    BookNotOpen Conflict "book_not_open" "the book is not open yet: run `daybook migrate` first";
    /// A month that is none.
    BookInvalid { field: &'static str } Invalid "book_invalid" "`{field}` of the book is out of range";

    /// A policy that makes no sense.
    PolicyInvalid { problem: String } Invalid "policy_invalid" "{problem}";
    /// Tax rules that make no sense.
    TaxRulesInvalid { problem: String } Invalid "tax_rules_invalid" "{problem}";
    /// Real time cannot be moved.
    ClockNotMovable Conflict "clock_not_movable" "only a sandbox ledger's clock can be advanced";
    /// Time goes forward.
    ClockBackwards { now: Timestamp } Invalid "clock_backwards" "the clock stands at {now} already, and only goes forward";
    /// A slip of the year.
    ClockTooFar { furthest: Timestamp } Invalid "clock_too_far" "the clock is advanced to {furthest} at most, in one step";
    /// Days the wrong way round.
    PeriodInvalid Invalid "period_invalid" "a period's last day is not before its first";
    /// It is closed for good.
    PeriodClosed { period: AccountingPeriod } Conflict "period_closed" "days of the period {period} are closed already";
    /// Another period comes first, or the days do not meet those that are closed.
    PeriodOutOfOrder { next: AccountingPeriod } Conflict "period_out_of_order" "periods are closed one after another without a gap; the next is {next}, or begins as it does";
    /// Its last day has not ended.
    PeriodNotOver { period: AccountingPeriod, today: NaiveDate } Conflict "period_not_over" "the period {period} is not over: today is {today} in the seller's zone";

    /// No such plan.
    PlanUnknown { plan: String } NotFound "plan_unknown" "no plan has the id, number or slug `{plan}`";
    /// Off the shelf.
    PlanRetired { plan: String } Conflict "plan_retired" "plan `{plan}` is no longer on offer";
    /// Slugs are unique.
    PlanSlugTaken { slug: String } Conflict "plan_slug_taken" "a plan with the slug `{slug}` exists";
    /// Nothing would change.
    PlanTermsUnchanged { slug: String } Conflict "plan_terms_unchanged" "plan `{slug}` already has these terms";
    /// Somebody was first.
    PlanVersionConflict { slug: String, revision: u32 } Conflict "version_conflict" "plan `{slug}` has moved on to revision {revision}: read it again";
    /// Shown, not taken.
    FieldReadOnly { field: &'static str } Invalid "field_read_only" "`{field}` cannot be changed here: leave it out, or give it as it is";
    /// A field of the terms makes no sense.
    PlanInvalid { problem: String } Invalid "plan_invalid" "{problem}";
    /// Agreed one by one.
    PlanPriceCustom { plan: String } Conflict "plan_price_custom" "plan `{plan}` has a custom price and cannot be ordered here";
    /// A list price is not the caller's to set.
    PlanPriceFixed { plan: String } Conflict "plan_price_fixed" "plan `{plan}` has list prices: none can be agreed";
    /// The plan is not sold in the account's currency.
    CurrencyMismatch { plan: String, currency: Currency } Conflict "currency_mismatch" "plan `{plan}` has no price in {currency}, the account's currency";
    /// The plan is not sold for that cycle.
    CycleUnavailable { plan: String, cycle: Cycle } Conflict "billing_cycle_unavailable" "plan `{plan}` is not sold {cycle}";

    /// No such coupon.
    CouponUnknown NotFound "coupon_unknown" "no such coupon";
    /// Codes are unique.
    CouponCodeTaken { coupon: CouponCode } Conflict "coupon_code_taken" "a coupon with the code {coupon} exists";
    /// Terms that make no sense.
    CouponInvalid { problem: String } Invalid "coupon_invalid" "{problem}";
    /// Off offer.
    CouponWithdrawn { coupon: CouponCode } Conflict "coupon_withdrawn" "coupon {coupon} is no longer on offer";
    /// Too early.
    CouponNotYetValid { coupon: CouponCode } Conflict "coupon_not_yet_valid" "coupon {coupon} is not valid yet";
    /// Too late.
    CouponExpired { coupon: CouponCode } Conflict "coupon_expired" "coupon {coupon} has expired";
    /// Every redemption is taken.
    CouponExhausted { coupon: CouponCode } Conflict "coupon_exhausted" "coupon {coupon} has been redeemed as often as it can be";
    /// The account had its share.
    CouponAlreadyUsed { coupon: CouponCode } Conflict "coupon_already_used" "the account has used coupon {coupon} already";
    /// Restricted to other plans.
    CouponForAnotherPlan { coupon: CouponCode, plan: String } Conflict "coupon_for_another_plan" "coupon {coupon} is not good for plan `{plan}`";
    /// No amount in the account's currency.
    CouponNotInCurrency { coupon: CouponCode, currency: Currency } Conflict "coupon_not_in_currency" "coupon {coupon} has no amount in {currency}, the account's currency";

    /// A coupon is for a new subscription.
    CouponNotOnChange Conflict "coupon_not_on_change" "a coupon is redeemed with a new subscription, not with a plan change";

    /// No such key.
    KeyUnknown { key: KeyId } NotFound "key_unknown" "no key has the id {key}";
    /// Revoked before.
    KeyAlreadyRevoked { key: KeyId } Conflict "key_already_revoked" "key {key} was revoked before";
    /// A role and a reach that do not fit.
    KeyInvalid { problem: String } Invalid "key_invalid" "{problem}";
    /// Expired, or at its end after another took its place.
    KeyNotWorking { key: KeyId } Conflict "key_not_working" "key {key} works no more";
    /// One key takes the place of another once.
    KeyAlreadyRotated { key: KeyId } Conflict "key_already_rotated" "another key has taken the place of key {key}";
    /// A session that its key may not open, or that makes no sense.
    SessionInvalid { problem: String } Invalid "session_invalid" "{problem}";
    /// Closed, expired, or never there.
    SessionNotOpen { session: SessionId } Conflict "session_not_open" "session {session} is not open";
    /// Nobody of that name is signed in.
    SessionsNotOpen Conflict "sessions_not_open" "no session of this user is open";

    /// No such account.
    AccountUnknown { account: AccountId } NotFound "account_unknown" "no account has the id {account}";
    /// One account per external id.
    AccountExists { account: AccountId } Conflict "account_exists" "the account exists already, as {account}";
    /// Particulars that no document could carry.
    BillingDetailsInvalid { field: &'static str } Invalid "billing_details_invalid" "`{field}` is too long, holds control characters, or is not of its form";
    /// A tax id that cannot be one.
    TaxIdInvalid { problem: String } Invalid "tax_id_invalid" "{problem}";
    /// Not a country, or not one that the tax rules serve.
    CountryUnsupported { country: String } Invalid "country_unsupported" "`{country}` is not a country that can be billed";
    /// Tax depends on it.
    BillingCountryRequired Conflict "billing_country_required" "the account's billing details name no country, which tax depends on";
    /// Nothing is billed until somebody has looked.
    AccountParked Conflict "account_parked" "the account is parked: nothing is billed on it until it is released";
    /// Nothing to release.
    AccountNotParked Conflict "account_not_parked" "the account is not parked";
    /// A runaway.
    TooManyInvoiceLines { most: u32 } Conflict "too_many_invoice_lines" "a subscription is billed at most {most} invoice lines a day";
    /// The external id is empty or too long.
    ExternalIdInvalid Invalid "external_id_invalid" "an external id has 1 to 200 characters, none of them control characters";

    /// One live subscription per account.
    SubscriptionExists { subscription: SubscriptionId } Conflict "subscription_exists" "the account has the live subscription {subscription}: change its plan instead";
    /// None, or none that is live.
    NoSubscription NotFound "no_subscription" "the account has no live subscription";
    /// Moving to what one has.
    PlanUnchanged { plan: String } Conflict "plan_unchanged" "the subscription is already on plan `{plan}` with this billing cycle";
    /// The policy rules this change out.
    PlanChangeRefused { from: String, to: String } Conflict "plan_change_refused" "a change from plan `{from}` to `{to}` is not offered";
    /// More is used than the plan allows.
    UsageExceedsPlan { plan: String, limit: String, used: u64, allowed: u64 } Conflict "usage_exceeds_plan" "plan `{plan}` allows {allowed} of `{limit}`, and {used} are used";
    /// The figures may have changed.
    PreviewStale Conflict "preview_stale" "the preview does not hold any more: look at a new one";
    /// An invoice is overdue.
    SubscriptionPastDue Conflict "subscription_past_due" "an invoice is overdue: pay it first";
    /// Cancelled before.
    CancellationAlreadyScheduled { takes_effect_at: Timestamp } Conflict "cancellation_already_scheduled" "the subscription already ends at {takes_effect_at}";
    /// A subscription about to end cannot change.
    CancellationPending { takes_effect_at: Timestamp } Conflict "cancellation_pending" "the subscription ends at {takes_effect_at}: resume it first";
    /// Nothing to take back.
    NotCancelled Conflict "not_cancelled" "the subscription is not cancelled";
    /// Too late.
    ResumeAfterPeriod { ended_at: Timestamp } Conflict "resume_after_period" "the period ended at {ended_at}: a cancellation is taken back inside the same period only";
    /// Ended for a reason that cannot be taken back.
    ResumeNotPossible Conflict "resume_not_possible" "a subscription that was refunded or left unpaid cannot be resumed";
    /// It is for the processor to say.
    SubscriptionRunByProcessor { processor: String } Conflict "subscription_run_by_processor" "{processor} runs the subscription, and does not do this: it changes plans at once and at list prices, for money that it takes itself";
    /// One at a time.
    PlanChangePending { plan: String } Conflict "plan_change_pending" "the processor that runs the subscription is being asked for plan `{plan}`: wait for its answer";
    /// Nobody was asked, or the answer is known.
    PlanChangeNotPending Conflict "plan_change_not_pending" "no plan change waits for a processor's answer";
    /// Linked before.
    SubscriptionAlreadyLinked { subscription: String } Conflict "subscription_already_linked" "the order, the subscription or the processor's subscription {subscription} is linked already";
    /// No order of the account was linked to it.
    SubscriptionNotLinked { subscription: String } NotFound "subscription_not_linked" "no order of the account is linked to the processor's subscription {subscription}";
    /// The payment that begins it is not known yet.
    SubscriptionNotBegun { subscription: String } Conflict "subscription_not_begun" "the payment that begins the processor's subscription {subscription} is not known yet";
    /// Later news was taken already.
    SubscriptionNewsStale { taken: Timestamp } Conflict "subscription_news_stale" "the processor's word as of {taken} was taken already";
    /// The same news again.
    NothingNew Conflict "nothing_new" "the processor's word was taken already";
    /// Not a status that the rules know.
    ProcessorStatusUnknown { status: String } Invalid "processor_status_unknown" "no rule knows the status `{status}` of a processor's subscription";
    /// Limits of its own stay unless forced.
    LimitsCustomised Conflict "limits_customised" "the subscription has limits of its own, which stay unless forced";
    /// The plan has no such limit.
    LimitUnknown { limit: String } NotFound "limit_unknown" "the plan has no limit `{limit}`";
    /// Over the limit.
    PlanLimitExceeded { limit: String, allowed: u64, plan: String, upgrade: Option<String> } Conflict "plan_limit_exceeded" "maximum `{limit}` ({allowed}) reached for plan {plan}";
    /// A count that makes no sense.
    UsageInvalid { problem: String } Invalid "usage_invalid" "{problem}";
    /// None that stands.
    ReservationUnknown { reservation: ReservationId } NotFound "reservation_unknown" "no reservation {reservation} stands on this account";
    /// A limit's name or value makes no sense.
    LimitsInvalid { problem: String } Invalid "limits_invalid" "{problem}";
    /// A request that asks for nothing.
    NothingToChange Invalid "nothing_to_change" "the request changes nothing";

    /// No such invoice or credit note.
    DocumentUnknown { document: String } NotFound "document_unknown" "no document {document} on this account";
    /// Its bytes are known.
    DocumentAlreadyRendered { document: String } Conflict "document_already_rendered" "document {document} was rendered before: its bytes stay what they are";
    /// Facts that no rendering has.
    DocumentInvalid { problem: String } Invalid "document_invalid" "{problem}";

    /// No such order.
    OrderUnknown NotFound "order_unknown" "no such order on this account";
    /// Paid before.
    OrderAlreadyPaid { order: OrderId } Conflict "order_already_paid" "order {order} is paid";
    /// Not wanted any more.
    OrderNotOpen { order: OrderId } Conflict "order_not_open" "order {order} is not open any more";
    /// It asks for what an invoice has due.
    OrderPaysInvoice { order: OrderId, invoice: String } Conflict "order_pays_invoice" "order {order} pays invoice {invoice}: credit or write off the invoice instead";
    /// A checkout runs.
    CheckoutAlreadyStarted { order: OrderId } Conflict "checkout_already_started" "order {order} has a checkout";
    /// Our tax or the merchant's: one of them, never both.
    CheckoutWrongMerchant { order: OrderId } Conflict "checkout_wrong_merchant" "order {order} is priced for another kind of processor: a merchant of record takes orders without our tax, and no other processor does";
    /// No checkout of the order runs there.
    OrderNotAtProcessor { order: OrderId, processor: String } Conflict "order_not_at_processor" "order {order} has no checkout at {processor}";
    /// Booked before.
    PaymentAlreadyConfirmed { payment: String } Conflict "payment_already_confirmed" "payment {payment} is booked already";
    /// Not a way of paying that the book has.
    PaymentMethodUnknown { method: String } NotFound "payment_method_unknown" "there is no payment method `{method}`";
    /// Methods that make no sense.
    PaymentMethodsInvalid { problem: String } Invalid "payment_methods_invalid" "{problem}";
    /// No checkout by hand runs.
    PaymentNotAwaited { order: OrderId } Conflict "payment_not_awaited" "order {order} waits for no payment by hand: start its checkout with a payment method first";
    /// Said before.
    PaymentAlreadySent { order: OrderId } Conflict "payment_already_sent" "the payment of order {order} is said to be on its way already";
    /// No id that a bank gives out.
    TransactionInvalid Invalid "transaction_invalid" "a transaction's id has 1 to 200 characters, none of control";
    /// A plan cannot be given so.
    GrantInvalid { problem: String } Invalid "grant_invalid" "{problem}";
    /// The processor took another amount.
    AmountDiffers { expected: Money, given: Money } Conflict "amount_differs" "the order is for {expected}, the payment for {given}";

    /// No such payment is booked.
    PaymentUnknown { payment: String } NotFound "payment_unknown" "no payment {payment} is booked on this account";
    /// Told before.
    FeeAlreadyRecorded { payment: String } Conflict "fee_already_recorded" "the fee of payment {payment} is recorded";
    /// Told before.
    PaymentFailureKnown { payment: String } Conflict "payment_failure_known" "that payment {payment} failed is recorded";
    /// Told before.
    DisputeKnown { dispute: String } Conflict "dispute_known" "what is said of dispute {dispute} is recorded";
    /// Money may have gone since: somebody has to look.
    DisputeEndedOtherwise { dispute: String } Conflict "dispute_ended_otherwise" "dispute {dispute} is recorded with another end";
    /// An id that cannot be one.
    ProcessorIdInvalid Invalid "processor_id_invalid" "a processor's id has 1 to 200 characters, none of control";

    /// No such invoice.
    InvoiceUnknown { invoice: InvoiceId } NotFound "invoice_unknown" "no invoice has the id {invoice}";
    /// Nothing due.
    InvoiceNotOpen { invoice: InvoiceId } Conflict "invoice_not_open" "nothing is due on invoice {invoice}";

    /// Given up before.
    InvoiceIsWrittenOff { invoice: InvoiceId } Conflict "invoice_is_written_off" "invoice {invoice} is written off: undo that first";
    /// More than is left of it.
    CreditExceedsInvoice { left: Money } Conflict "credit_exceeds_invoice" "{left} of the invoice's lines can still be credited";
    /// No such adjustment.
    AdjustmentUnknown { adjustment: AdjustmentId } NotFound "adjustment_unknown" "no adjustment has the id {adjustment}";
    /// Undone before.
    AdjustmentAlreadyUndone { adjustment: AdjustmentId } Conflict "adjustment_already_undone" "adjustment {adjustment} was undone before";
    /// It is not there any more.
    CreditAlreadyUsed { left: Money } Conflict "credit_already_used" "only {left} of the account's credit is left";

    /// Past the last day.
    RefundWindowClosed { days: i64 } Conflict "refund_window_closed" "{days} days after the period began nothing is refunded";
    /// Nothing was captured, or everything went back.
    NothingToRefund Conflict "nothing_to_refund" "nothing captured for this period can be refunded";
    /// More than came in.
    RefundExceedsCaptured { captured: Money } Conflict "refund_exceeds_captured" "{captured} of what was captured for this period can still go back";
    /// More than the policy grants.
    RefundExceedsEligible { eligible: Money } Conflict "refund_exceeds_eligible" "the refund policy grants {eligible}";
    /// An override or a refund without a reason.
    ReasonRequired Invalid "reason_required" "a reason is required";
    /// Nothing or less.
    AmountNotPositive Invalid "amount_not_positive" "the amount must be more than nothing";
    /// Another currency than the account's.
    WrongCurrency { given: Currency, expected: Currency } Invalid "currency_mismatch" "the account is billed in {expected}, the amount is in {given}";
    /// No such refund.
    RefundUnknown { refund: RefundId } NotFound "refund_unknown" "no refund has the id {refund}";
    /// The outcome is known.
    RefundAlreadySettled { refund: RefundId } Conflict "refund_already_settled" "the outcome of refund {refund} is recorded";
    /// Booked before.
    RefundKnown { refund: String } Conflict "refund_known" "the processor's refund {refund} is booked already";
    /// Nothing more went back than is booked.
    RefundTotalKnown { known: Money } Conflict "refund_total_known" "it is booked that {known} of the payment went back";

    /// Nothing has fallen due.
    NothingDue Conflict "nothing_due" "nothing has fallen due on this account";
    /// An amount out of bounds.
    Amount { error: MoneyError } Invalid "amount_out_of_bounds" "{error}";
    /// Our own history does not hold together.
    History { error: HistoryError } Internal "history_inconsistent" "{error}";
}

impl From<MoneyError> for Rejection {
    fn from(error: MoneyError) -> Self {
        Self::Amount { error }
    }
}

impl From<HistoryError> for Rejection {
    fn from(error: HistoryError) -> Self {
        match error {
            // Sums that a command would take beyond the bounds are its own affair.
            HistoryError::Money(error) => Self::Amount { error },
            HistoryError::Missing(_) => Self::History { error },
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn codes_are_lower_snake_case_and_mean_one_thing() {
        let mut seen = HashSet::new();
        for (code, kind) in Rejection::CODES {
            assert!(code.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'), "{code}");
            // Two refusals share a code: the plan's and the amount's currency.
            assert!(seen.insert((code, format!("{kind:?}"))), "{code}");
        }
    }
}
