//! How messages are shown, over HTTP and on the command line.

use chrono::{DateTime, SecondsFormat, Utc};
use data_encoding::BASE64;
use daybook_events::ids::AccountId;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use super::{
    inbox::{Kept, Refused},
    reconcile::{PastRun, Report},
};

/// A message, and what became of it.
#[derive(Debug, Serialize, JsonSchema)]
pub struct MessageShape {
    /// Its number: 1, 2, 3, … as they came; some may be missing.
    inbox_id: i64,
    /// The processor that sent it.
    processor: String,
    /// The processor's name of the event; `null` before it is read, and where it cannot be.
    event: Option<String>,
    /// The processor's own id of the message; `null` where it gave none.
    event_id: Option<String>,
    /// What became of it.
    #[schemars(extend("enum" = ["new", "waiting", "booked", "known", "nothing", "aside"]))]
    state: String,
    /// Why it waits or is kept aside; `null` where it does neither.
    code: Option<String>,
    /// The same in a sentence.
    detail: Option<String>,
    /// The account that it is about; `null` where that is not known.
    #[schemars(with = "Option<AccountId>")]
    account_id: Option<String>,
    /// The positions of the log that it brought about.
    positions: Vec<i64>,
    /// How often it was read.
    tries: i32,
    /// The instant at which it came.
    received_at: String,
    /// The instant at which it is read again; `null` where it is settled.
    next_at: Option<String>,
    /// SHA-256 of its bytes, in hex: what it is known by.
    digest: String,
}

/// A message with everything that came.
#[derive(Debug, Serialize, JsonSchema)]
pub struct MessageInFull {
    #[serde(flatten)]
    message: MessageShape,
    /// Its headers, without credentials.
    headers: Value,
    #[serde(flatten)]
    body: Bytes,
}

/// Bytes as JSON can carry them.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Bytes {
    /// The bytes as text; `null` where they are none.
    text: Option<String>,
    /// The bytes in base64; `null` where they are text.
    base64: Option<String>,
}

impl Bytes {
    fn of(bytes: Vec<u8>) -> Self {
        match String::from_utf8(bytes) {
            Ok(text) => Self { text: Some(text), base64: None },
            Err(other) => Self { text: None, base64: Some(BASE64.encode(other.as_bytes())) },
        }
    }
}

/// A message whose signature did not hold: kept for whoever wonders, and never read.
#[derive(Debug, Serialize, JsonSchema)]
pub struct RefusedShape {
    /// Its number.
    refused_id: i64,
    /// The processor that it pretended to come from.
    processor: String,
    /// Why it was refused.
    #[schemars(extend("enum" = ["signature_missing", "signature_invalid", "webhook_secret_missing"]))]
    code: String,
    /// SHA-256 of its bytes, in hex.
    digest: String,
    /// How many bytes it had.
    bytes: i64,
    /// The address that it came from; `null` where that is not known.
    address: Option<String>,
    /// The instant at which it came.
    received_at: String,
    /// Its headers, without credentials.
    headers: Value,
    /// Its first 4 KiB.
    #[serde(flatten)]
    head: Bytes,
}

fn instant(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Micros, true)
}

impl From<Kept> for MessageShape {
    fn from(kept: Kept) -> Self {
        Self {
            inbox_id: kept.inbox_id,
            processor: kept.processor,
            event: kept.event,
            event_id: kept.event_id,
            state: kept.state,
            code: kept.code,
            detail: kept.detail,
            account_id: kept.account_id,
            positions: kept.positions,
            tries: kept.tries,
            received_at: instant(kept.received_at),
            next_at: kept.next_at.map(instant),
            digest: kept.digest,
        }
    }
}

impl From<Refused> for RefusedShape {
    fn from(refused: Refused) -> Self {
        Self {
            refused_id: refused.refused_id,
            processor: refused.processor,
            code: refused.code,
            digest: refused.digest,
            bytes: refused.bytes,
            address: refused.address,
            received_at: instant(refused.received_at),
            headers: refused.headers.0,
            head: Bytes::of(refused.head),
        }
    }
}

impl From<Kept> for MessageInFull {
    fn from(mut kept: Kept) -> Self {
        let headers = std::mem::take(&mut kept.headers.0);
        let body = Bytes::of(std::mem::take(&mut kept.body));
        Self { message: kept.into(), headers, body }
    }
}

impl MessageShape {
    /// The columns that a list on the command line has.
    pub(crate) fn cells(&self) -> Vec<String> {
        vec![
            self.inbox_id.to_string(),
            self.received_at.clone(),
            self.processor.clone(),
            self.event.clone().unwrap_or_default(),
            self.state.clone(),
            self.code.clone().unwrap_or_default(),
            self.positions.iter().map(i64::to_string).collect::<Vec<_>>().join(" "),
        ]
    }
}

impl RefusedShape {
    /// The columns that a list on the command line has.
    pub(crate) fn cells(&self) -> Vec<String> {
        vec![
            self.refused_id.to_string(),
            self.received_at.clone(),
            self.processor.clone(),
            self.code.clone(),
            self.bytes.to_string(),
            self.address.clone().unwrap_or_default(),
        ]
    }
}

/// A run of the reconciler at one processor.
#[derive(Debug, Serialize, JsonSchema)]
pub struct RunShape {
    /// Its number.
    pub(crate) reconciliation_id: i64,
    /// Which processor was asked.
    processor: String,
    /// From this instant on what it did was compared.
    from: String,
    /// Up to this instant.
    to: String,
    /// Whether it answered everything.
    complete: bool,
    /// The instant at which the run was over.
    finished_at: String,
    /// What was asked and what differed.
    #[serde(flatten)]
    report: Report,
}

impl From<PastRun> for RunShape {
    fn from(run: PastRun) -> Self {
        Self {
            reconciliation_id: run.reconciliation_id,
            processor: run.processor,
            from: instant(run.from_at),
            to: instant(run.to_at),
            complete: run.complete,
            finished_at: instant(run.finished_at),
            report: run.report.0,
        }
    }
}
