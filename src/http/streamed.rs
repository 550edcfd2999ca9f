//! Bodies that are made while they are sent: in bounded memory, and never cut short unseen.
//!
//! A body is made on a task of its own, a few chunks ahead of its reader. It ends only where its
//! maker says that it is whole: one that fails, panics or is stopped breaks the transfer, so that
//! no client takes a part for the whole.

use std::{error::Error, fmt, io};

use bytes::Bytes;
use futures_util::{Stream, stream};
use tokio::sync::mpsc;

/// How many chunks wait for a slow reader.
const AHEAD: usize = 4;
/// How large a chunk is about to be, in bytes.
const CHUNK: usize = 1 << 16;

/// What its maker says.
#[derive(Debug)]
enum Piece {
    /// So it goes on.
    More(Bytes),
    /// It is whole.
    End,
}

/// A body that is made while it is sent.
pub struct Streamed(mpsc::Receiver<Piece>);

impl fmt::Debug for Streamed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Streamed(…)")
    }
}

/// Where the maker of a body puts it.
#[derive(Debug)]
pub struct Sink {
    pieces: mpsc::Sender<Piece>,
    buffer: Vec<u8>,
}

/// Its reader has gone away: there is no sense in making the rest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the reader has gone away")]
pub struct Gone;

impl Sink {
    /// What is to be written next; [`Sink::sent`] sends it once it is large enough.
    pub fn buffer(&mut self) -> &mut Vec<u8> {
        &mut self.buffer
    }

    /// Sends what has gathered, where it is worth it, and waits for a slow reader.
    ///
    /// # Errors
    /// The reader has gone away.
    pub async fn sent(&mut self) -> Result<(), Gone> {
        if self.buffer.len() < CHUNK { Ok(()) } else { self.flush().await }
    }

    async fn flush(&mut self) -> Result<(), Gone> {
        let full = std::mem::replace(&mut self.buffer, Vec::with_capacity(CHUNK + CHUNK / 8));
        self.pieces.send(Piece::More(full.into())).await.map_err(|_| Gone)
    }
}

impl Streamed {
    /// A body that `make` makes, on a task of its own.
    pub fn by<M, F>(make: M) -> Self
    where
        M: FnOnce(Sink) -> F,
        F: Future<Output = Result<Sink, Box<dyn Error + Send + Sync>>> + Send + 'static,
    {
        let (pieces, body) = mpsc::channel(AHEAD);
        let making = make(Sink { pieces, buffer: Vec::new() });
        tokio::spawn(async move {
            match making.await {
                Ok(mut sink) => {
                    if sink.buffer.is_empty() || sink.flush().await.is_ok() {
                        // Nobody left to tell is no reason to fail.
                        let _ = sink.pieces.send(Piece::End).await;
                    }
                }
                Err(error) if error.is::<Gone>() => tracing::debug!("a reader has gone away"),
                Err(error) => tracing::error!(%error, "an answer broke off"),
            }
        });
        Self(body)
    }

    /// As a stream of chunks that fails where the body is not whole.
    pub(super) fn chunks(self) -> impl Stream<Item = io::Result<Bytes>> + Send + Sync + 'static {
        stream::unfold(Some(self.0), async |body| {
            let mut body = body?;
            match body.recv().await {
                Some(Piece::More(chunk)) => Some((Ok(chunk), Some(body))),
                Some(Piece::End) => None,
                None => Some((Err(io::Error::other("the answer broke off")), None)),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use futures_util::StreamExt;

    use super::*;

    async fn read(body: Streamed) -> (Vec<u8>, bool) {
        let mut chunks = std::pin::pin!(body.chunks());
        let (mut bytes, mut broken) = (Vec::new(), false);
        while let Some(chunk) = chunks.next().await {
            match chunk {
                Ok(chunk) => bytes.extend_from_slice(&chunk),
                Err(_) => broken = true,
            }
        }
        (bytes, broken)
    }

    async fn some(mut sink: Sink, much: usize) -> Result<Sink, Gone> {
        for _ in 0..much {
            sink.buffer().extend_from_slice(b"0123456789");
            sink.sent().await?;
        }
        Ok(sink)
    }

    #[tokio::test]
    async fn a_whole_body_ends() {
        for much in [0, 1, 100_000] {
            let body = Streamed::by(|sink| async move { Ok(some(sink, much).await?) });
            let (bytes, broken) = read(body).await;
            assert_eq!((bytes.len(), broken), (much * 10, false));
        }
    }

    #[tokio::test]
    async fn one_that_fails_or_panics_breaks_and_never_ends_cleanly() {
        let failing = Streamed::by(|sink| async move {
            some(sink, 10_000).await?;
            Err("the database went away".into())
        });
        assert!(read(failing).await.1);
        let panicking = Streamed::by(|sink| async move {
            let sink = some(sink, 10_000).await?;
            assert!(sink.buffer.capacity() == 0, "a planted panic");
            Ok(sink)
        });
        assert!(read(panicking).await.1);
    }

    #[tokio::test]
    async fn a_reader_that_goes_away_stops_the_making() {
        let (told, hears) = tokio::sync::oneshot::channel();
        let body = Streamed::by(|sink| async move {
            let stopped = some(sink, usize::MAX).await;
            let _ = told.send(stopped.is_err());
            Ok(stopped?)
        });
        drop(body);
        assert!(hears.await.unwrap());
    }
}
