//! Rebuild: the log read once by binary COPY, folded in memory, copied into fresh tables, and
//! swapped in by one short transaction, while readers go on with the old ones.

use std::{sync::Arc, time::Duration};

use daybook_events::store::{self, LogCopy};
use sqlx::{Connection, PgConnection, PgPool};

use crate::{
    EngineError, live,
    tables::{self, Checkpoint, Tables},
    view::View,
};

/// What a rebuild did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Rebuilt {
    /// How many events were folded.
    pub events: i64,
    /// How many rows there are now.
    pub rows: u64,
}

/// Makes the rows of some projections anew. `progress` hears how many events have been folded, of
/// how many.
///
/// # Errors
/// A database that cannot be reached, or an event that cannot be read or taken in.
pub async fn rebuild(
    pool: &PgPool,
    mut views: Vec<Box<dyn View>>,
    progress: &mut (dyn FnMut(i64, i64) + Send),
) -> Result<Rebuilt, EngineError> {
    let mut connection = pool.acquire().await?.detach();
    tables::reserve(&mut connection, Tables::Swapped).await?;
    let until = store::head(&mut connection).await?.position;
    fold_all(&mut connection, &mut views, until, progress).await?;
    let mut rebuilt = Rebuilt { events: until, rows: 0 };
    for mut view in views {
        rebuilt.rows += replace(&mut connection, view.as_mut(), until).await?;
    }
    connection.close().await?;
    Ok(rebuilt)
}

/// Folds the whole log in memory and throws the rows away: what replay costs by itself. Tells how
/// many events that were.
///
/// # Errors
/// A database that cannot be reached, or an event that cannot be read or taken in.
pub async fn replay(pool: &PgPool, mut views: Vec<Box<dyn View>>) -> Result<i64, EngineError> {
    let mut connection = pool.acquire().await?;
    let until = store::head(&mut *connection).await?.position;
    fold_all(&mut connection, &mut views, until, &mut |_, _| {}).await?;
    Ok(until)
}

/// Folds the whole log into views in memory.
async fn fold_all(
    connection: &mut PgConnection,
    views: &mut [Box<dyn View>],
    until: i64,
    progress: &mut (dyn FnMut(i64, i64) + Send),
) -> Result<(), EngineError> {
    let mut copy = LogCopy::start(connection, 0, until).await?;
    let mut folded = 0;
    while let Some(rows) = copy.next().await? {
        for (stored, _) in rows {
            let position = stored.position;
            let recorded = stored
                .decode()
                .map_err(|source| store::StoreError::Undecodable { position, source })?;
            for view in &mut *views {
                let projection = view.name();
                view.fold(&recorded).map_err(|source| EngineError::Fold {
                    projection,
                    position,
                    source,
                })?;
            }
            folded = position;
        }
        progress(folded, until);
    }
    Ok(())
}

/// How long the swap rests between two tries: for as long, readers and followers go on.
const REST: Duration = Duration::from_secs(1);
/// After how many tries it is said again what is waited for.
const AGAIN: u32 = 30;

/// Copies a view's rows into a fresh table, then swaps it in, with what came meanwhile.
async fn replace(
    connection: &mut PgConnection,
    view: &mut dyn View,
    until: i64,
) -> Result<u64, EngineError> {
    let name = view.name();
    let fresh = format!("{name}_rebuilt");
    tables::discard(connection, &fresh).await?;
    tables::create(connection, view, &fresh).await?;
    let rows = tables::copy_in(connection, &fresh, view).await?;
    let mut tries = 0;
    while !swapped_in(connection, view, &fresh, until).await? {
        if tries % AGAIN == 0 {
            let text = "the fresh table waits: an export or another long query reads the old one";
            tracing::warn!(projection = name, "{text}");
        }
        tries += 1;
        tokio::time::sleep(REST).await;
    }
    Ok(rows)
}

/// Swaps a fresh table in and brings it up to the checkpoint; false where somebody reads the old one
/// for so long that others would have to wait behind the swap.
async fn swapped_in(
    connection: &mut PgConnection,
    view: &mut dyn View,
    fresh: &str,
    until: i64,
) -> Result<bool, EngineError> {
    let name = view.name();
    let mut transaction = connection.begin().await?;
    let connection = &mut *transaction;
    let checkpoints = tables::lock_checkpoints(connection).await?;
    let live = checkpoints.iter().find(|checkpoint| checkpoint.projection == name);
    let shown = live.map_or(until, |checkpoint| checkpoint.position);
    if !tables::swap(connection, name, fresh).await? {
        transaction.rollback().await?;
        return Ok(false);
    }
    let missed = store::range(&mut *connection, until, shown, i64::MAX).await?;
    // The log says how far that is: a checkpoint beyond its end would have events skipped.
    let position = missed.last().map_or(until, |event| event.position);
    let missed: Vec<_> = missed.into_iter().map(Arc::new).collect();
    // The rows in memory are those of the copied table: only later events change any.
    view.take_changes();
    live::fold_into(connection, view, missed.iter()).await?;
    let projection = name.to_owned();
    let definition = tables::definition(view);
    tables::set_checkpoint(connection, &Checkpoint { projection, position, definition }).await?;
    transaction.commit().await?;
    Ok(true)
}
