//! Events of an account's stream, by what they are about.
//!
//! Each keeps the facts of the decision and its inputs, and everything that a view of it shows, so
//! that no projection ever has to look elsewhere.

use super::{
    CreditEvent, InvoiceEvent, OrderEvent, PaymentEvent, ProfileEvent, SubscriptionEvent,
    UsageEvent, groups,
};

groups! {
    /// What happened to an account.
    #[expect(clippy::large_enum_variant, reason = "events live behind an Arc, one each")]
    AccountEvent {
        /// Whose account it is, and whether it is billed.
        Profile(ProfileEvent),
        /// What somebody asked to pay.
        Order(OrderEvent),
        /// Money that came and went.
        Payment(PaymentEvent),
        /// The right to a plan, period after period.
        Subscription(SubscriptionEvent),
        /// What was billed, and taken back.
        Invoice(InvoiceEvent),
        /// Account credit and adjustments.
        Credit(CreditEvent),
        /// What is used of the plan's limits.
        Usage(UsageEvent),
    }
}
