//! Rows by streaming binary COPY: in bounded memory, without one allocation per row.

use bytes::{Bytes, BytesMut};
use daybook_events::store::StoreError;
use futures_util::{
    FutureExt, Stream, StreamExt,
    future::ready,
    stream::{self, BoxStream},
};
use sqlx::{Connection, PgConnection, PgPool};
use tokio::sync::mpsc;

use crate::EngineError;

/// What binary COPY begins with.
const SIGNATURE: &[u8] = b"PGCOPY\n\xff\r\n\0";
/// The signature, flags and the length of an extension that is never there.
const HEADER: usize = SIGNATURE.len() + 8;
/// How many bytes are gathered before they are handed over: the database sends a row at a time.
const CHUNK: usize = 64 * 1024;
/// How often it is looked for more, letting others run, before nothing is done until there is more.
const LOOKS: u32 = 64;
/// How many chunks wait to be taken.
const AHEAD: usize = 4;

type Chunks = BoxStream<'static, Result<Bytes, sqlx::Error>>;

/// A running COPY of rows of `N` columns of text.
pub(crate) struct CopyOut<const N: usize> {
    chunks: Chunks,
    // What has come of the next row.
    rest: Vec<u8>,
    header_seen: bool,
    finished: bool,
}

/// A row: the bytes of each column, `None` where it is null.
pub(crate) type Row<'b, const N: usize> = [Option<&'b [u8]>; N];

impl<const N: usize> CopyOut<N> {
    /// Starts copying what a query of ours selects.
    ///
    /// # Errors
    /// A database that cannot be reached, or that refuses the query.
    pub(crate) async fn start(pool: &PgPool, select: &str) -> Result<Self, EngineError> {
        let sql = format!("copy ({select}) to stdout (format binary)");
        // Out of the pool: a COPY that is given up leaves answers behind on its connection.
        let mut chunks = chunks(pool.acquire().await?.detach(), sql);
        // The first one says that the query was accepted.
        chunks.next().await.transpose()?;
        Ok(Self { chunks, rest: Vec::new(), header_seen: false, finished: false })
    }

    /// Hands every row that has arrived to `take`; false once the last one was.
    ///
    /// # Errors
    /// A lost connection, or something that is no row of this form.
    pub(crate) async fn next(
        &mut self,
        mut take: impl FnMut(&Row<'_, N>),
    ) -> Result<bool, EngineError> {
        let Some(chunk) = self.chunks.next().await.transpose()? else {
            return if self.finished {
                Ok(false)
            } else {
                Err(malformed("it ends before its end"))
            };
        };
        if self.rest.is_empty() {
            let taken = self.rows(&chunk, &mut take)?;
            self.rest.extend_from_slice(chunk.get(taken..).unwrap_or_default());
        } else {
            self.rest.extend_from_slice(&chunk);
            let rest = std::mem::take(&mut self.rest);
            let taken = self.rows(&rest, &mut take)?;
            self.rest.extend_from_slice(rest.get(taken..).unwrap_or_default());
        }
        Ok(true)
    }

    /// Takes every whole row: how many bytes they were.
    fn rows(
        &mut self,
        bytes: &[u8],
        take: &mut impl FnMut(&Row<'_, N>),
    ) -> Result<usize, EngineError> {
        let mut taken = 0;
        while !self.finished {
            let rest = bytes.get(taken..).unwrap_or_default();
            let Some(length) = self.row(rest, take)? else { break };
            taken += length;
        }
        Ok(taken)
    }

    /// Takes a row, if the bytes hold the whole of it: how many they were.
    fn row(
        &mut self,
        bytes: &[u8],
        take: &mut impl FnMut(&Row<'_, N>),
    ) -> Result<Option<usize>, EngineError> {
        if !self.header_seen {
            if bytes.len() < HEADER {
                return Ok(None);
            }
            if !bytes.starts_with(SIGNATURE) {
                return Err(malformed("its signature is missing"));
            }
            self.header_seen = true;
            return Ok(Some(HEADER));
        }
        let Some((count, mut rest)) = bytes.split_first_chunk::<2>() else { return Ok(None) };
        let count = i16::from_be_bytes(*count);
        if count == -1 {
            self.finished = true;
            return Ok(Some(2));
        }
        if usize::try_from(count) != Ok(N) {
            return Err(malformed("a row has another number of columns"));
        }
        let mut row: Row<'_, N> = [None; N];
        for column in &mut row {
            let Some((length, after)) = rest.split_first_chunk::<4>() else { return Ok(None) };
            rest = after;
            let Ok(length) = usize::try_from(i32::from_be_bytes(*length)) else { continue };
            let Some((value, after)) = rest.split_at_checked(length) else { return Ok(None) };
            *column = Some(value);
            rest = after;
        }
        take(&row);
        Ok(Some(bytes.len() - rest.len()))
    }
}

/// The chunks of a COPY, after an empty one once the database has accepted it. Its connection lies
/// inside: it is closed when they end, or when they are dropped before.
fn chunks(mut connection: PgConnection, sql: String) -> Chunks {
    let (gives, mut takes) = mpsc::channel::<Bytes>(AHEAD);
    // It runs whenever the chunks are asked for, on the task of whoever asks.
    let copying = async move {
        let mut copy = connection.copy_out_raw(&sql).await?;
        let mut chunk = BytesMut::new();
        // Nobody takes them any more: that is how a COPY is given up.
        let mut wanted = gives.send(Bytes::new()).await.is_ok();
        while wanted && let Some(row) = next_row(&mut copy).await.transpose()? {
            chunk.extend_from_slice(&row);
            if chunk.len() >= CHUNK {
                wanted = gives.send(chunk.split().freeze()).await.is_ok();
            }
        }
        let _ = gives.send(chunk.freeze()).await;
        drop(copy);
        // Everything has come: how the connection ends is of no matter.
        let _ = connection.close().await;
        Ok::<(), sqlx::Error>(())
    };
    let failed = stream::once(copying).filter_map(|done| ready(done.err().map(Err)));
    let arrived = stream::poll_fn(move |context| takes.poll_recv(context).map(|next| next.map(Ok)));
    stream::select(arrived, failed).boxed()
}

/// The next row. To wake a thread that rests costs the database about as much as a few dozen rows
/// do, for every 8 KiB that it sends: so it is looked for a while before this one rests.
async fn next_row<S: Stream + Unpin>(copy: &mut S) -> Option<S::Item> {
    for _ in 0..LOOKS {
        match copy.next().now_or_never() {
            Some(next) => return next,
            None => tokio::task::yield_now().await,
        }
    }
    copy.next().await
}

fn malformed(problem: &'static str) -> EngineError {
    EngineError::Store(StoreError::Copy(problem))
}
