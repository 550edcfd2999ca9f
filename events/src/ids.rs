//! Ids: a newtype each, with a prefix in text, so that one kind never passes for another.
//!
//! Text form: prefix and 32 lower-case hex digits, such as `acc_0190…`. Ids are made by
//! [`crate::draft::Draft`] from the seed of a request and the instant, never from randomness here.

use std::{fmt, str::FromStr};

use thiserror::Error;
use uuid::Uuid;

/// A text that is not an id of the wanted kind.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("an id of this kind is `{prefix}` and 32 lower-case hex digits")]
pub struct IdError {
    /// The prefix of the wanted kind.
    pub prefix: &'static str,
}

/// What every id can do.
pub trait Id: Copy + Sized {
    /// The text prefix, with its underscore.
    const PREFIX: &'static str;
    /// From the bare number.
    fn from_uuid(uuid: Uuid) -> Self;
}

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident $prefix:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Uuid);

        impl Id for $name {
            const PREFIX: &'static str = $prefix;
            fn from_uuid(uuid: Uuid) -> Self {
                Self(uuid)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($prefix, "{}"), self.0.as_simple())
            }
        }

        impl FromStr for $name {
            type Err = IdError;
            fn from_str(text: &str) -> Result<Self, IdError> {
                parse($prefix, text).map(Self)
            }
        }

        crate::text::as_text!($name, {
            "pattern": concat!("^", $prefix, "[0-9a-f]{32}$"),
            "examples": [concat!($prefix, "01900000000070008000000000000001")],
        });
    )*};
}

ids! {
    /// One customer of the panel: the consistency boundary of billing.
    AccountId "acc_";
    /// A purchasable tier.
    PlanId "plan_";
    /// An intent to buy, or to pay an open invoice.
    OrderId "ord_";
    /// One account's right to a plan, period after period.
    SubscriptionId "sub_";
    /// A demand for money.
    InvoiceId "inv_";
    /// The reversal of (part of) an invoice.
    CreditNoteId "cn_";
    /// Money that arrived.
    PaymentId "pay_";
    /// Money that goes back.
    RefundId "ref_";
    /// An API key.
    KeyId "key_";
    /// A session of a user, opened by a key.
    SessionId "ses_";
    /// Credit given or an invoice written off by hand.
    AdjustmentId "adj_";
    /// Room set aside under a limit.
    ReservationId "res_";
    /// A plan's limits on their way to its subscribers.
    ReapplicationId "rea_";
    /// Where outgoing webhooks go.
    EndpointId "whe_";
    /// An export of the books.
    SnapshotId "snap_";
    /// One webhook on its way: its `webhook-id`, the same in every attempt.
    DeliveryId "msg_";
}

fn parse(prefix: &'static str, text: &str) -> Result<Uuid, IdError> {
    let canonical = |hex: &&str| {
        hex.len() == 32 && hex.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    };
    text.strip_prefix(prefix)
        .filter(canonical)
        .and_then(|hex| Uuid::try_parse(hex).ok())
        .ok_or(IdError { prefix })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_reads_back_what_it_prints() {
        let id = AccountId::from_uuid(Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0001));
        assert_eq!(id.to_string(), "acc_01900000000070008000000000000001");
        assert_eq!(id.to_string().parse(), Ok(id));
    }

    #[test]
    fn only_the_one_canonical_spelling_is_an_id() {
        for text in [
            "",
            "acc_",
            "inv_01900000000070008000000000000001",
            "acc_0190000000007000800000000000000",
            "acc_01900000-0000-7000-8000-000000000001",
            "ACC_01900000000070008000000000000001",
            "acc_0190000000007000800000000000000A",
        ] {
            assert!(text.parse::<AccountId>().is_err(), "{text}");
        }
    }
}
