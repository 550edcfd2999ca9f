//! Cut connections: wherever the wire breaks, the same request under the same key brings about what
//! an uncut one does, once.
//!
//! What the sandbox has been asked is in the log, as checkouts that were started and refunds that
//! were settled, so one comparison covers both; its own books go by the same ids.

mod wire;

use std::{collections::HashMap, ops::Range};

use daybook_events::{
    Currency, Event,
    commands::{ConfirmPayment, OpenAccount, PlaceOrder, StartCheckout},
    event::{AccountEvent, OrderEvent},
    ids::{AccountId, Id, OrderId},
    period::Cycle,
    personal::Personal,
};
use futures_util::{StreamExt, stream};
use serde_json::Value;
use uuid::Uuid;

use self::wire::{Asking, Heard};
use crate::{
    bad_input::scene::Scene,
    harness::TestApp,
    idempotency::{Asked, WRITES, asked},
};

/// How many accounts are cut at the same time.
const AT_ONCE: usize = 48;

/// A request that is cut at every byte.
#[derive(Clone, Copy)]
struct Case {
    path: &'static str,
    body: &'static str,
    /// Whether the account has paid for a subscription before.
    subscribed: bool,
}

const CHECKOUT: Case = Case {
    path: "/api/billing/checkout",
    body: r#"{"planId":"pro","billingCycle":"monthly"}"#,
    subscribed: false,
};
const PLAN_CHANGE: Case =
    Case { path: "/api/billing/plan-change", body: r#"{"planId":"business"}"#, subscribed: true };
const REFUND: Case =
    Case { path: "/api/refunds", body: r#"{"amount":"1","reason":"r"}"#, subscribed: true };

/// What happened on an account: each event's type, with the amounts in it.
type Effects = Vec<(String, Vec<String>)>;

/// Opens an account by commands, which is quicker than over the wire.
async fn prepare(test: &TestApp, case: Case) -> AccountId {
    let account_id = AccountId::from_uuid(Uuid::now_v7());
    let billing = Personal::default();
    let (currency, zone) = (Currency::USD, chrono_tz::Tz::UTC);
    let open = OpenAccount { account_id, external_id: None, currency, zone, billing };
    test.submit(open).await.unwrap();
    if !case.subscribed {
        return account_id;
    }
    let (plan, cycle) = ("pro".to_owned(), Cycle::Monthly);
    let (price, coupon, merchant_of_record) = (None, None, None);
    let order = PlaceOrder { account_id, plan, cycle, price, coupon, merchant_of_record };
    let placed = test.submit(order).await.unwrap();
    let placed: Option<OrderId> = placed.events.iter().find_map(|it| match &it.event {
        Event::Account(AccountEvent::Order(OrderEvent::OrderPlaced(it))) => Some(it.order_id),
        _ => None,
    });
    let (order_id, processor) = (placed.unwrap(), "sandbox".to_owned());
    let processor_order_id = order_id.to_string();
    let (paid, payment) = (processor_order_id.clone(), format!("pay_{order_id}"));
    test.submit(StartCheckout {
        account_id,
        order_id,
        processor,
        processor_order_id,
        returns: Default::default(),
        merchant_of_record: false,
    })
    .await
    .unwrap();
    let confirm = ConfirmPayment {
        account_id,
        processor_order_id: paid,
        processor_payment_id: payment,
        amount: None,
        merchant: None,
    };
    test.submit(confirm).await.unwrap();
    account_id
}

fn asking(test: &TestApp, case: Case, account: AccountId, key: &str) -> Asking {
    let asked = Asked {
        method: "POST",
        path: case.path.to_owned(),
        api_key: test.super_key.clone(),
        account: Some(account.to_string()),
        body: case.body.to_owned(),
    };
    Asking::new(test.address, &asked, key)
}

/// What has happened on every account.
async fn effects(test: &TestApp) -> HashMap<String, Effects> {
    let sql = "select stream, type, payload::text from events
               where stream like 'account:%' order by position";
    let rows: Vec<(String, String, String)> =
        sqlx::query_as(sql).fetch_all(test.app.pool()).await.unwrap();
    let mut effects = HashMap::<_, Effects>::new();
    for (stream, type_name, payload) in rows {
        let mut amounts = Vec::new();
        collect_amounts(&serde_json::from_str(&payload).unwrap(), &mut amounts);
        let account = stream.trim_start_matches("account:").to_owned();
        effects.entry(account).or_default().push((type_name, amounts));
    }
    effects
}

fn collect_amounts(value: &Value, into: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            into.extend(fields.get("amount").map(Value::to_string));
            fields.values().for_each(|field| collect_amounts(field, into));
        }
        Value::Array(values) => values.iter().for_each(|value| collect_amounts(value, into)),
        _ => {}
    }
}

/// Cuts a request at points on an account each, repeats it, and tells what is not as it would be
/// uncut. A point within the request's bytes cuts the request there, and one beyond them the
/// answer.
async fn cut(test: &TestApp, case: Case, points: Option<Vec<usize>>, fresh: bool) -> Vec<String> {
    let control = prepare(test, case).await;
    let request = asking(test, case, control, "the-key");
    let uncut = request.whole().await;
    assert!(uncut.status == 200 || uncut.status == 201, "{}", uncut.text);
    let length = request.length();
    let points = points.unwrap_or_else(|| (0..=length + uncut.bytes).collect());

    let tries = stream::iter(points).map(async |point| {
        let account = prepare(test, case).await;
        let heard = asking(test, case, account, "the-key").cut_at(point).await;
        let key = if fresh { "another-key" } else { "the-key" };
        let again = asking(test, case, account, key).whole().await;
        (point, account.to_string(), heard, again)
    });
    let tried: Vec<_> = tries.buffer_unordered(AT_ONCE).collect().await;

    let effects = effects(test).await;
    let expected = &effects[&control.to_string()];
    let mut faults = Vec::new();
    for (point, account, heard, again) in tried {
        let at = format!("{} cut at {point} of {length}", case.path);
        let found = effects.get(&account).cloned().unwrap_or_default();
        if found != *expected {
            let kind = if found.len() > expected.len() { "doubled" } else { "missing" };
            faults.push(format!("{at}: {kind}: {found:?} instead of {expected:?}"));
        }
        if again.status != uncut.status {
            faults.push(format!("{at}: the repetition is told {}", again.text));
        }
        // What was heard before the cut is the beginning of what the repetition hears.
        if !again.body().starts_with(heard.body()) {
            faults.push(format!("{at}: {} and then {}", heard.text, again.text));
        }
    }
    faults
}

#[tokio::test(flavor = "multi_thread")]
async fn a_checkout_cut_at_any_byte_and_repeated_happens_once() {
    let test = TestApp::start().await;
    assert_eq!(cut(&test, CHECKOUT, None, false).await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_change_cut_at_any_byte_and_repeated_happens_once() {
    let test = TestApp::start().await;
    assert_eq!(cut(&test, PLAN_CHANGE, None, false).await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refund_cut_at_any_byte_and_repeated_happens_once() {
    let test = TestApp::start().await;
    assert_eq!(cut(&test, REFUND, None, false).await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn with_a_fresh_key_for_each_try_the_same_test_finds_doubles() {
    let test = TestApp::start().await;
    for case in [CHECKOUT, PLAN_CHANGE, REFUND] {
        let length = asking(&test, case, prepare(&test, case).await, "the-key").length();
        let within: Range<usize> = 0..length;
        // Nothing has happened before the last byte of the request, and everything after it.
        let before = within.step_by(29).collect::<Vec<_>>();
        assert_eq!(cut(&test, case, Some(before), true).await, Vec::<String>::new());
        let after: Vec<_> = (length + 1..length + 400).step_by(40).collect();
        let (points, faults) = (after.len(), cut(&test, case, Some(after), true).await);
        assert!(faults.len() >= points, "{}: {faults:#?}", case.path);
        let doubled = faults.iter().filter(|fault| fault.contains("doubled")).count();
        assert!(case.path != CHECKOUT.path || doubled == points, "{faults:#?}");
    }
}

/// The types of what was appended after a position.
async fn appended(test: &TestApp, after: i64) -> Vec<String> {
    sqlx::query_scalar("select type from events where position > $1 order by position")
        .bind(after)
        .fetch_all(test.app.pool())
        .await
        .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_other_write_cut_at_five_points_and_repeated_happens_once() {
    let scene = Scene::start().await;
    let test = &scene.test;
    let every_byte = [CHECKOUT, PLAN_CHANGE, REFUND].map(|case| case.path);
    let others = WRITES.iter().filter(|row| !every_byte.contains(&row.3));
    for (nth, row) in others.enumerate() {
        let (state, _, method, path, body, _) = row;
        let mut expected = None;
        // The first is not cut: what it brings about is what the others must.
        for point in 0..6 {
            let entered = scene.enter(*state).await;
            let asked = asked(&scene, &entered, row, body);
            let key = format!("cut-{nth}-{point}");
            let request = Asking::new(test.address, &asked, &key);
            let before = test.log_position().await;
            let length = request.length();
            let heard = match point {
                0 => Heard::default(),
                1 => request.cut_at(length / 2).await,
                2 => request.cut_at(length - 1).await,
                3 => request.cut_at(length).await,
                4 => request.cut_at(length + 1).await,
                _ => request.cut_at(length + 900).await,
            };
            let again = request.whole().await;
            assert!(matches!(again.status, 200 | 201), "{method} {path}: {}", again.text);
            let found = appended(test, before).await;
            let expected = expected.get_or_insert_with(|| found.clone());
            assert!(
                !found.is_empty() && found == *expected,
                "{method} {path} at {point}: {found:?}"
            );
            assert!(again.body().starts_with(heard.body()), "{method} {path} at {point}");
        }
    }
}
