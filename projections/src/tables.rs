//! The projections' tables and checkpoints: the one place with SQL that writes them.

use daybook_events::merkle::{hex, leaf_hash};
use sqlx::{AssertSqlSafe, PgConnection};

use crate::view::View;

/// What a table's definition amounts to: another one means that the rows must be made anew.
pub(crate) fn definition(view: &dyn View) -> String {
    hex(&leaf_hash(view.table().as_bytes()))
}

/// Creates a projection's table under a name.
pub(crate) async fn create(
    connection: &mut PgConnection,
    view: &dyn View,
    name: &str,
) -> Result<(), sqlx::Error> {
    let sql = view.table().replace("{table}", &format!("daybook_views.{name}"));
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(connection).await.map(drop)
}

/// Drops a projection's table, if it is there.
pub(crate) async fn discard(connection: &mut PgConnection, name: &str) -> Result<(), sqlx::Error> {
    let sql = format!("drop table if exists daybook_views.{name}");
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(connection).await.map(drop)
}

/// Puts the table `fresh` in the place of a projection's; false where somebody still reads that one.
/// The wait is short, since every later reader of the table waits behind it, and, behind the
/// checkpoints that are locked, whoever follows the log. The transaction is of no more use then.
pub(crate) async fn swap(
    connection: &mut PgConnection,
    name: &str,
    fresh: &str,
) -> Result<bool, sqlx::Error> {
    const LOCK_NOT_AVAILABLE: &str = "55P03";
    sqlx::raw_sql("set local lock_timeout = '300ms'").execute(&mut *connection).await?;
    match discard(&mut *connection, name).await {
        Err(sqlx::Error::Database(error))
            if error.code().as_deref() == Some(LOCK_NOT_AVAILABLE) =>
        {
            return Ok(false);
        }
        discarded => discarded?,
    }
    sqlx::raw_sql("set local lock_timeout to default").execute(&mut *connection).await?;
    let sql = format!("alter table daybook_views.{fresh} rename to {name}");
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(connection).await.map(|_| true)
}

/// Who swaps tables and who compares them keep out of each other's way, for as long as their
/// session lasts: a snapshot that is older than a table shows it empty, and two rebuilds would
/// fill one table.
pub(crate) enum Tables {
    /// They are swapped: by one at a time.
    Swapped,
    /// They stay in place.
    Kept,
}

/// Waits for the right to the tables. An advisory lock, since a lock on the tables themselves
/// would have every reader queue behind it.
pub(crate) async fn reserve(
    connection: &mut PgConnection,
    tables: Tables,
) -> Result<(), sqlx::Error> {
    let sql = match tables {
        Tables::Swapped => "select pg_advisory_lock(7220)",
        Tables::Kept => "select pg_advisory_lock_shared(7220)",
    };
    sqlx::raw_sql(sql).execute(connection).await.map(drop)
}

/// Brings the rows of some keys into a view.
pub(crate) async fn load(
    connection: &mut PgConnection,
    view: &mut dyn View,
    keys: Vec<String>,
) -> Result<(), crate::EngineError> {
    if keys.is_empty() {
        return Ok(());
    }
    let sql = format!(
        "select asked.key, t.row::text from unnest($1::text[]) as asked (key)
         left join daybook_views.{} t using (key)",
        view.name()
    );
    let rows: Vec<(String, Option<String>)> =
        sqlx::query_as(AssertSqlSafe(sql)).bind(keys).fetch_all(connection).await?;
    for (key, row) in rows {
        view.hold(key, row.as_deref())?;
    }
    Ok(())
}

/// Writes a view's changed rows to a table.
pub(crate) async fn store(
    connection: &mut PgConnection,
    table: &str,
    changes: Vec<(String, Option<String>)>,
) -> Result<(), sqlx::Error> {
    let (mut keys, mut rows, mut gone) = (Vec::new(), Vec::new(), Vec::new());
    for (key, row) in changes {
        match row {
            Some(row) => {
                keys.push(key);
                rows.push(row);
            }
            None => gone.push(key),
        }
    }
    if !gone.is_empty() {
        let sql = format!("delete from daybook_views.{table} where key = any($1)");
        sqlx::query(AssertSqlSafe(sql)).bind(gone).execute(&mut *connection).await?;
    }
    if !keys.is_empty() {
        let sql = format!(
            "insert into daybook_views.{table} (key, row)
             select key, row::json from unnest($1::text[], $2::text[]) as new (key, row)
             on conflict (key) do update set row = excluded.row"
        );
        sqlx::query(AssertSqlSafe(sql)).bind(keys).bind(rows).execute(connection).await?;
    }
    Ok(())
}

/// Fills an empty table by COPY.
pub(crate) async fn copy_in(
    connection: &mut PgConnection,
    table: &str,
    view: &dyn View,
) -> Result<u64, sqlx::Error> {
    const CHUNK: usize = 1 << 18;
    let sql = format!("copy daybook_views.{table} (key, row) from stdin");
    let mut copy = connection.copy_in_raw(&sql).await?;
    let mut chunk = String::with_capacity(CHUNK + 4096);
    for (key, row) in view.rows() {
        escape(&mut chunk, key);
        chunk.push('\t');
        escape(&mut chunk, &row);
        chunk.push('\n');
        if chunk.len() >= CHUNK {
            copy.send(chunk.as_bytes()).await?;
            chunk.clear();
        }
    }
    copy.send(chunk.as_bytes()).await?;
    copy.finish().await
}

/// The text format of COPY: backslashes and the characters that separate fields and rows.
fn escape(out: &mut String, text: &str) {
    for c in text.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '\t' => out.push_str("\\t"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            plain => out.push(plain),
        }
    }
}

/// Where a projection stands: its checkpoint and the definition of its table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Checkpoint {
    pub(crate) projection: String,
    pub(crate) position: i64,
    pub(crate) definition: String,
}

/// Every checkpoint; locked, so that whoever holds them is the only one to move them.
pub(crate) async fn lock_checkpoints(
    connection: &mut PgConnection,
) -> Result<Vec<Checkpoint>, sqlx::Error> {
    let rows: Vec<(String, i64, String)> = sqlx::query_as(
        "select projection, position, definition from checkpoints order by projection for update",
    )
    .fetch_all(connection)
    .await?;
    Ok(checkpoints_of(rows))
}

/// Every checkpoint, as this transaction sees it.
pub(crate) async fn checkpoints(
    connection: &mut PgConnection,
) -> Result<Vec<Checkpoint>, sqlx::Error> {
    let rows: Vec<(String, i64, String)> = sqlx::query_as(
        "select projection, position, definition from checkpoints order by projection",
    )
    .fetch_all(connection)
    .await?;
    Ok(checkpoints_of(rows))
}

fn checkpoints_of(rows: Vec<(String, i64, String)>) -> Vec<Checkpoint> {
    rows.into_iter()
        .map(|(projection, position, definition)| Checkpoint { projection, position, definition })
        .collect()
}

/// Moves the checkpoints of some projections.
pub(crate) async fn move_checkpoints(
    connection: &mut PgConnection,
    projections: &[&str],
    position: i64,
) -> Result<(), sqlx::Error> {
    sqlx::query("update checkpoints set position = $2 where projection = any($1)")
        .bind(projections)
        .bind(position)
        .execute(connection)
        .await
        .map(drop)
}

/// Writes a projection's checkpoint, new or not.
pub(crate) async fn set_checkpoint(
    connection: &mut PgConnection,
    checkpoint: &Checkpoint,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "insert into checkpoints (projection, position, definition) values ($1, $2, $3)
         on conflict (projection) do update
         set position = excluded.position, definition = excluded.definition",
    )
    .bind(&checkpoint.projection)
    .bind(checkpoint.position)
    .bind(&checkpoint.definition)
    .execute(connection)
    .await
    .map(drop)
}

#[cfg(test)]
mod tests {
    use super::escape;

    #[test]
    fn what_separates_rows_and_fields_is_escaped() {
        let mut out = String::new();
        escape(&mut out, "a\\b\tc\nd\re");
        assert_eq!(out, "a\\\\b\\tc\\nd\\re");
    }
}
