//! API keys: made here, shown once, kept as hashes.
//!
//! `dbk_` + 40 characters of randomness + 6 of checksum: a mistyped key is told from a revoked one
//! without asking the database.

use data_encoding::{BASE32_NOPAD, HEXLOWER};
use sha2::{Digest, Sha256};

const PREFIX: &str = "dbk_";
const RANDOM_CHARS: usize = 40;
const CHECK_CHARS: usize = 6;
/// How much of a key is kept in the clear, to tell keys apart.
const SHOWN: usize = 10;

/// A freshly made key. Printing it for debugging shows its prefix only.
pub struct ApiKey(String);

impl ApiKey {
    /// A key from 25 bytes of randomness.
    #[must_use]
    pub fn from_random(random: [u8; 25]) -> Self {
        let body = BASE32_NOPAD.encode(&random).to_ascii_lowercase();
        let check = checksum(&body);
        Self(format!("{PREFIX}{body}{check}"))
    }

    /// The key itself, to be shown once.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// What a list of keys shows of it.
    #[must_use]
    pub fn prefix(&self) -> &str {
        self.0.get(..SHOWN).unwrap_or(PREFIX)
    }

    /// What is stored of it.
    #[must_use]
    pub fn hash(&self) -> String {
        hash(&self.0)
    }
}

impl std::fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ApiKey({}…)", self.prefix())
    }
}

/// SHA-256 of a key, lower-case hex: what is stored and looked up.
#[must_use]
pub fn hash(key: &str) -> String {
    HEXLOWER.encode(&Sha256::digest(key))
}

/// Whether a text can be a key at all: right form, right checksum.
#[must_use]
pub fn is_well_formed(key: &str) -> bool {
    key.strip_prefix(PREFIX)
        .and_then(|rest| rest.split_at_checked(RANDOM_CHARS))
        .is_some_and(|(body, check)| check == checksum(body))
}

fn checksum(body: &str) -> String {
    let digest = Sha256::new().chain_update(PREFIX).chain_update(body).finalize();
    let mut check = BASE32_NOPAD.encode(&digest).to_ascii_lowercase();
    check.truncate(CHECK_CHARS);
    check
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_recognised_and_a_mistyped_one_is_not() {
        let key = ApiKey::from_random([7; 25]);
        assert!(is_well_formed(key.reveal()));
        let mistyped = key.reveal().replacen('a', "b", 1);
        assert!(mistyped == key.reveal() || !is_well_formed(&mistyped));
        for text in ["", "dbk_", "dbk_ä", "sk_live_1", &key.reveal()[..49]] {
            assert!(!is_well_formed(text), "{text}");
        }
    }

    #[test]
    fn debugging_output_never_shows_a_key() {
        let key = ApiKey::from_random([7; 25]);
        assert!(!format!("{key:?}").contains(key.reveal()));
    }
}
