//! The ledger's seal: what callers are handed for later, they bring back unchanged.
//!
//! A sealed text is `base64url(text).base64url(HMAC-SHA256(secret, text))`: anybody can read it,
//! and only a process with the ledger's secret can have made it.

use data_encoding::BASE64URL_NOPAD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;

/// The longest sealed text that is looked at, in bytes.
const LONGEST: usize = 4096;

/// The seal of a ledger. Printing it for debugging shows no secret.
#[derive(Clone)]
pub struct Seal {
    secret: String,
}

impl std::fmt::Debug for Seal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Seal(…)")
    }
}

impl Seal {
    /// The seal of a ledger, by the secret that its processes share.
    #[must_use]
    pub fn new(secret: String) -> Self {
        Self { secret }
    }

    /// The text, sealed.
    #[must_use]
    pub fn seal(&self, text: &str) -> String {
        let bytes = text.as_bytes();
        let encode = |bytes: &[u8]| BASE64URL_NOPAD.encode(bytes);
        format!("{}.{}", encode(bytes), encode(&self.mac(bytes)))
    }

    /// The text under the seal, if it is this ledger's own and untouched.
    #[must_use]
    pub fn open(&self, sealed: &str) -> Option<String> {
        let (text, mac) = sealed.split_once('.').filter(|_| sealed.len() <= LONGEST)?;
        let decode = |part: &str| BASE64URL_NOPAD.decode(part.as_bytes()).ok();
        let (text, mac) = (decode(text)?, decode(mac)?);
        // In constant time: how far a guess is right must not show.
        let is_ours = bool::from(self.mac(&text).ct_eq(&mac));
        String::from_utf8(text).ok().filter(|_| is_ours)
    }

    /// Bytes that nobody can tell from random ones who does not know the ledger's secret and every
    /// part; the same parts give the same bytes.
    #[must_use]
    pub fn derive(&self, parts: &[&[u8]]) -> Vec<u8> {
        // Each part goes with its length, so that no two lists of parts are the same text.
        let length = |part: &[u8]| u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes();
        let text: Vec<_> =
            parts.iter().flat_map(|part| [&length(part)[..], part].concat()).collect();
        self.mac(&text)
    }

    fn mac(&self, text: &[u8]) -> Vec<u8> {
        let mut mac = Hmac::<Sha256>::new_from_slice(self.secret.as_bytes())
            .expect("HMAC takes a key of any length");
        mac.update(text);
        mac.finalize().into_bytes().to_vec()
    }
}

#[cfg(test)]
mod tests {
    use super::Seal;

    #[test]
    fn what_is_derived_depends_on_every_part_and_on_where_each_ends() {
        let seal = Seal::new("secret".to_owned());
        let derived = |parts: &[&str]| {
            seal.derive(&parts.iter().map(|part| part.as_bytes()).collect::<Vec<_>>())
        };
        assert_eq!(derived(&["a", "b"]), derived(&["a", "b"]));
        for other in [&["ab"][..], &["ab", ""], &["", "ab"], &["b", "a"], &["a", "c"]] {
            assert_ne!(derived(&["a", "b"]), derived(other), "{other:?}");
        }
        let other = Seal::new("another".to_owned());
        assert_ne!(other.derive(&[b"a"]), seal.derive(&[b"a"]));
    }

    #[test]
    fn what_was_sealed_is_read_back_and_what_was_touched_is_not() {
        let seal = Seal::new("secret".to_owned());
        let sealed = seal.seal(r#"{"a":1}"#);
        assert_eq!(seal.open(&sealed).as_deref(), Some(r#"{"a":1}"#));
        for index in 0..sealed.len() {
            let mut touched = sealed.clone().into_bytes();
            touched[index] = if touched[index] == b'A' { b'B' } else { b'A' };
            let touched = String::from_utf8(touched).unwrap();
            assert_eq!(seal.open(&touched), None, "{index}");
        }
        for text in ["", ".", "a.b", &sealed[1..], &"A".repeat(5000)] {
            assert_eq!(seal.open(text), None, "{text}");
        }
        assert_eq!(Seal::new("another".to_owned()).open(&sealed), None);
    }
}
