//! The check: what a payment must have brought about, once, whoever brought the news of it.

use daybook::settlement::reconcile::Run;
use serde_json::Value;
use sqlx::PgPool;

/// An event of an account: its type and its payload.
type Told = (String, Value);

/// What is not as it must be on an account with one order and these payments for it, by the
/// processor's ids: the first pays the invoice, every other one is credit.
pub(super) async fn of_account(pool: &PgPool, account: &str, payments: &[&str]) -> Vec<String> {
    let sql = "select type, payload::text from events where stream = $1 order by position";
    let stream = format!("account:{account}");
    let rows: Vec<(String, String)> =
        sqlx::query_as(sql).bind(stream).fetch_all(pool).await.unwrap();
    let read = |(name, payload): (String, String)| (name, serde_json::from_str(&payload).unwrap());
    let told: Vec<Told> = rows.into_iter().map(read).collect();
    let faults = of_history(&told, payments);
    faults.into_iter().map(|fault| format!("{account}: {fault}")).collect()
}

/// The same of an account's events.
pub(super) fn of_history(told: &[Told], payments: &[&str]) -> Vec<String> {
    let mut faults = Vec::new();
    let mut expect = |what: &str, found: usize, expected: usize| {
        if found != expected {
            faults.push(format!("{what}: {found} times, not {expected}"));
        }
    };
    let all = |of| named(told, of);
    let count = |of| all(of).count();
    for payment in payments {
        let captured: Vec<_> = all("payment.captured")
            .filter(|it| it["processor_payment_id"] == **payment)
            .map(|it| &it["payment_id"])
            .collect();
        expect(&format!("{payment} is booked"), captured.len(), 1);
        let fees = all("payment.fee_charged").filter(|it| captured.contains(&&it["payment_id"]));
        expect(&format!("the fee of {payment} is booked"), fees.count(), 1);
    }
    expect("a payment", count("payment.captured"), payments.len());
    expect("a fee", count("payment.fee_charged"), payments.len());
    expect("an order is placed", count("order.placed"), 1);
    expect("an invoice is issued", count("invoice.issued"), 1);
    expect("an invoice is paid", count("invoice.paid"), 1);
    expect("a subscription begins", count("subscription.activated"), 1);
    expect("credit is granted", count("credit.granted"), payments.len() - 1);
    expect("a refund", count("refund.requested"), 0);
    faults
}

fn named<'t>(told: &'t [Told], of: &'static str) -> impl Iterator<Item = &'t Value> {
    told.iter().filter(move |(name, _)| name == of).map(|(_, payload)| payload)
}

/// What is not as it must be in the inbox: of an order's so many messages each is kept once, and
/// nothing waits, nor is anything kept aside.
pub(super) async fn of_inbox(pool: &PgPool, order: &str, messages: usize) -> Vec<String> {
    let sql = "select event, state, code, next_at is null from inbox
               join inbox_outcomes using (inbox_id) where position($1::bytea in body) > 0";
    let rows: Vec<(Option<String>, String, Option<String>, bool)> =
        sqlx::query_as(sql).bind(order.as_bytes()).fetch_all(pool).await.unwrap();
    let mut faults = Vec::new();
    if rows.len() != messages {
        faults.push(format!("{order}: {} messages are kept, not {messages}", rows.len()));
    }
    for (event, state, code, done) in rows {
        if !done || !["booked", "known", "nothing"].contains(&state.as_str()) {
            let event = event.unwrap_or_default();
            faults.push(format!("{order}: {event} is {state} {}", code.unwrap_or_default()));
        }
    }
    faults
}

/// What a reconciler found that should have found nothing.
pub(super) fn differences(runs: &[Run]) -> Vec<String> {
    let findings = runs.iter().flat_map(|run| &run.report.findings);
    findings.map(|found| format!("the reconciler found {found:?}")).collect()
}
