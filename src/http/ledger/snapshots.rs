//! `/api/ledger/snapshots…`: the books as files, taken in the background and downloaded.

use std::{io, path::Path, sync::Arc};

use bytes::BytesMut;
use daybook_events::ids::{Id as _, SnapshotId};
use tokio::{fs::File, io::AsyncReadExt as _};
use uuid::Uuid;
use warp::http::StatusCode;

use crate::{
    app::App,
    http::{
        answer::Answer,
        call::{Call, scope},
        error::ApiError,
        reading::{ledger_wide, listed},
        streamed::{Sink, Streamed},
    },
    snapshot::{
        Asked, CHECKPOINT, MANIFEST, SnapshotError,
        shelf::{self, Shown, State},
    },
    webhooks::requests::{self, Known},
};

impl From<SnapshotError> for ApiError {
    fn from(error: SnapshotError) -> Self {
        let text = error.to_string();
        match error {
            SnapshotError::LedgerEmpty
            | SnapshotError::PositionBeyondHead { .. }
            | SnapshotError::TimeInFuture { .. }
            | SnapshotError::TimeBeforeLedger { .. }
            | SnapshotError::BoundsInvalid(_)
            | SnapshotError::PeriodNotClosed(_)
            | SnapshotError::TooMany(_) => Self::new(error.code(), text),
            SnapshotError::Store(error) => error.into(),
            SnapshotError::Engine(error) => error.into(),
            SnapshotError::Database(error) => error.into(),
            SnapshotError::OutNotEmpty(_)
            | SnapshotError::OutUnusable { .. }
            | SnapshotError::Scope(_)
            | SnapshotError::GivenUp
            | SnapshotError::Writing { .. }
            | SnapshotError::Key { .. }
            | SnapshotError::Damaged(_)
            | SnapshotError::Fold { .. }
            | SnapshotError::Money(_)
            | SnapshotError::Row(_)
            | SnapshotError::Books(_) => Self::internal(&text),
        }
    }
}

/// `POST /api/ledger/snapshots`: asks for one; it is taken in the background.
///
/// # Errors
/// Bounds that name nothing that is there; as many that are not taken yet as may be; a server that
/// keeps no snapshots.
pub async fn ask(app: Arc<App>, call: Call) -> Result<Answer, ApiError> {
    ledger_wide(&call)?;
    let asked: Asked = call.json_or_empty()?;
    if app.shelf.is_none() {
        return Err(ApiError::new("snapshots_not_kept", "this server has no place for snapshots"));
    }
    let id = SnapshotId::from_uuid(Uuid::now_v7()).to_string();
    let mut transaction = app.pool().begin().await?;
    let key = call.idempotency_key()?.map(|mut key| {
        key.scope = scope(None);
        key
    });
    let id = match requests::take(&mut transaction, key.as_ref(), &id).await? {
        Known::Done(id) => id,
        Known::New => {
            let scope = asked.resolve(app.pool(), app.ledger.clock()).await?;
            let by = call.origin(None).actor;
            shelf::ask(&mut transaction, &id, &scope, &by).await?;
            id
        }
    };
    transaction.commit().await?;
    app.asked.notify_one();
    Ok(Answer::json(StatusCode::ACCEPTED, &found(&app, &id).await?))
}

/// `GET /api/ledger/snapshots`: those that were asked for, oldest first.
///
/// # Errors
/// A page out of range.
pub async fn list(app: Arc<App>, call: Call) -> Result<Answer, ApiError> {
    ledger_wide(&call)?;
    let (limit, after) = call.page()?;
    let shown = shelf::page(app.pool(), &after.unwrap_or_default(), limit).await?;
    let full = i64::try_from(shown.len()) == Ok(limit);
    let next = shown.last().filter(|_| full).map(|last| last.snapshot_id.clone());
    Ok(listed(&call, shown, next))
}

/// `GET /api/ledger/snapshots/{id}`: how far one has come, and what its files hold.
///
/// # Errors
/// No such snapshot.
pub async fn get(app: Arc<App>, call: Call) -> Result<Answer, ApiError> {
    ledger_wide(&call)?;
    let id: SnapshotId = call.captured_id(0)?;
    Ok(Answer::ok(&found(&app, &id.to_string()).await?))
}

/// `DELETE /api/ledger/snapshots/{id}`: takes one back, whether it waits, is being taken, or is
/// done; its files go. Doing so again changes nothing.
///
/// # Errors
/// No such snapshot.
pub async fn delete(app: Arc<App>, call: Call) -> Result<Answer, ApiError> {
    ledger_wide(&call)?;
    // Once or often, it comes to the same; but what is no key is refused here as everywhere.
    call.idempotency_key()?;
    let id: SnapshotId = call.captured_id(0)?;
    let deleted = shelf::delete(app.pool(), &id.to_string()).await?;
    app.asked.notify_one();
    Ok(Answer::ok(&deleted.ok_or_else(ApiError::not_found)?))
}

async fn found(app: &App, id: &str) -> Result<Shown, ApiError> {
    shelf::find(app.pool(), id).await?.ok_or_else(ApiError::not_found)
}

/// `GET /api/ledger/snapshots/{id}/files/{name}`: one of its files, as it was taken.
///
/// # Errors
/// No such snapshot, one that is not done, a name that its manifest has not.
pub async fn file(app: Arc<App>, call: Call) -> Result<Answer, ApiError> {
    ledger_wide(&call)?;
    let id: SnapshotId = call.captured_id(0)?;
    let shown = found(&app, &id.to_string()).await?;
    let (State::Done, Some(manifest), Some(shelf)) = (shown.state, shown.manifest, &app.shelf)
    else {
        return Err(ApiError::not_found());
    };
    // The name of a file comes from what was written, never from the caller.
    let own = manifest.files.into_iter().map(|file| file.name);
    let mut own = own.chain([MANIFEST, CHECKPOINT].map(str::to_owned));
    let name = own.find(|name| name == call.capture(1)).ok_or_else(ApiError::not_found)?;
    let (file, bytes) = opened(&shelf.dir.join(shown.snapshot_id).join(&name)).await?;
    let turn = app.exports.clone().try_acquire_owned().map_err(|_| {
        ApiError::new("busy", "as many exports are under way as there may be; try again in 1 s")
    })?;
    let body = Streamed::by(async move |sink| {
        let sent = sent(sink, file, bytes).await;
        drop(turn);
        sent
    });
    let answer = Answer::streamed("application/octet-stream", body)
        .with("content-length", bytes.to_string())
        .with("content-disposition", format!("attachment; filename=\"{name}\""));
    Ok(answer)
}

/// A file and its length. One that is not there lies on another machine, or nowhere any more.
async fn opened(path: &Path) -> Result<(File, u64), ApiError> {
    let opened = async {
        let file = File::open(path).await?;
        let bytes = file.metadata().await?.len();
        Ok::<_, io::Error>((file, bytes))
    };
    opened.await.map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => ApiError::not_found(),
        _other => ApiError::internal(&error),
    })
}

async fn sent(
    mut sink: Sink,
    mut file: File,
    bytes: u64,
) -> Result<Sink, Box<dyn std::error::Error + Send + Sync>> {
    let (mut buffer, mut read) = (BytesMut::with_capacity(1 << 16), 0);
    loop {
        buffer.clear();
        let length = file.read_buf(&mut buffer).await?;
        if length == 0 {
            break;
        }
        read += u64::try_from(length)?;
        sink.buffer().extend_from_slice(&buffer);
        sink.sent().await?;
    }
    if read == bytes { Ok(sink) } else { Err("the file changed while it was sent".into()) }
}
