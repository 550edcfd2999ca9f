//! API keys and session tokens: made here, shown once, kept as hashes.
//!
//! `dbk_` (a key) or `dbs_` (a session's token) + 40 characters of randomness + 6 of checksum: a
//! mistyped credential is told from a revoked one without asking the database, and scanners of
//! leaked secrets know it by its prefix.

use data_encoding::{BASE32_NOPAD, HEXLOWER};
use sha2::{Digest, Sha256};

const RANDOM_CHARS: usize = 40;
const CHECK_CHARS: usize = 6;
/// How much of a key is kept in the clear, to tell keys apart.
const SHOWN: usize = 10;

/// What sort of credential it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// An API key.
    Key,
    /// A session's token.
    Session,
}

impl Kind {
    fn prefix(self) -> &'static str {
        match self {
            Self::Key => "dbk_",
            Self::Session => "dbs_",
        }
    }

    /// The kind of a text that can be a credential at all: right form, right checksum.
    #[must_use]
    pub fn of(text: &str) -> Option<Self> {
        [Self::Key, Self::Session].into_iter().find(|kind| kind.is_form_of(text))
    }

    fn is_form_of(self, text: &str) -> bool {
        text.strip_prefix(self.prefix())
            .and_then(|rest| rest.split_at_checked(RANDOM_CHARS))
            .is_some_and(|(body, check)| check == self.checksum(body))
    }

    fn make(self, random: [u8; 25]) -> String {
        let body = BASE32_NOPAD.encode(&random).to_ascii_lowercase();
        format!("{}{body}{}", self.prefix(), self.checksum(&body))
    }

    fn checksum(self, body: &str) -> String {
        let digest = Sha256::new().chain_update(self.prefix()).chain_update(body).finalize();
        let mut check = BASE32_NOPAD.encode(&digest).to_ascii_lowercase();
        check.truncate(CHECK_CHARS);
        check
    }
}

/// Declares a freshly made credential. Printing it for debugging shows its prefix only.
macro_rules! credentials {
    ($($(#[$doc:meta])* $name:ident of $kind:ident;)*) => {$(
        $(#[$doc])*
        pub struct $name(String);

        impl $name {
            /// From 25 bytes of randomness.
            #[must_use]
            pub fn from_random(random: [u8; 25]) -> Self {
                Self(Kind::$kind.make(random))
            }

            /// The credential itself, to be shown once.
            #[must_use]
            pub fn reveal(&self) -> &str {
                &self.0
            }

            /// What a list shows of it.
            #[must_use]
            pub fn prefix(&self) -> &str {
                self.0.get(..SHOWN).unwrap_or_default()
            }

            /// What is stored of it.
            #[must_use]
            pub fn hash(&self) -> String {
                hash(&self.0)
            }
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(f, concat!(stringify!($name), "({}…)"), self.prefix())
            }
        }
    )*};
}

credentials! {
    /// An API key.
    ApiKey of Key;
    /// The token of a session.
    SessionToken of Session;
}

/// SHA-256 of a credential, lower-case hex: what is stored and looked up.
#[must_use]
pub fn hash(credential: &str) -> String {
    HEXLOWER.encode(&Sha256::digest(credential))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_credential_is_recognised_and_a_mistyped_one_is_not() {
        let (key, token) = (ApiKey::from_random([7; 25]), SessionToken::from_random([7; 25]));
        assert_eq!(Kind::of(key.reveal()), Some(Kind::Key));
        assert_eq!(Kind::of(token.reveal()), Some(Kind::Session));
        for index in 0..key.reveal().len() {
            let mut mistyped = key.reveal().to_owned().into_bytes();
            mistyped[index] = if mistyped[index] == b'a' { b'b' } else { b'a' };
            let mistyped = String::from_utf8(mistyped).unwrap();
            assert_eq!(Kind::of(&mistyped), None, "{index}");
        }
        // One kind never passes for the other.
        assert_eq!(Kind::of(&key.reveal().replacen("dbk_", "dbs_", 1)), None);
        for text in ["", "dbk_", "dbk_ä", "dbs_", "sk_live_1", &key.reveal()[..49]] {
            assert_eq!(Kind::of(text), None, "{text}");
        }
    }

    #[test]
    fn debugging_output_never_shows_a_credential() {
        let (key, token) = (ApiKey::from_random([7; 25]), SessionToken::from_random([7; 25]));
        assert_eq!(format!("{key:?} {token:?}").matches(&key.reveal()[11..]).count(), 0);
        assert!(!format!("{token:?}").contains(token.reveal()));
    }
}
