//! The export of payments over HTTP, beside `psql \copy` of the same query: rows per second, and how
//! much memory they take.

use std::{sync::Arc, time::Instant};

use daybook_events::{
    Origin,
    commands::IssueKey,
    event::Role,
    store::{Clock, Request},
};
use daybook_projections::export::payments_query;
use futures_util::StreamExt as _;
use serde::Serialize;
use sqlx::PgPool;
use tokio::process::Command;
use uuid::Uuid;

use super::super::{Failure, options};
use crate::{
    app::{App, Face},
    config::Opening,
    credentials::ApiKey,
    database::Database,
    http::{
        self,
        server::{self, Limits},
    },
    processors::settings::Settings,
};

/// What was measured.
#[derive(Debug, Serialize)]
pub(super) struct Export {
    rows: i64,
    export_per_second: i64,
    copy_per_second: Option<i64>,
    // The most memory that this process had resident, client included, in KiB.
    tenth_peak_kib: Option<i64>,
    whole_peak_kib: Option<i64>,
}

/// Exports so many payments a few times, in turn with `psql`.
pub(super) async fn measure(
    database: &Database,
    rows: i64,
    rounds: u32,
) -> Result<Export, Failure> {
    database.reset().await?;
    let pool = database.pool(6).await?;
    let measured = exported(database, &pool, rows, rounds).await;
    pool.close().await;
    measured
}

async fn exported(
    database: &Database,
    pool: &PgPool,
    rows: i64,
    rounds: u32,
) -> Result<Export, Failure> {
    let face = Face {
        public_url: "http://localhost".to_owned(),
        currency: daybook_events::Currency::USD,
        upgrade_url: None,
    };
    let mut options = options();
    options.clock = Clock::System;
    let settings = Settings::default();
    let opened = App::open(pool.clone(), options, &Opening::example(), face, &settings).await?;
    let app = Arc::new(opened);
    let key = finance(&app).await?;
    let listener = server::bind("127.0.0.1:0").await?;
    let url = format!("http://{}/api/billing/payments/export", listener.local_addr()?);
    let filter = http::filter(app.clone(), Limits::default());
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let serving = tokio::spawn(server::serve(listener, filter, Limits::default(), async move {
        let _ = stopped.await;
    }));
    fill(pool, 0, rows / 10).await?;
    let (_, tenth_peak_kib) = read(&url, &key, rows / 10).await?;
    fill(pool, rows / 10, rows).await?;
    let (mut own, mut bare, mut peak) = (Vec::new(), Vec::new(), None);
    for _ in 0..rounds {
        let (seconds, most) = read(&url, &key, rows).await?;
        own.push(seconds);
        peak = peak.max(most);
        bare.extend(copied(database, rows).await?);
    }
    let _ = stop.send(());
    serving.await?;
    app.close().await;
    own.sort_unstable();
    bare.sort_unstable();
    Ok(Export {
        rows,
        export_per_second: own[own.len() / 2],
        copy_per_second: bare.get(bare.len() / 2).copied(),
        tenth_peak_kib,
        whole_peak_kib: peak,
    })
}

/// A key that may export.
async fn finance(app: &App) -> Result<String, Failure> {
    let key = ApiKey::from_random(rand::random());
    let command = IssueKey {
        label: "bench".to_owned(),
        role: Role::Finance,
        reach: None,
        prefix: key.prefix().to_owned(),
        hash: key.hash(),
        expires_at: None,
    };
    let receipt = app.submit(Request::new(command, Origin::default(), Uuid::now_v7())).await?;
    app.reaches(receipt.position()).await;
    Ok(key.reveal().to_owned())
}

/// Puts rows of payments in the place of the projection's: what is measured is the way out.
async fn fill(pool: &PgPool, from: i64, to: i64) -> Result<(), Failure> {
    let sql = r#"
        insert into daybook_views.payments (key, row)
        select 'pay_' || lpad(to_hex(n), 32, '0'), json_build_object(
            'position', n, 'account_id', 'acc_' || lpad(to_hex(n % 5000), 32, '0'),
            'payment_id', 'pay_' || lpad(to_hex(n), 32, '0'),
            'order_id', 'ord_' || lpad(to_hex(n), 32, '0'), 'order_number', n::text,
            'processor', 'razorpay', 'processor_payment_id', 'pay_' || md5(n::text),
            'processor_order_id', 'order_' || md5(n::text),
            'amount', json_build_object('amount', (n % 90000 + 100) || '.00', 'currency', 'INR'),
            'refunded', json_build_object('amount', '0.00', 'currency', 'INR'),
            'status', 'captured', 'captured_at', to_char(
                timestamp '2020-01-01' + n * interval '1 minute', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
            'invoice_id', 'inv_' || lpad(to_hex(n), 32, '0'))
        from generate_series($1 + 1, $2) as n"#;
    sqlx::query(sql).bind(from).bind(to).execute(pool).await?;
    sqlx::query("analyze daybook_views.payments").execute(pool).await?;
    Ok(())
}

/// Reads an export to its end: rows per second, and the most memory meanwhile.
async fn read(url: &str, key: &str, rows: i64) -> Result<(i64, Option<i64>), Failure> {
    // From here on the kernel counts the peak anew, where it lets us ask.
    let _ = std::fs::write("/proc/self/clear_refs", "5");
    // The client asks for one even over plain HTTP; the second of a process finds it there.
    drop(rustls::crypto::ring::default_provider().install_default());
    let started = Instant::now();
    let answer = reqwest::Client::new().get(url).bearer_auth(key).send().await?;
    let mut chunks = answer.error_for_status()?.bytes_stream();
    let mut lines = 0_i64;
    while let Some(chunk) = chunks.next().await {
        let feeds = chunk?.iter().filter(|byte| **byte == b'\n').count();
        lines += i64::try_from(feeds)?;
    }
    if lines != rows + 1 {
        return Err(format!("the export has {lines} lines instead of {}", rows + 1).into());
    }
    Ok((super::per_second(rows, started), peak_kib()))
}

/// The most memory that was resident.
fn peak_kib() -> Option<i64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix(" kB")?.trim().parse().ok()
}

/// The same query by `psql \copy`; `None` where psql is not installed.
async fn copied(database: &Database, rows: i64) -> Result<Option<i64>, Failure> {
    let Some(cluster) = database.cluster() else { return Ok(None) };
    let psql = cluster.bin_dir().join("psql");
    if !psql.exists() {
        return Ok(None);
    }
    let copy = format!("\\copy ({}) to '/dev/null' csv header", payments_query(None, None, None));
    let started = Instant::now();
    let output = Command::new(psql)
        .args(["--no-psqlrc", "--quiet", "--host"])
        .arg(cluster.socket_dir())
        .args(["--port=5432", "--username=postgres", "--dbname=daybook", "--command"])
        .arg(copy)
        .output()
        .await?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        return Err(format!("psql failed: {said}").into());
    }
    Ok(Some(super::per_second(rows, started)))
}

/// For people.
pub(super) fn human(export: &Export) -> String {
    let Export { rows, export_per_second, copy_per_second, .. } = export;
    let beside = copy_per_second.map_or_else(
        || "psql is not installed".to_owned(),
        |copy| format!("psql \\copy of the same query {copy} a second"),
    );
    let mib = |kib: Option<i64>| kib.map_or_else(|| "?".to_owned(), |kib| (kib / 1024).to_string());
    format!(
        "Export of {rows} payments over HTTP: {export_per_second} rows a second, {beside}; at most \
         {} MiB resident, {} MiB with a tenth of them",
        mib(export.whole_peak_kib),
        mib(export.tenth_peak_kib)
    )
}
