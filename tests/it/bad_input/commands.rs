//! Requests that are well formed and make no sense in the state that they meet.

use super::scene::{
    Row, Scene,
    State::{
        Cancelling, CancellingDay40, Free, Fresh, InPounds, Ordered, Refunded, Subscribed,
        SubscribedDay16, YearlyDay31,
    },
};

const CHECKOUT: &str = "POST /api/billing/checkout";
const CONFIRM: &str = "POST /api/billing/checkout/confirm";
const CHANGE: &str = "POST /api/billing/plan-change";
const PREVIEW: &str = "POST /api/billing/plan-change/preview";
const CANCEL: &str = "POST /api/billing/cancel";
const RESUME: &str = "POST /api/billing/resume";
const REFUND: &str = "POST /api/refunds";
const OPEN: &str = "ledger POST /api/accounts";
const PATCH: &str = "super PATCH /api/billing/subscription/{sub}";

#[rustfmt::skip]
const ORDERS: &[Row] = &[
    ("unknown plan", Fresh, CHECKOUT, r#"{"planId":"nope","billingCycle":"monthly"}"#, "404 plan_unknown"),
    ("no plan", Fresh, CHECKOUT, r#"{"planId":"","billingCycle":"monthly"}"#, "404 plan_unknown"),
    ("plan with a long name", Fresh, CHECKOUT, r#"{"planId":"{501}","billingCycle":"monthly"}"#, "404 plan_unknown"),
    ("retired plan", Fresh, CHECKOUT, r#"{"planId":"old","billingCycle":"monthly"}"#, "409 plan_retired"),
    ("custom price", Fresh, CHECKOUT, r#"{"planId":"enterprise","billingCycle":"monthly"}"#, "409 plan_price_custom"),
    ("no price in pounds", InPounds, CHECKOUT, r#"{"planId":"pro","billingCycle":"monthly"}"#, "409 currency_mismatch"),
    ("cycle that is none", Fresh, CHECKOUT, r#"{"planId":"pro","billingCycle":"weekly"}"#, "422 billing_cycle_invalid"),
    ("cycle in capitals", Fresh, CHECKOUT, r#"{"planId":"pro","billingCycle":"Monthly"}"#, "422 billing_cycle_invalid"),
    ("cycle not sold", Fresh, CHECKOUT, r#"{"planId":"free","billingCycle":"yearly"}"#, "409 billing_cycle_unavailable"),
    ("second subscription", Subscribed, CHECKOUT, r#"{"planId":"starter","billingCycle":"monthly"}"#, "409 subscription_exists"),
    ("second while ending", Cancelling, CHECKOUT, r#"{"planId":"starter","billingCycle":"monthly"}"#, "409 subscription_exists"),
    ("coupon", Fresh, CHECKOUT, r#"{"planId":"pro","billingCycle":"monthly","couponCode":"SAVE10"}"#, "404 coupon_unknown"),
    ("empty coupon", Fresh, CHECKOUT, r#"{"planId":"pro","billingCycle":"monthly","couponCode":""}"#, "404 coupon_unknown"),
    ("for no account", Fresh, "ledger POST /api/billing/checkout", r#"{"planId":"pro","billingCycle":"monthly"}"#, "400 account_header_required"),
];

#[rustfmt::skip]
const CONFIRMATIONS: &[Row] = &[
    ("wrong signature", Ordered, CONFIRM, r#"{"paymentId":"{payment}","orderId":"{order}","signature":"00"}"#, "400 signature_invalid"),
    ("no signature", Ordered, CONFIRM, r#"{"paymentId":"{payment}","orderId":"{order}","signature":""}"#, "400 signature_invalid"),
    ("another order's signature", Ordered, CONFIRM, r#"{"paymentId":"{payment}","orderId":"{order}","signature":"{foreign_signature}"}"#, "400 signature_invalid"),
    ("another order's payment", Ordered, CONFIRM, r#"{"paymentId":"{foreign_payment}","orderId":"{order}","signature":"{foreign_signature}"}"#, "400 signature_invalid"),
    ("another payment's signature", Ordered, CONFIRM, r#"{"paymentId":"{payment}","orderId":"{order}","signature":"{signature_2}"}"#, "400 signature_invalid"),
    ("no payment", Ordered, CONFIRM, r#"{"paymentId":"","orderId":"{order}","signature":"{signature}"}"#, "400 invalid_request"),
    ("a payment too long", Ordered, CONFIRM, r#"{"paymentId":"{201}","orderId":"{order}","signature":"{signature}"}"#, "400 invalid_request"),
    ("foreign order", Ordered, CONFIRM, r#"{"paymentId":"{foreign_payment}","orderId":"{foreign_order}","signature":"{foreign_signature}"}"#, "404 order_unknown"),
    ("unknown order", Ordered, CONFIRM, r#"{"paymentId":"{payment}","orderId":"{missing_order}","signature":"{signature}"}"#, "404 order_unknown"),
    ("the same payment again", Subscribed, CONFIRM, r#"{"paymentId":"{payment}","orderId":"{order}","signature":"{signature}"}"#, "409 payment_already_confirmed"),
    ("paying a paid invoice", Subscribed, "POST /api/billing/invoices/{invoice}/checkout", "", "409 invoice_not_open"),
    ("paying what is no invoice", Subscribed, "POST /api/billing/invoices/{sub}/checkout", "", "404 not_found"),
];

#[rustfmt::skip]
const CHANGES: &[Row] = &[
    ("same plan", Subscribed, CHANGE, r#"{"planId":"pro"}"#, "409 plan_unchanged"),
    ("same plan and cycle", Subscribed, CHANGE, r#"{"planId":"pro","billingCycle":"monthly"}"#, "409 plan_unchanged"),
    ("preview of the same plan", Subscribed, PREVIEW, r#"{"planId":"pro"}"#, "409 plan_unchanged"),
    ("change while cancelling", Cancelling, CHANGE, r#"{"planId":"business"}"#, "409 cancellation_pending"),
    ("preview while cancelling", Cancelling, PREVIEW, r#"{"planId":"business"}"#, "409 cancellation_pending"),
    ("change without a subscription", Fresh, CHANGE, r#"{"planId":"business"}"#, "404 no_subscription"),
    ("change after a refund", Refunded, CHANGE, r#"{"planId":"business"}"#, "404 no_subscription"),
    ("change to an unknown plan", Subscribed, CHANGE, r#"{"planId":"nope"}"#, "404 plan_unknown"),
    ("change to a retired plan", Subscribed, CHANGE, r#"{"planId":"old"}"#, "409 plan_retired"),
    ("change to a custom price", Subscribed, CHANGE, r#"{"planId":"enterprise"}"#, "409 plan_price_custom"),
    ("change to a bad cycle", Subscribed, CHANGE, r#"{"planId":"business","billingCycle":"daily"}"#, "422 billing_cycle_invalid"),
    ("change to a cycle not sold", Subscribed, CHANGE, r#"{"planId":"free","billingCycle":"yearly"}"#, "409 billing_cycle_unavailable"),
    ("cancel twice", Cancelling, CANCEL, "", "409 cancellation_already_scheduled"),
    ("cancel without a subscription", Fresh, CANCEL, "", "404 no_subscription"),
    ("cancel by a word", Subscribed, CANCEL, r#"{"atPeriodEnd":"yes"}"#, "400 json_shape"),
    ("cancel for a long reason", Subscribed, CANCEL, r#"{"reason":"{501}"}"#, "400 invalid_request"),
    ("cancel with a bell", Subscribed, CANCEL, r#"{"reason":"a\u0007b"}"#, "400 invalid_request"),
    ("resume after the period", CancellingDay40, RESUME, "", "409 resume_after_period"),
    ("resume what is not cancelled", Subscribed, RESUME, "", "409 not_cancelled"),
    ("resume without a subscription", Fresh, RESUME, "", "404 no_subscription"),
    ("resume after a refund", Refunded, RESUME, "", "409 resume_not_possible"),
    ("a change of nothing", Subscribed, PATCH, "{}", "422 nothing_to_change"),
    ("a limit's name", Subscribed, PATCH, r#"{"limits":{"max servers":1}}"#, "422 limits_invalid"),
    ("a limit's size", Subscribed, PATCH, r#"{"limits":{"max_servers":1000000000001}}"#, "422 limits_invalid"),
    ("a limit below nothing", Subscribed, PATCH, r#"{"limits":{"max_servers":-1}}"#, "400 json_shape"),
    ("limits as they are", Subscribed, PATCH, r#"{"limits":{"max_servers":15}}"#, "422 nothing_to_change"),
    ("all or nothing", Cancelling, PATCH, r#"{"limits":{"max_servers":9},"cancelAtPeriodEnd":true}"#, "409 cancellation_already_scheduled"),
    ("plan of an ending one", Cancelling, PATCH, r#"{"planId":"business"}"#, "409 cancellation_pending"),
    ("change by the owner", Subscribed, "PATCH /api/billing/subscription/{sub}", r#"{"planId":"business"}"#, "403 forbidden"),
];

#[rustfmt::skip]
const REFUNDS: &[Row] = &[
    ("more than came in", Subscribed, REFUND, r#"{"amount":"15.01","reason":"r"}"#, "409 refund_exceeds_captured"),
    ("more than the policy grants", SubscribedDay16, REFUND, r#"{"amount":"14.99","reason":"r"}"#, "409 refund_exceeds_eligible"),
    ("after day 30", YearlyDay31, REFUND, r#"{"reason":"r"}"#, "409 refund_window_closed"),
    ("a part after day 30", YearlyDay31, REFUND, r#"{"amount":"1","reason":"r"}"#, "409 refund_window_closed"),
    ("twice", Refunded, REFUND, r#"{"reason":"r"}"#, "409 nothing_to_refund"),
    ("of nothing paid", Free, REFUND, r#"{"reason":"r"}"#, "409 nothing_to_refund"),
    ("without a subscription", Fresh, REFUND, r#"{"reason":"r"}"#, "404 no_subscription"),
    ("without a reason", Subscribed, REFUND, "{}", "400 json_missing_field"),
    ("an empty reason", Subscribed, REFUND, r#"{"reason":""}"#, "422 reason_required"),
    ("a blank reason", Subscribed, REFUND, r#"{"reason":"  "}"#, "422 reason_required"),
    ("a long reason", Subscribed, REFUND, r#"{"reason":"{501}"}"#, "400 invalid_request"),
    ("override by the owner", Subscribed, REFUND, r#"{"reason":"r","override":true}"#, "403 forbidden"),
    ("override without a reason", YearlyDay31, "super POST /api/refunds", r#"{"reason":"","override":true}"#, "422 reason_required"),
    ("override beyond what came in", YearlyDay31, "super POST /api/refunds", r#"{"amount":"150.01","reason":"r","override":true}"#, "409 refund_exceeds_captured"),
    ("another currency", Subscribed, REFUND, r#"{"amount":"1","currency":"EUR","reason":"r"}"#, "422 currency_mismatch"),
    ("a currency that is none", Subscribed, REFUND, r#"{"amount":"1","currency":"XYZ","reason":"r"}"#, "422 currency_unknown"),
    ("a currency in small letters", Subscribed, REFUND, r#"{"amount":"1","currency":"usd","reason":"r"}"#, "422 currency_unknown"),
    ("an amount as a number", Subscribed, REFUND, r#"{"amount":1.5,"reason":"r"}"#, "400 json_shape"),
    ("an unknown currency alone", Subscribed, REFUND, r#"{"currency":"XYZ","reason":"r"}"#, "422 currency_unknown"),
    ("another currency alone", Subscribed, REFUND, r#"{"currency":"EUR","reason":"r"}"#, "422 currency_mismatch"),
];

#[rustfmt::skip]
const ACCOUNTS: &[Row] = &[
    ("unknown currency", Fresh, OPEN, r#"{"currency":"ABC"}"#, "422 currency_unknown"),
    ("long currency", Fresh, OPEN, r#"{"currency":"{501}"}"#, "422 currency_unknown"),
    ("unknown zone", Fresh, OPEN, r#"{"currency":"USD","time_zone":"Mars/Olympus"}"#, "422 time_zone_unknown"),
    ("empty external id", Fresh, OPEN, r#"{"currency":"USD","external_id":""}"#, "422 external_id_invalid"),
    ("long external id", Fresh, OPEN, r#"{"currency":"USD","external_id":"{201}"}"#, "422 external_id_invalid"),
    ("bell in an external id", Fresh, OPEN, r#"{"currency":"USD","external_id":"a\u0007"}"#, "422 external_id_invalid"),
    ("bell in a name", Fresh, OPEN, r#"{"currency":"USD","billing":{"name":"a\u0007"}}"#, "422 billing_details_invalid"),
    ("line feed in a city", Fresh, OPEN, r#"{"currency":"USD","billing":{"city":"a\nb"}}"#, "422 billing_details_invalid"),
    ("long name", Fresh, OPEN, r#"{"currency":"USD","billing":{"name":"{301}"}}"#, "422 billing_details_invalid"),
    ("country in words", Fresh, OPEN, r#"{"currency":"USD","billing":{"country":"Britain"}}"#, "422 billing_details_invalid"),
    ("unknown detail", Fresh, OPEN, r#"{"currency":"USD","billing":{"shoe":"9"}}"#, "400 json_unknown_field"),
    ("details by position", Fresh, OPEN, r#"{"currency":"USD","billing":["Ada"]}"#, "400 json_shape"),
    ("no currency", Fresh, OPEN, "{}", "400 json_missing_field"),
    ("opened by an owner", Fresh, "POST /api/accounts", r#"{"currency":"USD"}"#, "403 forbidden"),
    ("opened twice", Fresh, OPEN, r#"{"currency":"USD","external_id":"user-0"}"#, "409 account_exists"),
];

#[tokio::test(flavor = "multi_thread")]
async fn an_order_that_cannot_be_is_refused_by_its_code() {
    let scene = Scene::start().await;
    scene.check(ORDERS).await;
    scene.check(CONFIRMATIONS).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_that_the_state_does_not_allow_is_refused_by_its_code() {
    Scene::start().await.check(CHANGES).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refund_beyond_the_policy_is_refused_by_its_code() {
    Scene::start().await.check(REFUNDS).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_cannot_be_is_refused_by_its_code() {
    Scene::start().await.check(ACCOUNTS).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_amount_is_plain_digits_within_bounds_or_refused() {
    const AMOUNTS: [(&str, &[&str]); 4] = [
        ("422 amount_too_precise", &["1.005", "0.001", "1.000"]),
        (
            "422 amount_malformed",
            &[
                "", " ", "1_0", "1e3", "+1", ".5", "1.", "1,5", " 1", "1 ", "--1", "1.-1", "0x1",
                "NaN", "inf", "1.0.0", "١", "１", "$1", "1 USD",
            ],
        ),
        ("422 amount_not_positive", &["0", "0.00", "-0", "-5", "-0.01"]),
        (
            "422 amount_too_large",
            &["10000000000000.01", "99999999999999999", "-99999999999999999999999999999999999999"],
        ),
    ];
    let scene = Scene::start().await;
    let (customer, _) = scene.enter(Subscribed).await;
    let before = scene.test.log_position().await;
    for (expected, amounts) in AMOUNTS {
        for amount in amounts {
            let body = serde_json::json!({ "amount": amount, "reason": "r" });
            let answer = scene.test.post("/api/refunds", &customer.key, &body).await;
            assert_eq!(super::scene::refusal(&answer, expected), Ok(()), "{amount:?}");
        }
    }
    assert_eq!(scene.test.log_position().await, before);
}
