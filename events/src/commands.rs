//! Commands: what may be asked of the ledger. One command, one file: its rule, its rejections,
//! its given/when/then tests.
//!
//! [`Command::decide`] is pure. A command on an account first records whatever has fallen due on
//! it, so a race between a command and the calendar has one outcome.

mod adopt_payment_methods;
mod adopt_policy;
mod adopt_tax_rules;
mod advance_clock;
mod amend_subscription;
mod apply_plan;
mod beginning;
mod billing;
mod cancel_order;
mod cancel_plan;
mod cancel_subscription;
mod change_plan;
mod close_period;
mod close_sessions;
mod confirm_manual_payment;
mod confirm_payment;
mod counting;
mod credit_invoice;
mod customise_limits;
mod due;
mod edit_plan;
mod follow_processor;
mod give_up_order;
mod grant_credit;
mod held_plan;
mod issue_key;
mod link_subscription;
mod manual_payment;
mod mark_payment_sent;
mod offer_coupon;
mod open_account;
mod open_book;
mod open_session;
mod order_plan;
mod owed_back;
mod place_order;
mod processor_run;
mod publish_plan;
mod reapply_limits;
mod reapply_limits_to;
mod reasons;
mod record_dispute;
mod record_document;
mod record_fee;
mod record_outside_refund;
mod record_payment_failure;
mod record_refund;
mod record_refunded_in_all;
mod redemption;
mod reject_payment;
mod release_account;
mod release_usage;
mod renew_by_processor;
mod report_usage;
mod request_refund;
mod reserve_usage;
mod resume_subscription;
mod retire_plan;
mod revise_billing_details;
mod revise_plan;
mod revise_seller;
mod revoke_key;
mod rotate_key;
mod settle_plan_change;
mod start_checkout;
mod start_manual_checkout;
mod switch_feature;
mod undo_adjustment;
mod withdraw_coupon;
mod write_off;

pub use self::{
    adopt_payment_methods::AdoptPaymentMethods,
    adopt_policy::AdoptPolicy,
    adopt_tax_rules::AdoptTaxRules,
    advance_clock::AdvanceClock,
    amend_subscription::AmendSubscription,
    apply_plan::ApplyPlan,
    cancel_order::CancelOrder,
    cancel_plan::CancelPlan,
    cancel_subscription::CancelSubscription,
    change_plan::{ChangePlan, PREVIEW_SECONDS, Preview},
    close_period::ClosePeriod,
    close_sessions::{CloseSessions, Which},
    confirm_manual_payment::ConfirmManualPayment,
    confirm_payment::ConfirmPayment,
    credit_invoice::CreditInvoice,
    customise_limits::CustomiseLimits,
    due::SettleDue,
    edit_plan::{EditPlan, PlanEdit},
    follow_processor::FollowProcessor,
    give_up_order::GiveUpOrder,
    grant_credit::GrantCredit,
    issue_key::IssueKey,
    link_subscription::LinkSubscription,
    manual_payment::MANUAL,
    mark_payment_sent::MarkPaymentSent,
    offer_coupon::OfferCoupon,
    open_account::OpenAccount,
    open_book::OpenBook,
    open_session::{OpenSession, SESSION_SECONDS_MAX},
    order_plan::OrderPlan,
    place_order::PlaceOrder,
    publish_plan::PublishPlan,
    reapply_limits::ReapplyLimits,
    reapply_limits_to::ReapplyLimitsTo,
    record_dispute::{DisputeState, RecordDispute},
    record_document::RecordDocument,
    record_fee::RecordFee,
    record_outside_refund::RecordOutsideRefund,
    record_payment_failure::RecordPaymentFailure,
    record_refund::{RecordRefund, RefundOutcome},
    record_refunded_in_all::RecordRefundedInAll,
    reject_payment::RejectPayment,
    release_account::ReleaseAccount,
    release_usage::ReleaseUsage,
    renew_by_processor::{ChargeReason, RenewByProcessor},
    report_usage::ReportUsage,
    request_refund::RequestRefund,
    reserve_usage::ReserveUsage,
    resume_subscription::ResumeSubscription,
    retire_plan::RetirePlan,
    revise_billing_details::ReviseBillingDetails,
    revise_plan::RevisePlan,
    revise_seller::ReviseSeller,
    revoke_key::RevokeKey,
    rotate_key::{OVERLAP_SECONDS_MAX, RotateKey},
    settle_plan_change::{PlanChangeOutcome, SettlePlanChange},
    start_checkout::{Returns, StartCheckout},
    start_manual_checkout::StartManualCheckout,
    switch_feature::SwitchFeature,
    undo_adjustment::UndoAdjustment,
    withdraw_coupon::WithdrawCoupon,
    write_off::WriteOff,
};
use crate::{
    draft::Draft,
    envelope::StreamId,
    event::AccountParked,
    ids::AccountId,
    rejection::{Kind, Rejection},
    time::Timestamp,
};

macro_rules! commands {
    ($($(#[$doc:meta])* $name:ident $(of $account:ident)?;)*) => {
        /// Anything that may be asked of the ledger.
        #[derive(Debug, Clone)]
        pub enum Command {
            $($(#[$doc])* $name($name),)*
        }

        $(impl From<$name> for Command {
            fn from(command: $name) -> Self {
                Self::$name(command)
            }
        })*

        impl Command {
            /// The account that the command is about, which must be in the world to decide it.
            #[must_use]
            pub fn account(&self) -> Option<AccountId> {
                match self {
                    $(Self::$name(command) => commands!(@account command $($account)?),)*
                }
            }

            fn apply_rule(&self, draft: &mut Draft) -> Result<(), Rejection> {
                match self { $(Self::$name(command) => command.decide(draft),)* }
            }
        }
    };
    (@account $command:ident) => {{ let _ = $command; None }};
    (@account $command:ident $account:ident) => { Some($command.$account) };
}

commands! {
    /// Open the book.
    OpenBook;
    /// Change the seller's particulars.
    ReviseSeller;
    /// Adopt another billing policy.
    AdoptPolicy;
    /// Adopt tax rules.
    AdoptTaxRules;
    /// Adopt other ways of paying by hand.
    AdoptPaymentMethods;
    /// Switch a feature on or off.
    SwitchFeature;
    /// Advance a sandbox ledger's clock.
    AdvanceClock;
    /// Close an accounting period.
    ClosePeriod;
    /// Put a coupon on offer.
    OfferCoupon;
    /// Take a coupon off offer.
    WithdrawCoupon;
    /// Put a plan on offer.
    PublishPlan;
    /// Give a plan new terms.
    RevisePlan;
    /// Change some of a plan's terms.
    EditPlan;
    /// Take a plan off the shelf.
    RetirePlan;
    /// Ask that a plan's limits reach its subscribers.
    ReapplyLimits;
    /// Make an API key.
    IssueKey;
    /// Stop an API key.
    RevokeKey;
    /// Put another key in the place of one.
    RotateKey;
    /// Open a session for a user.
    OpenSession;
    /// Close a session, or all of a user's.
    CloseSessions;
    /// Open an account.
    OpenAccount of account_id;
    /// Change whom invoices are made out to.
    ReviseBillingDetails of account_id;
    /// Bill a parked account again.
    ReleaseAccount of account_id;
    /// Order a new subscription.
    PlaceOrder of account_id;
    /// Order a plan, or the change to it.
    OrderPlan of account_id;
    /// Cancel an order that nobody has paid.
    CancelOrder of account_id;
    /// Give an order up, paid or not.
    GiveUpOrder of account_id;
    /// Record that a processor waits for an order's payment.
    StartCheckout of account_id;
    /// Record that a processor took the money.
    ConfirmPayment of account_id;
    /// Record that an order waits for a payment by hand.
    StartManualCheckout of account_id;
    /// Record that a customer says the money is on its way.
    MarkPaymentSent of account_id;
    /// Record that the money of an order came by hand.
    ConfirmManualPayment of account_id;
    /// Record that the money of an order never came.
    RejectPayment of account_id;
    /// Give a customer a plan.
    ApplyPlan of account_id;
    /// Take a customer's plan away.
    CancelPlan of account_id;
    /// Move the subscription to another plan or cycle, now.
    ChangePlan of account_id;
    /// End the subscription, with its period or now.
    CancelSubscription of account_id;
    /// Take a cancellation back.
    ResumeSubscription of account_id;
    /// Give the subscription limits of its own.
    CustomiseLimits of account_id;
    /// Move the subscription to its plan's current limits.
    ReapplyLimitsTo of account_id;
    /// Report what is used of a limit.
    ReportUsage of account_id;
    /// Set room aside under a limit.
    ReserveUsage of account_id;
    /// Give room back that was set aside.
    ReleaseUsage of account_id;
    /// Give the account credit.
    GrantCredit of account_id;
    /// Give up what is due on an invoice.
    WriteOff of account_id;
    /// Take an invoice back, or part of it.
    CreditInvoice of account_id;
    /// Undo a wrong adjustment.
    UndoAdjustment of account_id;
    /// Record that a processor runs the subscription of an order.
    LinkSubscription of account_id;
    /// Record that a processor took money for a subscription that it runs.
    RenewByProcessor of account_id;
    /// Take a processor's word on how a subscription that it runs stands.
    FollowProcessor of account_id;
    /// Record what a processor answered to a plan change.
    SettlePlanChange of account_id;
    /// Several changes of a subscription, all or nothing.
    AmendSubscription of account_id;
    /// Give money back by the refund policy.
    RequestRefund of account_id;
    /// Record what the processor said to a refund.
    RecordRefund of account_id;
    /// Record what a processor kept of a payment.
    RecordFee of account_id;
    /// Record that a payment did not come about.
    RecordPaymentFailure of account_id;
    /// Record a refund that nobody had asked for here.
    RecordOutsideRefund of account_id;
    /// Record how much of a payment has gone back, all in all.
    RecordRefundedInAll of account_id;
    /// Record how a dispute stands.
    RecordDispute of account_id;
    /// Record that a document was printed, and in which bytes.
    RecordDocument of account_id;
    /// Record what has fallen due.
    SettleDue of account_id;
}

impl Command {
    /// Decides the command: records its events in the draft, or refuses.
    ///
    /// Where billing the account would break a safety bound, or what fell due on it cannot be
    /// billed, the account is parked, and nothing is billed.
    ///
    /// # Errors
    /// The rejection; the draft is then of no use any more.
    pub fn decide(&self, draft: &mut Draft) -> Result<(), Rejection> {
        let opens_the_book = matches!(self, Self::OpenBook(_));
        if draft.world().book.opened.is_none() && !opens_the_book {
            return Err(Rejection::BookNotOpen);
        }
        let Some(account) = self.account().filter(|id| draft.world().account(*id).is_some()) else {
            return self.apply_rule(draft);
        };
        match due::settle(draft, account, self.until()) {
            Err(fault) if fault.kind() != Kind::Internal => self.park(draft, account, &fault),
            Err(fault) => Err(fault),
            Ok(()) => match self.apply_rule(draft) {
                Err(fault @ Rejection::TooManyInvoiceLines { .. }) => {
                    self.park(draft, account, &fault)
                }
                decided => decided,
            },
        }?;
        let at = self.until().unwrap_or(draft.now());
        billing::pay_what_is_open(draft, account, at)
    }

    /// Parks an account whose billing failed. The command is then decided on the parked account, so
    /// that money that has arrived is booked; where it is refused there, the parking stands alone.
    fn park(
        &self,
        draft: &mut Draft,
        account: AccountId,
        fault: &Rejection,
    ) -> Result<(), Rejection> {
        draft.restart();
        let parked = AccountParked { code: fault.code().to_owned(), detail: fault.to_string() };
        draft.record(StreamId::Account(account), parked)?;
        let mut on_parked = draft.clone();
        if self.apply_rule(&mut on_parked).is_ok() {
            *draft = on_parked;
        }
        Ok(())
    }

    /// Up to when what has fallen due is recorded first; `None` is now.
    fn until(&self) -> Option<Timestamp> {
        if let Self::SettleDue(command) = self { command.until } else { None }
    }
}
