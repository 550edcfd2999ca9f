//! The export of payments: as many as there are, streamed, safe in a spreadsheet, and broken where
//! it is not whole.

use futures_util::{StreamExt as _, future::join_all};
use sqlx::AssertSqlSafe;

use crate::harness::{TestApp, run};

const EXPORT: &str = "/api/billing/payments/export";

/// Payments that nobody made: what is looked at is the way out.
async fn fill(test: &TestApp, from: u32, to: u32, words: &str) {
    let sql = format!(
        r#"insert into daybook_views.payments (key, row)
        select 'pay_' || lpad(to_hex(n), 32, '0'), json_build_object(
            'position', n, 'account_id', 'acc_' || lpad(to_hex(n % 7), 32, '0'),
            'payment_id', 'pay_' || lpad(to_hex(n), 32, '0'),
            'order_id', 'ord_' || lpad(to_hex(n), 32, '0'), 'order_number', n::text,
            'processor', 'manual', 'processor_payment_id', {words},
            'processor_order_id', 'order_' || md5(n::text),
            'amount', json_build_object('amount', '15.00', 'currency', 'USD'),
            'refunded', json_build_object('amount', '-0.50', 'currency', 'USD'),
            'status', 'captured', 'captured_at', to_char(
                timestamp '2026-01-01' + n * interval '1 second', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
            'invoice_id', null)
        from generate_series({from}, {to}) as n"#
    );
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(test.app.pool()).await.unwrap();
}

fn records(text: &str) -> Vec<csv::StringRecord> {
    csv::Reader::from_reader(text.as_bytes()).records().map(Result::unwrap).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn words_that_a_spreadsheet_would_run_are_defused_and_amounts_stay_numbers() {
    let test = TestApp::start().await;
    let corpus = [
        ("=1+1", "'=1+1"),
        ("+1", "'+1"),
        ("-1", "'-1"),
        ("@SUM(1)", "'@SUM(1)"),
        ("\t=1", "'\t'=1"),
        ("\r=1", "'\r'=1"),
        ("\n=1", "'\n'=1"),
        ("＝1", "'＝1"),
        ("＋1", "'＋1"),
        ("－1", "'－1"),
        ("＠1", "'＠1"),
        ("=cmd|' /C calc'!A0", "'=cmd|' /C calc'!A0"),
        ("=1,\"2\"\n3", "'=1,\"2\"\n3"),
        ("a;=1", "a;'=1"),
        ("a;+1;\"-1\"", "a;'+1;\"'-1\""),
        ("a\t@b", "a\t'@b"),
        ("a\r\n=1", "a\r\n'=1"),
        ("a;b\nc", "a;b\nc"),
        ("plain", "plain"),
        ("", ""),
        ("it's", "it's"),
        ("a,b", "a,b"),
        ("\"quoted\"", "\"quoted\""),
        ("₹", "₹"),
    ];
    for (nth, (words, _)) in corpus.iter().enumerate() {
        let nth = u32::try_from(nth).unwrap();
        let quoted = words.replace('\'', "''");
        fill(&test, nth, nth, &format!("'{quoted}'")).await;
    }
    let answer = test.get(EXPORT, &test.super_key).await;
    let records = records(&answer.text);
    assert_eq!(records.len(), corpus.len());
    for (record, (_, expected)) in records.iter().zip(corpus) {
        assert_eq!(&record[7], expected);
        assert_eq!((&record[9], &record[10], &record[11]), ("USD", "15.00", "-0.50"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn there_is_no_bound_to_how_many_there_are_and_they_come_in_order() {
    let test = TestApp::start().await;
    fill(&test, 1, 120_000, "'pay_' || n").await;
    let answer = test.get(EXPORT, &test.super_key).await;
    assert_eq!(answer.headers.get("etag"), None, "nothing is kept to make a tag of");
    let records = records(&answer.text);
    assert_eq!(records.len(), 120_000);
    assert!(records.is_sorted_by(|one, other| one[2] < other[2]));
    let path = format!("{EXPORT}?from=2026-01-02&to=2026-01-02T00:00:10Z");
    let day = test.get(&path, &test.super_key).await;
    assert_eq!(day.text.lines().count(), 11);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_breaks_in_the_middle_does_not_end_like_a_whole_one() {
    let test = TestApp::start().await;
    fill(&test, 1, 120_000, "'pay_' || n").await;
    let request = test.client.get(format!("{}{EXPORT}", test.url)).bearer_auth(&test.super_key);
    let mut chunks = request.send().await.unwrap().bytes_stream();
    let first = chunks.next().await.unwrap().unwrap();
    assert!(first.starts_with(b"payment_id,"));
    // The reader waits, so the database does; then it goes away.
    let mut superuser = test.db.superuser().await;
    run(
        &mut superuser,
        "select pg_terminate_backend(pid) from pg_stat_activity
         where query like 'copy (select key%' and pid <> pg_backend_pid()
           and datname = current_database()",
    )
    .await
    .unwrap();
    let mut broken = false;
    while let Some(chunk) = chunks.next().await {
        broken |= chunk.is_err();
    }
    assert!(broken, "a part passed for the whole");
}

#[tokio::test(flavor = "multi_thread")]
async fn as_many_exports_as_there_may_be_do_not_hold_every_connection() {
    let test = TestApp::start().await;
    fill(&test, 1, 120_000, "'pay_' || n").await;
    let mut readers = Vec::new();
    let refused = loop {
        let request = test.client.get(format!("{}{EXPORT}", test.url)).bearer_auth(&test.super_key);
        let answer = request.send().await.unwrap();
        if answer.status() != 200 {
            break answer;
        }
        readers.push(answer);
        assert!(readers.len() < 10, "nobody is turned away");
    };
    assert_eq!(refused.status(), 503);
    assert_eq!(refused.headers()["daybook-error"], "busy");
    // Everything else goes on, and whoever has read makes room.
    test.subscriber("pro").await;
    // Whoever goes away in the middle gives its connection back, too.
    drop(readers.pop());
    for reader in readers {
        assert!(reader.bytes().await.is_ok());
    }
    assert_eq!(test.get(EXPORT, &test.super_key).await.status, 200);
}

/// An export that has begun, once there is a turn for it.
async fn begun(test: &TestApp) -> reqwest::Response {
    for _ in 0..50_000 {
        let request = test.client.get(format!("{}{EXPORT}", test.url)).bearer_auth(&test.super_key);
        let answer = request.send().await.unwrap();
        if answer.status() == 200 {
            return answer;
        }
        // Those who were given up are still on their way out.
        tokio::task::yield_now().await;
    }
    panic!("no turn was given back");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_is_given_up_leaves_no_answers_to_others() {
    let test = TestApp::start().await;
    fill(&test, 1, 120_000, "'pay_' || n").await;
    for _ in 0..12 {
        let mut chunks = begun(&test).await.bytes_stream();
        assert!(chunks.next().await.unwrap().unwrap().starts_with(b"payment_id,"));
    }
    // Each connection of the pool is asked in turn for one thing and for another.
    let pool = test.app.pool();
    let asked = (0..400_i64).map(|nth| async move {
        let number = sqlx::query_scalar::<_, i64>("select $1::int8 + 1").bind(nth);
        assert_eq!(number.fetch_one(pool).await.unwrap(), nth + 1);
        let text = sqlx::query_scalar::<_, String>("select 'no. ' || $1::int8").bind(nth);
        assert_eq!(text.fetch_one(pool).await.unwrap(), format!("no. {nth}"));
    });
    join_all(asked).await;
    let whole = begun(&test).await.text().await.unwrap();
    assert_eq!(records(&whole).len(), 120_000);
}
