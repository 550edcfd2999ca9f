//! The socket under a connection, with the patience that hyper does not have.

use std::{
    future::Future,
    io,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    time::{Sleep, sleep},
};

use super::LINGER;

/// A socket that gives up on a caller who does not take its answer, which hyper does not, and
/// that reads on for a moment when it is closed; see `LINGER`.
pub(super) struct Wire {
    stream: TcpStream,
    send_time: Duration,
    alarm: Option<Pin<Box<Sleep>>>,
    closing: bool,
}

impl Wire {
    pub(super) fn new(stream: TcpStream, send_time: Duration) -> Self {
        Self { stream, send_time, alarm: None, closing: false }
    }

    /// Passes progress on, and turns too long a wait for it into an error.
    fn patient(
        &mut self,
        cx: &mut Context<'_>,
        sent: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        if sent.is_ready() {
            self.alarm = None;
            return sent;
        }
        ready!(self.poll_alarm(cx, self.send_time));
        Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the caller takes no answer")))
    }

    /// Ready when the alarm rings; sets it if none is set.
    fn poll_alarm(&mut self, cx: &mut Context<'_>, time: Duration) -> Poll<()> {
        self.alarm.get_or_insert_with(|| Box::pin(sleep(time))).as_mut().poll(cx)
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, into)
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let sent = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.patient(cx, sent)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let sent = Pin::new(&mut self.stream).poll_write_vectored(cx, parts);
        self.patient(cx, sent)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !self.closing {
            ready!(Pin::new(&mut self.stream).poll_shutdown(cx))?;
            self.closing = true;
            self.alarm = None;
        }
        // Before reading: a caller who never stops sending must not keep the alarm from ringing.
        if self.poll_alarm(cx, LINGER).is_ready() {
            return Poll::Ready(Ok(()));
        }
        let mut waste = [0; 4096];
        loop {
            let mut space = ReadBuf::new(&mut waste);
            let read = ready!(Pin::new(&mut self.stream).poll_read(cx, &mut space));
            if read.is_err() || space.filled().is_empty() {
                return Poll::Ready(Ok(()));
            }
        }
    }
}
