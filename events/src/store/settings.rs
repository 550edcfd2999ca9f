//! Settings: what processes on one database must agree on that is no fact of the ledger.

use sqlx::PgPool;

/// The stored value of a setting; where there is none yet, the proposed one, from now on.
///
/// # Errors
/// A database that cannot be reached.
pub async fn setting_or_insert(
    pool: &PgPool,
    name: &str,
    proposed: &str,
) -> Result<String, sqlx::Error> {
    sqlx::query("insert into settings (name, value) values ($1, $2) on conflict do nothing")
        .bind(name)
        .bind(proposed)
        .execute(pool)
        .await?;
    sqlx::query_scalar("select value from settings where name = $1")
        .bind(name)
        .fetch_one(pool)
        .await
}

/// The stored value of a setting, where there is one.
///
/// # Errors
/// A database that cannot be reached.
pub async fn setting(pool: &PgPool, name: &str) -> Result<Option<String>, sqlx::Error> {
    sqlx::query_scalar("select value from settings where name = $1")
        .bind(name)
        .fetch_optional(pool)
        .await
}
