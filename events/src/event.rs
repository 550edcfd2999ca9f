//! Every event: what happened, in the past tense, in the trade's own words.
//!
//! A stored type name (`invoice.issued`) and its shape are permanent: a changed meaning is a new
//! type, a changed shape is a new schema version that [`Event::decode`] still reads. Golden files
//! under `tests/golden/events` keep every shape ever released.

mod access;
mod account;
mod book;
mod coupon;
mod credit;
mod document;
mod invoice;
mod order;
mod payment;
mod plan;
mod profile;
mod subscription;
mod usage;

use serde::Serialize;
use thiserror::Error;

pub use self::{
    access::*, account::*, book::*, coupon::*, credit::*, document::*, invoice::*, order::*,
    payment::*, plan::*, profile::*, subscription::*, usage::*,
};

/// A stored event that today's code cannot read.
#[derive(Debug, Error)]
pub enum DecodeError {
    /// No such type and version.
    #[error("no event `{type_name}` of schema version {version} is known")]
    UnknownType {
        /// The stored type name.
        type_name: String,
        /// The stored schema version.
        version: i16,
    },
    /// The payload is not of the type's shape.
    #[error("the payload of `{type_name}` is not of its shape")]
    Shape {
        /// The stored type name.
        type_name: String,
        /// What serde says of it.
        source: serde_json::Error,
    },
}

/// Declares an enum of events, each variant a struct of the same name, with its stored type name
/// and its newest schema version, and the group that it belongs to.
macro_rules! events {
    ($(#[$doc:meta])* $name:ident of $group:ident { $($variant:ident $type_name:literal v $version:literal,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq)]
        pub enum $name {
            $(#[doc = concat!("`", $type_name, "`")] $variant($variant),)*
        }

        impl $name {
            /// The stored type names with their newest schema versions.
            pub fn types() -> Vec<(&'static str, i16)> {
                vec![$(($type_name, $version),)*]
            }

            /// The permanent type name.
            #[must_use]
            pub fn type_name(&self) -> &'static str {
                match self { $(Self::$variant(_) => $type_name,)* }
            }

            /// The schema version that is written today.
            #[must_use]
            pub fn schema_version(&self) -> i16 {
                match self { $(Self::$variant(_) => $version,)* }
            }

            /// The payload as the exact JSON text that is stored and hashed.
            #[must_use]
            pub fn payload(&self) -> String {
                match self { $(Self::$variant(event) => $crate::event::json(event),)* }
            }

            pub(super) fn decode_of_type(
                type_name: &str,
                version: i16,
                payload: &str,
            ) -> Option<Result<Self, serde_json::Error>> {
                $(if (type_name, version) == ($type_name, $version) {
                    return Some(serde_json::from_str(payload).map(Self::$variant));
                })*
                None
            }
        }

        $(impl From<$variant> for $crate::event::Event {
            fn from(event: $variant) -> Self {
                $group::from($name::$variant(event)).into()
            }
        })*
    };
}
use events;

/// Declares an enum of groups of events.
macro_rules! groups {
    ($(#[$doc:meta])* $name:ident { $($(#[$of:meta])* $variant:ident($group:ident),)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq)]
        pub enum $name {
            $($(#[$of])* $variant($group),)*
        }

        impl $name {
            /// Every stored type name with its newest schema version.
            #[must_use]
            pub fn types() -> Vec<(&'static str, i16)> {
                [$($group::types(),)*].concat()
            }

            /// The permanent type name, such as `invoice.issued`.
            #[must_use]
            pub fn type_name(&self) -> &'static str {
                match self { $(Self::$variant(event) => event.type_name(),)* }
            }

            /// The schema version that is written today.
            #[must_use]
            pub fn schema_version(&self) -> i16 {
                match self { $(Self::$variant(event) => event.schema_version(),)* }
            }

            /// The payload as the exact JSON text that is stored and hashed.
            #[must_use]
            pub fn payload(&self) -> String {
                match self { $(Self::$variant(event) => event.payload(),)* }
            }

            pub(super) fn decode_of_type(
                type_name: &str,
                version: i16,
                payload: &str,
            ) -> Option<Result<Self, serde_json::Error>> {
                $(if let Some(event) = $group::decode_of_type(type_name, version, payload) {
                    return Some(event.map(Self::$variant));
                })*
                None
            }
        }

        $(impl From<$group> for $name {
            fn from(event: $group) -> Self {
                Self::$variant(event)
            }
        })*
    };
}
use groups;

fn json<T: Serialize>(event: &T) -> String {
    serde_json::to_string(event).expect("events are plain data with string keys")
}

groups! {
    /// Any event of any stream.
    #[expect(clippy::large_enum_variant, reason = "events live behind an Arc, one each")]
    Event {
        /// Of an account's stream.
        Account(AccountEvent),
        /// Of a plan's stream.
        Plan(PlanEvent),
        /// Of a coupon's stream.
        Coupon(CouponEvent),
        /// Of the access stream.
        Access(AccessEvent),
        /// Of the book's own stream.
        Book(BookEvent),
    }
}

impl Event {
    /// Whether it parks an account.
    #[must_use]
    pub fn parks(&self) -> bool {
        matches!(self, Self::Account(AccountEvent::Profile(ProfileEvent::AccountParked(_))))
    }

    /// Reads a stored payload. This is where older schema versions are lifted to today's shape;
    /// before the first release there are none.
    ///
    /// # Errors
    /// An unknown type or version, or a payload of another shape.
    pub fn decode(type_name: &str, version: i16, payload: &str) -> Result<Self, DecodeError> {
        Self::decode_of_type(type_name, version, payload)
            .ok_or_else(|| DecodeError::UnknownType { type_name: type_name.to_owned(), version })?
            .map_err(|source| DecodeError::Shape { type_name: type_name.to_owned(), source })
    }
}
