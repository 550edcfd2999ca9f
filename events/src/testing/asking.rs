//! Commands with good defaults, on the test account.

use chrono_tz::Tz;
use uuid::Uuid;

use super::Given;
use crate::{
    commands::*,
    coupon::{CouponDuration, CouponTerms, CouponValue},
    event::{
        AccountEvent, BookKind, BookOpened, DocumentOf, DocumentRendered, Event, InvoiceEvent,
        PaymentMethod, PaymentMethodKind, PlanTerms, Price, Printing, Role,
    },
    ids::{AccountId, Id, KeyId},
    money::{Currency, Money},
    period::Cycle,
    personal::{Party, Personal},
    policy::Policy,
    tax::{Elsewhere, TaxRate, TaxRules},
};

/// The test account's id.
#[must_use]
pub fn account_id() -> AccountId {
    AccountId::from_uuid(Uuid::from_u128(1))
}

/// An account that is not the test account; nobody has opened it.
#[must_use]
pub fn another_account_id() -> AccountId {
    AccountId::from_uuid(Uuid::from_u128(2))
}

/// An amount in US dollars.
#[must_use]
pub fn usd(amount: &str) -> Money {
    Money::parse(amount, Currency::USD).unwrap()
}

/// A customer of this name.
#[must_use]
pub fn personal(name: &str) -> Personal {
    Personal(Party { name: name.into(), country: "GB".into(), ..Party::default() })
}

/// A sandbox book of a seller in UTC.
#[must_use]
pub fn open_book() -> OpenBook {
    let seller = Party { name: "Example Hosting".into(), ..Party::default() };
    let opened = BookOpened {
        kind: BookKind::Sandbox,
        seller,
        time_zone: Tz::UTC,
        financial_year_start_month: 1,
    };
    OpenBook { opened, without: Vec::new() }
}

/// The test account, in US dollars and UTC.
#[must_use]
pub fn open_account() -> OpenAccount {
    OpenAccount {
        account_id: account_id(),
        external_id: None,
        currency: Currency::USD,
        zone: Tz::UTC,
        billing: personal("Ada Lovelace"),
    }
}

/// Terms at a monthly price in US dollars.
#[must_use]
pub fn terms(slug: &str, price: &str) -> PlanTerms {
    PlanTerms {
        name: format!("Plan {slug}"),
        plan_type: "paid".into(),
        description: String::new(),
        prices: vec![Price { cycle: Cycle::Monthly, amount: usd(price) }],
        custom_price: false,
        trial_days: 0,
        limits: [("max_servers".to_owned(), Some(5))].into(),
        features: Default::default(),
        hidden: false,
    }
}

/// A plan at a monthly price in US dollars.
#[must_use]
pub fn publish(slug: &str, price: &str) -> PublishPlan {
    PublishPlan { slug: slug.into(), terms: terms(slug, price) }
}

/// The same plan at another price.
#[must_use]
pub fn revise(slug: &str, price: &str) -> RevisePlan {
    let mut terms = terms(slug, price);
    if slug == "pro" {
        terms.prices.push(Price { cycle: Cycle::Yearly, amount: usd("150") });
        terms.limits.insert("max_servers".into(), Some(15));
    }
    RevisePlan { plan: slug.into(), terms }
}

/// The plan off the shelf.
#[must_use]
pub fn retire(slug: &str) -> RetirePlan {
    RetirePlan { plan: slug.into() }
}

/// A key of a role for the whole ledger.
#[must_use]
pub fn issue_key(role: Role) -> IssueKey {
    IssueKey {
        label: "test".into(),
        role,
        reach: None,
        prefix: "dbk_test".into(),
        hash: "00".repeat(32),
        expires_at: None,
    }
}

/// A session of the super admin's for an hour, by a key that may open it; `hash` is its token's.
#[must_use]
pub fn open_session(key_id: KeyId, hash: &str) -> OpenSession {
    OpenSession {
        key_id,
        reach: None,
        user: "somebody".into(),
        role: Role::SuperAdmin,
        hash: hash.into(),
        ttl_seconds: 3600,
    }
}

/// An order for `pro`, monthly.
#[must_use]
pub fn place_order() -> PlaceOrder {
    let cycle = Cycle::Monthly;
    let (price, coupon, merchant_of_record) = (None, None, None);
    let (account_id, plan) = (account_id(), "pro".into());
    PlaceOrder { account_id, plan, cycle, price, coupon, merchant_of_record }
}

/// A bank transfer, as a way of paying by hand.
#[must_use]
pub fn bank_transfer() -> PaymentMethod {
    PaymentMethod {
        id: "bank".into(),
        kind: PaymentMethodKind::BankTransfer,
        label: "Bank transfer".into(),
        address: Some("GB33BUKB20201555555555".into()),
        instructions: Some("Write the reference on the transfer".into()),
        ..PaymentMethod::built_in()
    }
}

/// A payment of a checkout, by the processor's ids.
#[must_use]
pub fn confirm(processor_order_id: &str, processor_payment_id: &str) -> ConfirmPayment {
    ConfirmPayment {
        account_id: account_id(),
        processor_order_id: processor_order_id.into(),
        processor_payment_id: processor_payment_id.into(),
        amount: None,
        merchant: None,
    }
}

/// A move to another plan, same cycle.
#[must_use]
pub fn change_plan(slug: &str) -> ChangePlan {
    ChangePlan {
        account_id: account_id(),
        plan: Some(slug.into()),
        cycle: None,
        price: None,
        at_period_end: false,
        preview: None,
    }
}

/// A cancellation.
#[must_use]
pub fn cancel(at_period_end: bool) -> CancelSubscription {
    CancelSubscription { account_id: account_id(), at_period_end }
}

/// A cancellation taken back.
#[must_use]
pub fn resume() -> ResumeSubscription {
    ResumeSubscription { account_id: account_id() }
}

/// A refund of everything, or of an amount in US dollars.
#[must_use]
pub fn refund(amount: Option<&str>) -> RequestRefund {
    RequestRefund {
        account_id: account_id(),
        amount: amount.map(usd),
        reason: "customer_request".into(),
        override_policy: false,
    }
}

/// What has fallen due.
#[must_use]
pub fn settle_due() -> SettleDue {
    SettleDue { account_id: account_id(), until: None }
}

/// An order for a plan, monthly.
#[must_use]
pub fn order_of(plan: &str) -> PlaceOrder {
    PlaceOrder { plan: plan.into(), ..place_order() }
}

/// An order for `pro` with a coupon.
#[must_use]
pub fn order_with(coupon: &str) -> PlaceOrder {
    PlaceOrder { coupon: Some(coupon.into()), ..place_order() }
}

/// Terms of a coupon that takes a percentage off every period of any plan, without bounds.
#[must_use]
pub fn coupon_terms(percent: &str) -> CouponTerms {
    CouponTerms {
        value: CouponValue::Percent(percent.parse().unwrap()),
        duration: CouponDuration::Forever,
        plans: Vec::new(),
        max_redemptions: None,
        max_per_account: None,
        valid_from: None,
        expires_at: None,
    }
}

/// A coupon that takes a percentage off every period of any plan, without bounds.
#[must_use]
pub fn offer(code: &str, percent: &str) -> OfferCoupon {
    offer_on(code, coupon_terms(percent))
}

/// A coupon on these terms.
#[must_use]
pub fn offer_on(code: &str, terms: CouponTerms) -> OfferCoupon {
    OfferCoupon { code: code.parse().unwrap(), terms }
}

/// The coupon off offer.
#[must_use]
pub fn withdraw(code: &str) -> WithdrawCoupon {
    WithdrawCoupon { code: code.parse().unwrap() }
}

/// A billing policy.
#[must_use]
pub fn adopt(policy: Policy) -> AdoptPolicy {
    AdoptPolicy { policy }
}

/// Tax rules of one country, called VAT, that refuse every other.
#[must_use]
pub fn tax_rules(country: &str, percent: &str, inclusive: bool) -> AdoptTaxRules {
    let rate = TaxRate {
        country: country.into(),
        region: None,
        name: "VAT".into(),
        percent: percent.parse().unwrap(),
        inclusive,
    };
    AdoptTaxRules { rules: TaxRules { elsewhere: Elsewhere::Refused, rates: vec![rate] } }
}

/// The plan with free days for those who come to it.
#[must_use]
pub fn with_trial(slug: &str, days: u32) -> RevisePlan {
    let mut command = revise(slug, if slug == "pro" { "15" } else { "5" });
    command.terms.trial_days = days;
    command
}

/// A count of what is used of a limit.
#[must_use]
pub fn report(limit: &str, used: u64) -> ReportUsage {
    ReportUsage { account_id: account_id(), limit: limit.into(), used, settles: None }
}

/// The account, billed again.
#[must_use]
pub fn release(reason: &str) -> ReleaseAccount {
    ReleaseAccount { account_id: account_id(), reason: reason.into() }
}

/// Room for so many servers.
#[must_use]
pub fn reserve(quantity: u64) -> ReserveUsage {
    ReserveUsage { account_id: account_id(), limit: "max_servers".into(), quantity }
}

/// Credit by hand, in US dollars.
#[must_use]
pub fn grant(amount: &str) -> GrantCredit {
    GrantCredit { account_id: account_id(), amount: usd(amount), reason: "goodwill".into() }
}

/// The oldest open invoice given up.
#[must_use]
pub fn write_off(given: &Given) -> WriteOff {
    let account = given.account();
    let invoice_id = account.invoices.iter().find(|invoice| invoice.is_open()).unwrap().id;
    WriteOff { account_id: account_id(), invoice_id, reason: "cannot be collected".into() }
}

/// The newest invoice taken back, or so many US dollars of it.
#[must_use]
pub fn credit_invoice(given: &Given, amount: Option<&str>) -> CreditInvoice {
    CreditInvoice {
        account_id: account_id(),
        invoice_id: given.account().invoices.iter().last().unwrap().id,
        amount: amount.map(usd),
        reason: "billed in error".into(),
    }
}

/// The newest adjustment undone.
#[must_use]
pub fn undo(given: &Given) -> UndoAdjustment {
    let adjustment_id = given.last_adjustment();
    UndoAdjustment { account_id: account_id(), adjustment_id, reason: "mistaken".into() }
}

/// What the processor kept of a payment, in US dollars.
#[must_use]
pub fn fee(processor_payment_id: &str, service: &str, tax: &str) -> RecordFee {
    let (service, tax) = (usd(service), usd(tax));
    let processor_payment_id = processor_payment_id.into();
    RecordFee { account_id: account_id(), processor_payment_id, service, tax }
}

/// A payment of 15 US dollars that did not come about.
#[must_use]
pub fn failure(processor_order_id: &str, processor_payment_id: &str) -> RecordPaymentFailure {
    RecordPaymentFailure {
        account_id: account_id(),
        processor_order_id: processor_order_id.into(),
        processor_payment_id: processor_payment_id.into(),
        amount: usd("15"),
        reason: "BAD_REQUEST_ERROR: declined by the bank".into(),
    }
}

/// The newest invoice printed, in bytes whose hash is one digit over and over.
#[must_use]
pub fn print_invoice(given: &Given, digit: char) -> RecordDocument {
    let issued = given.events().iter().rev().find_map(|recorded| {
        let Event::Account(AccountEvent::Invoice(InvoiceEvent::InvoiceIssued(it))) =
            &recorded.event
        else {
            return None;
        };
        Some((it.invoice_id, recorded))
    });
    let (invoice_id, recorded) = issued.unwrap();
    let printing = Printing {
        press: 1,
        page_size: "a4".into(),
        language: "en".into(),
        company: None,
        logo: None,
        sac: None,
    };
    let rendered = DocumentRendered {
        document: DocumentOf::Invoice { invoice_id },
        number: recorded.number.clone().unwrap(),
        shows: recorded.position,
        sha256: digit.to_string().repeat(64),
        bytes: 20_000,
        media_type: "application/pdf".into(),
        printing,
    };
    RecordDocument { account_id: account_id(), rendered }
}

/// A refund that the processor reports, in US dollars.
#[must_use]
pub fn refunded_outside(payment: &str, refund: &str, amount: &str) -> RecordOutsideRefund {
    RecordOutsideRefund {
        account_id: account_id(),
        processor_payment_id: payment.into(),
        processor_refund_id: refund.into(),
        amount: usd(amount),
    }
}

/// So many US dollars of a payment have gone back, all in all.
#[must_use]
pub fn refunded_in_all(processor_payment_id: &str, total: &str) -> RecordRefundedInAll {
    let processor_payment_id = processor_payment_id.into();
    RecordRefundedInAll { account_id: account_id(), processor_payment_id, total: usd(total) }
}

/// A dispute of the whole of `pay_1`, 15 US dollars: a lost one takes all of it.
#[must_use]
pub fn dispute(dispute_id: &str, state: DisputeState) -> RecordDispute {
    RecordDispute {
        account_id: account_id(),
        processor_payment_id: "pay_1".into(),
        dispute_id: dispute_id.into(),
        amount: usd("15"),
        reason: "goods_not_received".into(),
        state,
        deducted: usd(if state == DisputeState::Lost { "15" } else { "0" }),
    }
}
