//! Reading rows: by key, by a column, by account, page by page.

use sqlx::{AssertSqlSafe, PgExecutor};

use crate::{EngineError, projection::Projection, view};

/// The row of a key.
///
/// # Errors
/// A database that cannot be reached, or a row of another shape.
pub async fn get<P: Projection>(
    executor: impl PgExecutor<'_>,
    key: &str,
) -> Result<Option<P::Row>, EngineError> {
    find::<P>(executor, "key", key).await
}

/// The one row whose column has a value. `column` is a name from our own code, never a caller's.
///
/// # Errors
/// A database that cannot be reached, or a row of another shape.
pub async fn find<P: Projection>(
    executor: impl PgExecutor<'_>,
    column: &'static str,
    value: &str,
) -> Result<Option<P::Row>, EngineError> {
    let sql = format!("select key, row::text from daybook_views.{} where {column} = $1", P::NAME);
    let row: Option<(String, String)> =
        sqlx::query_as(AssertSqlSafe(sql)).bind(value).fetch_optional(executor).await?;
    Ok(row.map(|(key, row)| view::row_of::<P>(&key, &row)).transpose()?)
}

/// A page of rows in key order, which is the order in which they came about.
#[derive(Debug, Clone, Default)]
pub struct Page<'a> {
    /// Only rows of this account.
    pub account: Option<&'a str>,
    /// Only rows after this key.
    pub after: Option<&'a str>,
    /// At most so many.
    pub limit: i64,
}

/// A page of rows.
///
/// # Errors
/// A database that cannot be reached, or a row of another shape.
pub async fn list<P: Projection>(
    executor: impl PgExecutor<'_>,
    page: &Page<'_>,
) -> Result<Vec<P::Row>, EngineError> {
    Ok(list_with_next::<P>(executor, page).await?.0)
}

/// A page of rows, and the key after which the next page begins, if this one is full.
///
/// # Errors
/// A database that cannot be reached, or a row of another shape.
pub async fn list_with_next<P: Projection>(
    executor: impl PgExecutor<'_>,
    page: &Page<'_>,
) -> Result<(Vec<P::Row>, Option<String>), EngineError> {
    let of_account = if page.account.is_some() { "account_id = $1" } else { "$1::text is null" };
    let sql = format!(
        "select key, row::text from daybook_views.{} where {of_account} and key > $2
         order by key limit $3",
        P::NAME
    );
    let rows: Vec<(String, String)> = sqlx::query_as(AssertSqlSafe(sql))
        .bind(page.account)
        .bind(page.after.unwrap_or(""))
        .bind(page.limit)
        .fetch_all(executor)
        .await?;
    let full = i64::try_from(rows.len()) == Ok(page.limit);
    let next = rows.last().filter(|_| full).map(|(key, _)| key.clone());
    Ok((decode::<P>(&rows)?, next))
}

fn decode<P: Projection>(rows: &[(String, String)]) -> Result<Vec<P::Row>, EngineError> {
    rows.iter().map(|(key, row)| Ok(view::row_of::<P>(key, row)?)).collect()
}

/// A page of rows whose column has a value, in key order. `column` is a name from our own code.
///
/// # Errors
/// A database that cannot be reached, or a row of another shape.
pub async fn matching<P: Projection>(
    executor: impl PgExecutor<'_>,
    column: &'static str,
    value: &str,
    after: &str,
    limit: i64,
) -> Result<Vec<P::Row>, EngineError> {
    let sql = format!(
        "select key, row::text from daybook_views.{} where {column} = $1 and key > $2
         order by key limit $3",
        P::NAME
    );
    let rows: Vec<(String, String)> = sqlx::query_as(AssertSqlSafe(sql))
        .bind(value)
        .bind(after)
        .bind(limit)
        .fetch_all(executor)
        .await?;
    decode::<P>(&rows)
}

/// Rows whose column lies in a half-open range, in its order.
#[derive(Debug, Clone, Default)]
pub struct Between<'a> {
    /// Only rows of this account.
    pub account: Option<&'a str>,
    /// A column of text that sorts as it means, such as an instant's; a name from our own code.
    pub column: &'static str,
    /// From here on.
    pub from: Option<String>,
    /// Up to before here.
    pub to: Option<String>,
    /// At most so many.
    pub limit: i64,
}

/// Rows whose column lies in a half-open range.
///
/// # Errors
/// A database that cannot be reached, or a row of another shape.
pub async fn between<P: Projection>(
    executor: impl PgExecutor<'_>,
    range: &Between<'_>,
) -> Result<Vec<P::Row>, EngineError> {
    let (table, column) = (P::NAME, range.column);
    let sql = format!(
        "select key, row::text from daybook_views.{table}
         where ($1::text is null or account_id = $1)
           and ($2::text is null or {column} >= $2) and ($3::text is null or {column} < $3)
         order by {column}, key limit $4"
    );
    let rows: Vec<(String, String)> = sqlx::query_as(AssertSqlSafe(sql))
        .bind(range.account)
        .bind(&range.from)
        .bind(&range.to)
        .bind(range.limit)
        .fetch_all(executor)
        .await?;
    decode::<P>(&rows)
}
