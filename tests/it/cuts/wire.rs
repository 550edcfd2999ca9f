//! One request over a bare socket, which may be cut at any byte.

use std::{net::SocketAddr, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::idempotency::Asked;

/// A hang fails, and does not hold the suite up.
const HANG: Duration = Duration::from_secs(60);

/// A request, byte by byte, and whom it is for.
pub(super) struct Asking {
    address: SocketAddr,
    bytes: Vec<u8>,
}

/// What came back before the connection ended.
#[derive(Default)]
pub(super) struct Heard {
    pub(super) status: u16,
    pub(super) text: String,
    pub(super) bytes: usize,
}

impl Heard {
    fn of(bytes: &[u8]) -> Self {
        let text = String::from_utf8_lossy(bytes).into_owned();
        let status = text.get(9..12).and_then(|status| status.parse().ok()).unwrap_or(0);
        Self { status, bytes: bytes.len(), text }
    }

    /// The body, as far as it came.
    pub(super) fn body(&self) -> &str {
        self.text.split_once("\r\n\r\n").map_or("", |(_, body)| body)
    }
}

impl Asking {
    pub(super) fn new(address: SocketAddr, asked: &Asked, key: &str) -> Self {
        let Asked { method, path, api_key, account, body } = asked;
        let account = account.as_ref().map(|id| format!("Daybook-Account: {id}\r\n"));
        let text = format!(
            "{method} {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {api_key}\r\n{}\
             Idempotency-Key: {key}\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
            account.unwrap_or_default(),
            body.len()
        );
        Self { address, bytes: text.into_bytes() }
    }

    /// How many bytes the request has.
    pub(super) fn length(&self) -> usize {
        self.bytes.len()
    }

    /// Asks, and hears the whole answer.
    pub(super) async fn whole(&self) -> Heard {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(&self.bytes).await.unwrap();
        let mut answer = Vec::new();
        let all = stream.read_to_end(&mut answer);
        tokio::time::timeout(HANG, all).await.expect("an answer").unwrap();
        Heard::of(&answer)
    }

    /// Asks, and cuts the connection after a byte: of the request, or beyond it of the answer. Half
    /// of the cuts are resets, the others look like a caller who has closed.
    pub(super) async fn cut_at(&self, point: usize) -> Heard {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        let asked = point.min(self.bytes.len());
        stream.write_all(&self.bytes[..asked]).await.unwrap();
        let mut answer = vec![0; point - asked];
        let mut heard = 0;
        while heard < answer.len() {
            let piece = stream.read(&mut answer[heard..]);
            match tokio::time::timeout(HANG, piece).await.expect("an answer").unwrap() {
                0 => break,
                more => heard += more,
            }
        }
        if point.is_multiple_of(2) {
            stream.set_zero_linger().unwrap();
        }
        Heard::of(&answer[..heard])
    }
}
