//! Reading the whole log by streaming binary COPY: in bounded memory, several times faster than
//! rows.

use bytes::Bytes;
use chrono::{Days, NaiveDate};
use futures_util::{StreamExt, stream::BoxStream};
use sqlx::PgConnection;

use super::{StoreError, read::COLUMNS};
use crate::{envelope::Stored, merkle::Hash, time::Timestamp};

/// A stored event and the leaf hash that is stored beside it.
pub type StoredWithLeaf = (Stored, Hash);

/// Microseconds between 1970 and 2000, where Postgres counts from.
const MICROS_TO_2000: i64 = 946_684_800_000_000;
/// What binary COPY begins with.
const SIGNATURE: &[u8] = b"PGCOPY\n\xff\r\n\0";

type Chunks<'c> = BoxStream<'c, Result<Bytes, sqlx::Error>>;

/// A running COPY of a range of the log.
pub struct LogCopy<'c> {
    chunks: Chunks<'c>,
    buffer: Vec<u8>,
    // How much of the buffer has been taken.
    taken: usize,
    header_seen: bool,
    finished: bool,
}

impl<'c> LogCopy<'c> {
    /// Starts copying the events after a position, up to another, oldest first.
    ///
    /// # Errors
    /// A database that cannot be reached.
    pub async fn start(
        connection: &'c mut PgConnection,
        after: i64,
        until: i64,
    ) -> Result<Self, StoreError> {
        let which = format!("position > {after} and position <= {until} order by position");
        Self::of(connection, &which).await
    }

    /// Starts copying the events of every account up to a position: account by account, in the order
    /// of their ids, each from its first event on.
    ///
    /// # Errors
    /// A database that cannot be reached.
    pub async fn of_accounts(
        connection: &'c mut PgConnection,
        until: i64,
    ) -> Result<Self, StoreError> {
        let which = format!(
            "stream >= 'account:' and stream < 'account;' and position <= {until} \
             order by stream, version"
        );
        Self::of(connection, &which).await
    }

    async fn of(connection: &'c mut PgConnection, which: &str) -> Result<Self, StoreError> {
        let sql =
            format!("copy (select {COLUMNS} from events where {which}) to stdout (format binary)");
        let chunks = connection.copy_out_raw(&sql).await?;
        let (buffer, taken) = (Vec::with_capacity(1 << 16), 0);
        Ok(Self { chunks, buffer, taken, header_seen: false, finished: false })
    }

    /// Copies the whole log and throws it away: what reading it costs by itself. Tells how many
    /// bytes that were.
    ///
    /// # Errors
    /// A database that cannot be reached.
    pub async fn discard(connection: &'c mut PgConnection) -> Result<i64, StoreError> {
        let mut copy = Self::start(connection, 0, i64::MAX).await?;
        let mut bytes = 0;
        while let Some(chunk) = copy.chunks.next().await {
            bytes += i64::try_from(chunk?.len()).unwrap_or(0);
        }
        Ok(bytes)
    }

    /// The next events, at least one; `None` at the end.
    ///
    /// # Errors
    /// A lost connection, or something that is no row of the log.
    pub async fn next(&mut self) -> Result<Option<Vec<StoredWithLeaf>>, StoreError> {
        const AT_MOST: usize = 1024;
        let mut rows = Vec::new();
        while rows.len() < AT_MOST && !self.finished {
            match self.take_row()? {
                Some(row) => rows.push(row),
                None if self.finished => break,
                None if !self.fill().await? => {
                    return Err(StoreError::Copy("it ends within a row"));
                }
                None => {}
            }
        }
        if self.finished {
            // The protocol's own end follows the trailer; the connection is of no use before it.
            while let Some(chunk) = self.chunks.next().await {
                chunk?;
            }
        }
        Ok(Some(rows).filter(|rows| !rows.is_empty()))
    }

    async fn fill(&mut self) -> Result<bool, StoreError> {
        self.buffer.drain(..self.taken);
        self.taken = 0;
        match self.chunks.next().await {
            None => Ok(false),
            Some(chunk) => {
                self.buffer.extend_from_slice(&chunk?);
                Ok(true)
            }
        }
    }

    /// The next whole row of the buffer, if it holds one.
    fn take_row(&mut self) -> Result<Option<StoredWithLeaf>, StoreError> {
        let mut fields = Fields { bytes: self.buffer.get(self.taken..).unwrap_or_default() };
        if !self.header_seen {
            if fields.bytes.len() < SIGNATURE.len() + 8 {
                return Ok(None);
            }
            if !fields.bytes.starts_with(SIGNATURE) {
                return Err(StoreError::Copy("its signature is missing"));
            }
            self.header_seen = true;
            self.taken += SIGNATURE.len() + 8;
            return self.take_row();
        }
        let before = fields.bytes.len();
        let Some(row) = fields.row()? else { return Ok(None) };
        self.taken += before - fields.bytes.len();
        self.finished = row.is_none();
        Ok(row)
    }
}

/// The fields of a row in binary COPY form: each a length and that many bytes.
struct Fields<'b> {
    bytes: &'b [u8],
}

impl<'b> Fields<'b> {
    /// One row: `None` where the bytes do not reach, `Some(None)` at the trailer.
    fn row(&mut self) -> Result<Option<Option<StoredWithLeaf>>, StoreError> {
        let Some(count) = self.take::<2>().map(i16::from_be_bytes) else { return Ok(None) };
        if count == -1 {
            return Ok(Some(None));
        }
        let mut fields: [Option<&[u8]>; 12] = [None; 12];
        if usize::try_from(count) != Ok(fields.len()) {
            return Err(StoreError::Copy("a row has another number of fields"));
        }
        for field in &mut fields {
            let Some(length) = self.take::<4>().map(i32::from_be_bytes) else { return Ok(None) };
            let Ok(length) = usize::try_from(length) else { continue };
            let Some((bytes, rest)) = self.bytes.split_at_checked(length) else { return Ok(None) };
            *field = Some(bytes);
            self.bytes = rest;
        }
        row_of(fields).map(|row| Some(Some(row)))
    }

    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.bytes.split_first_chunk::<N>()?;
        self.bytes = rest;
        Some(*taken)
    }
}

fn row_of(fields: [Option<&[u8]>; 12]) -> Result<StoredWithLeaf, StoreError> {
    let [
        position,
        stream,
        version,
        type_name,
        schema,
        recorded,
        effective,
        posting,
        number,
        origin,
        payload,
        leaf,
    ] = fields;
    let stored = Stored {
        position: i64::from_be_bytes(fixed(position)?),
        stream: text(stream)?,
        version: i64::from_be_bytes(fixed(version)?),
        type_name: text(type_name)?,
        schema_version: i16::from_be_bytes(fixed(schema)?),
        recorded_at: instant(recorded)?,
        effective_at: instant(effective)?,
        posting_on: day(posting)?,
        number: number.map(|number| text(Some(number))).transpose()?,
        origin: text(origin)?,
        payload: text(payload)?,
    };
    Ok((stored, fixed(leaf)?))
}

fn fixed<const N: usize>(field: Option<&[u8]>) -> Result<[u8; N], StoreError> {
    field
        .and_then(|bytes| bytes.try_into().ok())
        .ok_or(StoreError::Copy("a field has another width"))
}

fn text(field: Option<&[u8]>) -> Result<String, StoreError> {
    let bytes = field.ok_or(StoreError::Copy("a text is missing"))?;
    String::from_utf8(bytes.to_vec()).map_err(|_| StoreError::Copy("a text is not UTF-8"))
}

fn instant(field: Option<&[u8]>) -> Result<Timestamp, StoreError> {
    let micros = i64::from_be_bytes(fixed(field)?);
    micros
        .checked_add(MICROS_TO_2000)
        .and_then(Timestamp::from_micros)
        .ok_or(StoreError::Copy("an instant is out of range"))
}

fn day(field: Option<&[u8]>) -> Result<NaiveDate, StoreError> {
    let days = i32::from_be_bytes(fixed(field)?);
    let from_2000 = Days::new(u64::from(days.unsigned_abs()));
    NaiveDate::from_ymd_opt(2000, 1, 1)
        .and_then(|start| {
            if days < 0 {
                start.checked_sub_days(from_2000)
            } else {
                start.checked_add_days(from_2000)
            }
        })
        .ok_or(StoreError::Copy("a day is out of range"))
}
