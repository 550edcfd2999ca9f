//! The envelope of an event: its place in the order, its two times, its origin, and its line.
//!
//! The *line* is one line of canonical JSON with a fixed field order, the payload and the origin
//! verbatim as stored. The log's JSONL export is exactly these lines, and a leaf of the tree is
//! the hash of one, so anyone can check the ledger with a SHA-256 tool.

use std::{fmt, str::FromStr};

use chrono::NaiveDate;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    coupon::CouponCode,
    event::{DecodeError, Event},
    ids::{AccountId, PlanId},
    merkle::{Hash, leaf_hash},
    time::Timestamp,
};

/// The version of the line's own format; part of what is hashed.
pub const LINE_FORMAT: u32 = 1;

/// Which stream an event belongs to: the consistency boundary of the rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum StreamId {
    /// The ledger's own facts.
    Book,
    /// Keys.
    Access,
    /// One plan.
    Plan(PlanId),
    /// One coupon.
    Coupon(CouponCode),
    /// One customer's billing.
    Account(AccountId),
}

impl fmt::Display for StreamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Book => f.write_str("book"),
            Self::Access => f.write_str("access"),
            Self::Plan(id) => write!(f, "plan:{id}"),
            Self::Coupon(code) => write!(f, "coupon:{code}"),
            Self::Account(id) => write!(f, "account:{id}"),
        }
    }
}

impl FromStr for StreamId {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let unknown =
            || format!("`{text}` is not book, access, plan:<id>, coupon:<code> or account:<id>");
        match text.split_once(':') {
            None if text == "book" => Ok(Self::Book),
            None if text == "access" => Ok(Self::Access),
            Some(("plan", id)) => id.parse().map(Self::Plan).map_err(|_| unknown()),
            Some(("coupon", code)) => code.parse().map(Self::Coupon).map_err(|_| unknown()),
            Some(("account", id)) => id.parse().map(Self::Account).map_err(|_| unknown()),
            None | Some(_) => Err(unknown()),
        }
    }
}

/// Who made an event happen, how and why. Never personal data: actors are ids.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Origin {
    /// `key:<id>`, `cli`, or the name of the part of Daybook that acted.
    pub actor: String,
    /// The way in: `http`, `cli`, `schedule`.
    pub via: String,
    /// The reason that the caller gave.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The id of the HTTP request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// The caller's `Idempotency-Key`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub idempotency_key: Option<String>,
}

/// A row of the log exactly as stored: what is hashed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// 1, 2, 3, … without gaps.
    pub position: i64,
    /// The stream's text form.
    pub stream: String,
    /// 1, 2, 3, … within the stream.
    pub version: i64,
    /// The permanent type name.
    pub type_name: String,
    /// The payload's schema version.
    pub schema_version: i16,
    /// When the ledger learned it.
    pub recorded_at: Timestamp,
    /// When it counts.
    pub effective_at: Timestamp,
    /// The accounting day, in the seller's zone.
    pub posting_on: NaiveDate,
    /// The document, plan or order number that was assigned with it.
    pub number: Option<String>,
    /// JSON text, verbatim.
    pub origin: String,
    /// JSON text, verbatim.
    pub payload: String,
}

/// The line's fields before the two verbatim texts, in their fixed order.
#[derive(Serialize)]
struct LineHead<'a> {
    format: u32,
    ledger: Uuid,
    position: i64,
    stream: &'a str,
    version: i64,
    #[serde(rename = "type")]
    type_name: &'a str,
    schema: i16,
    recorded_at: Timestamp,
    effective_at: Timestamp,
    posting_on: NaiveDate,
    number: Option<&'a str>,
}

impl Stored {
    /// The canonical line, without its line feed: origin and payload go in byte for byte.
    #[must_use]
    pub fn line(&self, ledger: Uuid) -> String {
        let mut line = serde_json::to_string(&LineHead {
            format: LINE_FORMAT,
            ledger,
            position: self.position,
            stream: &self.stream,
            version: self.version,
            type_name: &self.type_name,
            schema: self.schema_version,
            recorded_at: self.recorded_at,
            effective_at: self.effective_at,
            posting_on: self.posting_on,
            number: self.number.as_deref(),
        })
        .expect("a line's head is plain data");
        line.pop();
        for (field, json) in [("origin", &self.origin), ("payload", &self.payload)] {
            line.extend([",\"", field, "\":", json]);
        }
        line.push('}');
        line
    }

    /// The hash of the line.
    #[must_use]
    pub fn leaf(&self, ledger: Uuid) -> Hash {
        leaf_hash(self.line(ledger).as_bytes())
    }

    /// The event with its envelope, decoded.
    ///
    /// # Errors
    /// A type, stream or shape that today's code does not know: history is never skipped.
    pub fn decode(&self) -> Result<Recorded, DecodeError> {
        let shape = |source| DecodeError::Shape { type_name: self.type_name.clone(), source };
        let unknown = || DecodeError::UnknownType {
            type_name: format!("{} in stream {}", self.type_name, self.stream),
            version: self.schema_version,
        };
        Ok(Recorded {
            position: self.position,
            stream: self.stream.parse().map_err(|_| unknown())?,
            version: self.version,
            recorded_at: self.recorded_at,
            effective_at: self.effective_at,
            posting_on: self.posting_on,
            number: self.number.clone(),
            origin: serde_json::from_str(&self.origin).map_err(shape)?,
            event: Event::decode(&self.type_name, self.schema_version, &self.payload)?,
        })
    }
}

/// An event as it was recorded.
#[derive(Debug, Clone, PartialEq)]
pub struct Recorded {
    /// 1, 2, 3, … without gaps.
    pub position: i64,
    /// Which stream.
    pub stream: StreamId,
    /// 1, 2, 3, … within the stream.
    pub version: i64,
    /// When the ledger learned it; never decreasing.
    pub recorded_at: Timestamp,
    /// When it counts; never after `recorded_at`, never decreasing within a stream.
    pub effective_at: Timestamp,
    /// The accounting day, in the seller's zone.
    pub posting_on: NaiveDate,
    /// The document, plan or order number that was assigned with it.
    pub number: Option<String>,
    /// Who, how, why.
    pub origin: Origin,
    /// What happened.
    pub event: Event,
}

impl Recorded {
    /// The account whose stream it belongs to, if it is an account's.
    #[must_use]
    pub fn account(&self) -> Option<AccountId> {
        match self.stream {
            StreamId::Account(id) => Some(id),
            StreamId::Book | StreamId::Access | StreamId::Plan(_) | StreamId::Coupon(_) => None,
        }
    }

    /// The row that keeps it.
    #[must_use]
    pub fn to_stored(&self) -> Stored {
        Stored {
            position: self.position,
            stream: self.stream.to_string(),
            version: self.version,
            type_name: self.event.type_name().to_owned(),
            schema_version: self.event.schema_version(),
            recorded_at: self.recorded_at,
            effective_at: self.effective_at,
            posting_on: self.posting_on,
            number: self.number.clone(),
            origin: serde_json::to_string(&self.origin).expect("an origin is plain data"),
            payload: self.event.payload(),
        }
    }
}
