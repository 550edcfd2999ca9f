//! Connections: each is set up the same way, whoever opens it.

use std::{str::FromStr, time::Duration};

use sqlx::{
    ConnectOptions, Connection, PgConnection, PgPool,
    postgres::{PgConnectOptions, PgPoolOptions},
};

use super::StoreError;

/// The schema of the log, owned by the owner role.
pub const SCHEMA: &str = "daybook";
/// The schema of the projections, owned by the serving role.
pub const VIEWS_SCHEMA: &str = "daybook_views";

/// The oldest Postgres that this product is tested on, as `server_version_num`.
const OLDEST_SERVER: i32 = 150_000;

/// What every session relies on, whatever the role's or the database's defaults say.
const SESSION: &str = "set search_path = daybook, daybook_views;
    set time zone 'UTC';
    set datestyle = 'ISO';
    set synchronous_commit = on;
    set default_transaction_isolation = 'read committed'";

/// A pool of prepared connections to a database of a ledger.
///
/// # Errors
/// A malformed URL, a database that cannot be reached or that the log cannot rest on.
pub async fn pool(url: &str, size: u32) -> Result<PgPool, StoreError> {
    let options = PgConnectOptions::from_str(url)?.disable_statement_logging();
    // Not by the pool: it would try for as long as its time-out, and then hide the reason.
    let mut first = connect(&options).await?;
    check_server(&mut first).await?;
    first.close().await?;
    let pool = PgPoolOptions::new()
        .max_connections(size)
        .acquire_timeout(Duration::from_secs(10))
        // A dead connection is noticed by its first statement; asking first costs every read.
        .test_before_acquire(false)
        .after_connect(|connection, _| Box::pin(async move { prepare(connection).await }))
        .connect_lazy_with(options);
    Ok(pool)
}

/// One prepared connection outside any pool.
///
/// # Errors
/// A database that cannot be reached.
pub async fn connect(options: &PgConnectOptions) -> Result<PgConnection, sqlx::Error> {
    let mut connection = options.connect().await?;
    prepare(&mut connection).await?;
    Ok(connection)
}

/// Sets up a session.
///
/// # Errors
/// A database that cannot be reached.
pub async fn prepare(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    sqlx::raw_sql(SESSION).execute(connection).await.map(drop)
}

async fn check_server(connection: &mut PgConnection) -> Result<(), StoreError> {
    let (version, encoding): (i32, String) = sqlx::query_as(
        "select current_setting('server_version_num')::int4, current_setting('server_encoding')",
    )
    .fetch_one(connection)
    .await?;
    if version < OLDEST_SERVER {
        let major = version / 10_000;
        return Err(StoreError::Unsuitable(format!("Postgres {major} is too old: 15 or later")));
    }
    if encoding != "UTF8" {
        let text = format!("the database's encoding is {encoding}: the log needs UTF8");
        return Err(StoreError::Unsuitable(text));
    }
    Ok(())
}
