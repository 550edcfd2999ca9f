//! Commands: what may be asked of the ledger. One command, one file: its rule, its rejections,
//! its given/when/then tests.
//!
//! [`Command::decide`] is pure. A command on an account first records whatever has fallen due on
//! it, so a race between a command and the calendar has one outcome.

mod amend_subscription;
mod billing;
mod cancel_subscription;
mod change_plan;
mod confirm_payment;
mod customise_limits;
mod due;
mod issue_key;
mod open_account;
mod open_book;
mod place_order;
mod publish_plan;
mod record_refund;
mod request_refund;
mod resume_subscription;
mod retire_plan;
mod revise_billing_details;
mod revise_plan;
mod revoke_key;
mod start_checkout;

pub use self::{
    amend_subscription::AmendSubscription,
    cancel_subscription::CancelSubscription,
    change_plan::ChangePlan,
    confirm_payment::ConfirmPayment,
    customise_limits::CustomiseLimits,
    due::SettleDue,
    issue_key::IssueKey,
    open_account::OpenAccount,
    open_book::OpenBook,
    place_order::PlaceOrder,
    publish_plan::PublishPlan,
    record_refund::{RecordRefund, RefundOutcome},
    request_refund::RequestRefund,
    resume_subscription::ResumeSubscription,
    retire_plan::RetirePlan,
    revise_billing_details::ReviseBillingDetails,
    revise_plan::RevisePlan,
    revoke_key::RevokeKey,
    start_checkout::StartCheckout,
};
use crate::{draft::Draft, ids::AccountId, rejection::Rejection};

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
    /// Put a plan on offer.
    PublishPlan;
    /// Give a plan new terms.
    RevisePlan;
    /// Take a plan off the shelf.
    RetirePlan;
    /// Make an API key.
    IssueKey;
    /// Stop an API key.
    RevokeKey;
    /// Open an account.
    OpenAccount of account_id;
    /// Change whom invoices are made out to.
    ReviseBillingDetails of account_id;
    /// Order a new subscription.
    PlaceOrder of account_id;
    /// Record that a processor waits for an order's payment.
    StartCheckout of account_id;
    /// Record that a processor took the money.
    ConfirmPayment of account_id;
    /// Move the subscription to another plan or cycle, now.
    ChangePlan of account_id;
    /// End the subscription, with its period or now.
    CancelSubscription of account_id;
    /// Take a cancellation back.
    ResumeSubscription of account_id;
    /// Give the subscription limits of its own.
    CustomiseLimits of account_id;
    /// Several changes of a subscription, all or nothing.
    AmendSubscription of account_id;
    /// Give money back by the refund policy.
    RequestRefund of account_id;
    /// Record what the processor said to a refund.
    RecordRefund of account_id;
    /// Record what has fallen due.
    SettleDue of account_id;
}

impl Command {
    /// Decides the command: records its events in the draft, or refuses.
    ///
    /// # Errors
    /// The rejection; the draft is then of no use any more.
    pub fn decide(&self, draft: &mut Draft) -> Result<(), Rejection> {
        let opens_the_book = matches!(self, Self::OpenBook(_));
        if draft.world().book.opened.is_none() && !opens_the_book {
            return Err(Rejection::BookNotOpen);
        }
        if let Some(account) = self.account()
            && draft.world().account(account).is_some()
        {
            due::settle(draft, account)?;
        }
        self.apply_rule(draft)
    }
}
