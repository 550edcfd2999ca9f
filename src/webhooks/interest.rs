//! Which events an endpoint may hear of: the one table. A new event has no place in it until
//! somebody has decided, and until then nothing compiles.

use daybook_events::{
    Event,
    event::{
        AccessEvent, AccountEvent, BookEvent, CouponEvent, CreditEvent, InvoiceEvent, OrderEvent,
        PaymentEvent, PlanEvent, ProfileEvent, SubscriptionEvent, UsageEvent,
    },
};

/// What news is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum News {
    /// Accounts: opened, parked, released.
    Accounts,
    /// Orders, and how far they have come.
    Orders,
    /// Money that came.
    Payments,
    /// Money that goes back.
    Refunds,
    /// Money that a bank asks back.
    Disputes,
    /// The right to a plan, period after period.
    Subscriptions,
    /// What was billed.
    Invoices,
    /// What was taken back of it.
    CreditNotes,
    /// Account credit and adjustments.
    Credit,
    /// The price list.
    Plans,
    /// No news: what the panel said itself, particulars, keys and sessions, settings.
    Silent,
}

/// The groups of an account's stream, then the other streams: each event, its stored type, and what
/// it is news of.
macro_rules! table {
    (
        account { $($group:ident($of:ident) { $($event:ident $name:literal $news:ident,)* })* }
        $($stream:ident($other:ident) { $($other_event:ident $other_name:literal $other_news:ident,)* })*
    ) => {
        /// What an event is news of.
        #[must_use]
        pub fn of(event: &Event) -> News {
            match event {
                $($(Event::Account(AccountEvent::$group($of::$event(_))) => News::$news,)*)*
                $($(Event::$stream($other::$other_event(_)) => News::$other_news,)*)*
            }
        }

        /// Every stored type, and what it is news of.
        pub const TABLE: &[(&str, News)] = &[
            $($(($name, News::$news),)*)*
            $($(($other_name, News::$other_news),)*)*
        ];
    };
}

table! {
    account {
        Profile(ProfileEvent) {
            AccountOpened "account.opened" Accounts,
            // Particulars are asked for, not sent about.
            BillingDetailsRevised "account.billing_details_revised" Silent,
            AccountParked "account.parked" Accounts,
            AccountReleased "account.released" Accounts,
        }
        Order(OrderEvent) {
            OrderPlaced "order.placed" Orders,
            OrderCancelled "order.cancelled" Orders,
            OrderExpired "order.expired" Orders,
            // The addresses that a customer comes back to are between the panel and its customer.
            CheckoutStarted "checkout.started" Silent,
            PaymentSent "order.payment_sent" Orders,
        }
        Payment(PaymentEvent) {
            PaymentCaptured "payment.captured" Payments,
            RefundRequested "refund.requested" Refunds,
            RefundProcessed "refund.processed" Refunds,
            RefundFailed "refund.failed" Refunds,
            PaymentFeeCharged "payment.fee_charged" Payments,
            PaymentFailed "payment.failed" Payments,
            RefundReported "refund.reported" Refunds,
            DisputeOpened "dispute.opened" Disputes,
            DisputeClosed "dispute.closed" Disputes,
        }
        Subscription(SubscriptionEvent) {
            TrialStarted "subscription.trial_started" Subscriptions,
            SubscriptionActivated "subscription.activated" Subscriptions,
            PlanChanged "subscription.plan_changed" Subscriptions,
            PlanChangeScheduled "subscription.plan_change_scheduled" Subscriptions,
            PlanChangeWithdrawn "subscription.plan_change_withdrawn" Subscriptions,
            CancellationScheduled "subscription.cancellation_scheduled" Subscriptions,
            SubscriptionResumed "subscription.resumed" Subscriptions,
            SubscriptionRenewed "subscription.renewed" Subscriptions,
            FellPastDue "subscription.fell_past_due" Subscriptions,
            SubscriptionSuspended "subscription.suspended" Subscriptions,
            SubscriptionRecovered "subscription.recovered" Subscriptions,
            SubscriptionEnded "subscription.ended" Subscriptions,
            LimitsCustomised "subscription.limits_customised" Subscriptions,
            LimitsReapplied "subscription.limits_reapplied" Subscriptions,
            SubscriptionLinked "subscription.linked" Subscriptions,
            // What follows from a processor's word comes after it, as events of its own.
            SubscriptionFollowed "subscription.followed" Silent,
            PlanChangeRequested "subscription.plan_change_requested" Subscriptions,
        }
        Invoice(InvoiceEvent) {
            InvoiceIssued "invoice.issued" Invoices,
            InvoicePaid "invoice.paid" Invoices,
            InvoiceWrittenOff "invoice.written_off" Invoices,
            CreditNoteIssued "credit_note.issued" CreditNotes,
            // The document was news when it was issued; its file is fetched by its address.
            DocumentRendered "document.rendered" Silent,
        }
        Credit(CreditEvent) {
            CreditGranted "credit.granted" Credit,
            CreditApplied "credit.applied" Credit,
            AdjustmentUndone "adjustment.undone" Credit,
        }
        // The panel counts: it knows what it said.
        Usage(UsageEvent) {
            UsageReported "usage.reported" Silent,
            UsageReserved "usage.reserved" Silent,
            UsageReleased "usage.released" Silent,
        }
    }
    Plan(PlanEvent) {
        PlanPublished "plan.published" Plans,
        PlanRevised "plan.revised" Plans,
        PlanRetired "plan.retired" Plans,
        PlanLimitsReapplied "plan.limits_reapplied" Plans,
    }
    // Codes are as good as money to whoever reads them.
    Coupon(CouponEvent) {
        CouponOffered "coupon.offered" Silent,
        CouponRedeemed "coupon.redeemed" Silent,
        CouponReleased "coupon.released" Silent,
        CouponWithdrawn "coupon.withdrawn" Silent,
    }
    // Who may come in is nobody's news.
    Access(AccessEvent) {
        KeyIssued "key.issued" Silent,
        KeyRevoked "key.revoked" Silent,
        KeyRotated "key.rotated" Silent,
        SessionOpened "session.opened" Silent,
        SessionClosed "session.closed" Silent,
    }
    Book(BookEvent) {
        BookOpened "book.opened" Silent,
        SellerRevised "book.seller_revised" Silent,
        PolicyAdopted "book.policy_adopted" Silent,
        TaxRulesAdopted "book.tax_rules_adopted" Silent,
        ClockAdvanced "book.clock_advanced" Silent,
        PaymentMethodsAdopted "book.payment_methods_adopted" Silent,
        FeatureSwitched "book.feature_switched" Silent,
        PeriodClosed "book.period_closed" Silent,
    }
}

/// The types that an endpoint of the Standard Webhooks format may ask for.
pub fn types() -> impl Iterator<Item = &'static str> {
    TABLE.iter().filter(|(_, news)| *news != News::Silent).map(|(name, _)| *name)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_type_is_in_the_table_once_under_its_own_name() {
        let known: BTreeSet<_> = Event::types().into_iter().map(|(name, _)| name).collect();
        let listed: BTreeSet<_> = TABLE.iter().map(|(name, _)| *name).collect();
        assert_eq!(listed, known);
        assert_eq!(listed.len(), TABLE.len());
    }

    #[test]
    fn an_event_and_its_name_are_news_of_the_same() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/events");
        let mut tried = BTreeSet::new();
        for file in std::fs::read_dir(folder).unwrap() {
            let path = file.unwrap().path();
            let (name, rest) =
                path.file_name().unwrap().to_str().unwrap().split_once(".v").unwrap();
            let version = rest.split('.').next().unwrap().parse().unwrap();
            let payload = std::fs::read_to_string(&path).unwrap();
            let event = Event::decode(name, version, &payload).unwrap();
            let listed = TABLE.iter().find(|(listed, _)| *listed == name);
            assert_eq!(listed.unwrap().1, of(&event), "{name}");
            tried.insert(name.to_owned());
        }
        assert_eq!(tried.len(), TABLE.len());
    }
}
