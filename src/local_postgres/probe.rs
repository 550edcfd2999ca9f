//! Asks a server whether it is ready, by the first exchange of the wire protocol: a server that
//! starts, recovers or stops accepts the connection but not the session.

use std::path::Path;
use std::time::Duration;

use tokio::net::UnixStream;
use tokio::time::timeout;

/// The port that names the socket; nothing listens on it in any network.
pub(super) const PORT: u16 = 5432;

/// The socket's name for [`PORT`].
pub(super) const SOCKET_NAME: &str = ".s.PGSQL.5432";

/// How long one exchange may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// Longer messages than this are none that a server opens with.
const MESSAGE_MAX: usize = 65_536;

/// `cannot_connect_now`: starting, recovering or stopping.
const CANNOT_CONNECT_NOW: &str = "57P03";

/// `too_many_connections`: busy, hence up.
const TOO_MANY_CONNECTIONS: &str = "53300";

/// What a server answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Answer {
    /// It takes sessions.
    Ready,
    /// It is there, but takes none now.
    NotNow,
    /// It refuses this one.
    Refused { code: String, message: String },
    /// There is none, or it says nothing.
    Silent,
}

/// Tries to begin a session as `postgres`, and ends it at once.
pub(super) async fn ask(socket: &Path) -> Answer {
    match timeout(PATIENCE, exchange(socket)).await {
        Ok(Ok(answer)) => answer,
        Ok(Err(error)) => {
            tracing::trace!(socket = %socket.display(), %error, "no answer");
            Answer::Silent
        }
        Err(_) => Answer::Silent,
    }
}

async fn exchange(socket: &Path) -> std::io::Result<Answer> {
    let stream = UnixStream::connect(socket).await?;
    send(&stream, &startup_message()).await?;
    let mut read = Vec::new();
    loop {
        while let Some((kind, body, length)) = first_message(&read)? {
            match kind {
                b'E' => return Ok(judge(body)),
                // Only now is the session complete; breaking off sooner would fill the log with
                // complaints about lost connections.
                b'Z' => {
                    send(&stream, &[b'X', 0, 0, 0, 4]).await?;
                    return Ok(Answer::Ready);
                }
                _ => drop(read.drain(..length)),
            }
        }
        if receive(&stream, &mut read).await? == 0 {
            return Ok(Answer::Silent);
        }
    }
}

/// Protocol 3.0, user and database.
fn startup_message() -> Vec<u8> {
    let parameters = b"user\0postgres\0database\0postgres\0application_name\0daybook probe\0\0";
    let length = u32::try_from(8 + parameters.len()).expect("a message of some 60 bytes");
    [&length.to_be_bytes(), &196_608_u32.to_be_bytes(), parameters.as_slice()].concat()
}

/// The first complete message: its kind, its body and its length in all.
fn first_message(read: &[u8]) -> std::io::Result<Option<(u8, &[u8], usize)>> {
    let Some((&[kind, a, b, c, d], rest)) = read.split_first_chunk() else { return Ok(None) };
    let length = usize::try_from(u32::from_be_bytes([a, b, c, d])).unwrap_or(usize::MAX);
    if !(4..=MESSAGE_MAX).contains(&length) {
        return Err(std::io::Error::other("not a Postgres server"));
    }
    Ok(rest.get(..length - 4).map(|body| (kind, body, length + 1)))
}

/// Reads the fields of an error: a letter and a text each.
fn judge(body: &[u8]) -> Answer {
    let field = |letter| {
        let mut fields = body.split(|&byte| byte == 0);
        let found = fields.find_map(|field| field.strip_prefix(&[letter]));
        found.map(|text| String::from_utf8_lossy(text).into_owned()).unwrap_or_default()
    };
    let (code, message) = (field(b'C'), field(b'M'));
    match code.as_str() {
        CANNOT_CONNECT_NOW => Answer::NotNow,
        TOO_MANY_CONNECTIONS => Answer::Ready,
        // 57P01 to 57P05: it is being shut down or has crashed under us.
        other if other.starts_with("57P") => Answer::NotNow,
        _ => Answer::Refused { code, message },
    }
}

async fn send(stream: &UnixStream, mut bytes: &[u8]) -> std::io::Result<()> {
    while !bytes.is_empty() {
        stream.writable().await?;
        match stream.try_write(bytes) {
            Ok(written) => bytes = bytes.get(written..).unwrap_or_default(),
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

async fn receive(stream: &UnixStream, into: &mut Vec<u8>) -> std::io::Result<usize> {
    let mut buffer = [0; 4096];
    loop {
        stream.readable().await?;
        match stream.try_read(&mut buffer) {
            Ok(length) => {
                into.extend_from_slice(buffer.get(..length).unwrap_or_default());
                return Ok(length);
            }
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_cut_where_they_end() {
        assert_eq!(first_message(b"R\0\0\0").unwrap(), None);
        assert_eq!(first_message(b"R\0\0\0\x08\0\0\0").unwrap(), None);
        let whole = b"R\0\0\0\x08\0\0\0\0rest";
        assert_eq!(first_message(whole).unwrap(), Some((b'R', &[0; 4][..], 9)));
        assert!(first_message(b"HTTP/1.1 400").is_err());
    }

    #[test]
    fn errors_are_judged_by_their_code() {
        let body = |code: &str| format!("SFATAL\0VFATAL\0C{code}\0Mno\0\0").into_bytes();
        assert_eq!(judge(&body("57P03")), Answer::NotNow);
        assert_eq!(judge(&body("53300")), Answer::Ready);
        let refused = Answer::Refused { code: "28000".to_owned(), message: "no".to_owned() };
        assert_eq!(judge(&body("28000")), refused);
    }
}
