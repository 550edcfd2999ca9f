//! Signatures over bytes: HMAC-SHA256, compared in constant time, under one of several secrets.
//!
//! A secret that is being replaced stays valid beside the new one, so every check takes a list.

use data_encoding::{BASE64, HEXLOWER};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;

/// A secret that never shows itself.
#[derive(Clone)]
pub struct Secret(Vec<u8>);

impl Secret {
    /// The secret of these bytes.
    #[must_use]
    pub fn new(bytes: impl Into<Vec<u8>>) -> Self {
        Self(bytes.into())
    }

    /// A secret of the Standard Webhooks form: `whsec_` and base64; the key is what is decoded.
    #[must_use]
    pub fn of_standard_webhooks(text: &str) -> Option<Self> {
        let bytes = BASE64.decode(text.strip_prefix("whsec_")?.as_bytes()).ok()?;
        (24..=64).contains(&bytes.len()).then_some(Self(bytes))
    }

    fn mac(&self, parts: &[&[u8]]) -> [u8; 32] {
        let mut mac =
            Hmac::<Sha256>::new_from_slice(&self.0).expect("HMAC takes a key of any length");
        for part in parts {
            mac.update(part);
        }
        mac.finalize().into_bytes().into()
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// The lower-case hex signature over bytes: Razorpay's, Lemon Squeezy's, and the v1 webhooks'.
#[must_use]
pub fn hex(secret: &Secret, body: &[u8]) -> String {
    HEXLOWER.encode(&secret.mac(&[body]))
}

/// Whether a text is the lower-case hex signature over bytes under one of the secrets.
#[must_use]
pub fn verifies_hex(secrets: &[Secret], body: &[u8], presented: &str) -> bool {
    let Ok(presented) = HEXLOWER.decode(presented.as_bytes()) else { return false };
    verifies(secrets, &[body], &presented)
}

/// The `webhook-signature` of a message by Standard Webhooks 1.0.0: one `v1,…` per secret.
#[must_use]
pub fn standard(secrets: &[Secret], id: &str, timestamp: i64, body: &[u8]) -> String {
    let timestamp = timestamp.to_string();
    let parts = standard_parts(id, &timestamp, body);
    let signed = secrets.iter().map(|secret| format!("v1,{}", BASE64.encode(&secret.mac(&parts))));
    signed.collect::<Vec<_>>().join(" ")
}

/// Whether one of the signatures in a `webhook-signature` is ours.
#[must_use]
pub fn verifies_standard(
    secrets: &[Secret],
    id: &str,
    timestamp: i64,
    body: &[u8],
    presented: &str,
) -> bool {
    let timestamp = timestamp.to_string();
    let parts = standard_parts(id, &timestamp, body);
    presented.split(' ').filter_map(|one| one.strip_prefix("v1,")).any(|one| {
        BASE64.decode(one.as_bytes()).is_ok_and(|presented| verifies(secrets, &parts, &presented))
    })
}

fn standard_parts<'p>(id: &'p str, timestamp: &'p str, body: &'p [u8]) -> [&'p [u8]; 5] {
    [id.as_bytes(), b".", timestamp.as_bytes(), b".", body]
}

fn verifies(secrets: &[Secret], parts: &[&[u8]], presented: &[u8]) -> bool {
    // Every secret is tried, so that the time says nothing about which one it was.
    secrets.iter().fold(false, |found, secret| {
        found | bool::from(secret.mac(parts).as_slice().ct_eq(presented))
    })
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    /// The vectors of a scheme, computed elsewhere.
    fn vectors(scheme: &str) -> Vec<Value> {
        let all: Vec<Value> =
            serde_json::from_str(include_str!("../tests/vectors/vectors.json")).unwrap();
        let found: Vec<_> = all.into_iter().filter(|it| it["scheme"] == scheme).collect();
        assert!(!found.is_empty(), "{scheme}");
        found
    }

    fn text<'v>(vector: &'v Value, name: &str) -> &'v str {
        vector[name].as_str().unwrap()
    }

    /// Every text that differs from one by one changed bit.
    fn changed(bytes: &[u8]) -> impl Iterator<Item = Vec<u8>> + '_ {
        (0..bytes.len()).map(|at| {
            let mut other = bytes.to_vec();
            other[at] ^= 1;
            other
        })
    }

    #[test]
    fn hex_vectors_pass_and_one_changed_byte_fails() {
        for scheme in ["razorpay", "razorpay-checkout", "lemonsqueezy"] {
            for vector in vectors(scheme) {
                let secret = Secret::new(text(&vector, "secret"));
                let (body, signature) = (text(&vector, "body").as_bytes(), text(&vector, "sig"));
                assert_eq!(hex(&secret, body), signature);
                let secrets = [Secret::new("the next one"), secret];
                assert!(verifies_hex(&secrets, body, signature));
                assert!(changed(body).all(|body| !verifies_hex(&secrets, &body, signature)));
                assert!(changed(signature.as_bytes()).all(|signature| {
                    !verifies_hex(&secrets, body, &String::from_utf8(signature).unwrap())
                }));
                for wrong in ["", &signature[..63], &signature.to_uppercase()] {
                    assert!(!verifies_hex(&secrets, body, wrong), "{wrong}");
                }
                assert!(!verifies_hex(&[], body, signature));
            }
        }
    }

    #[test]
    fn standard_webhooks_vectors_pass_and_one_changed_byte_fails() {
        for vector in vectors("standard") {
            let secret = Secret::of_standard_webhooks(text(&vector, "secret")).unwrap();
            let (id, body) = (text(&vector, "msg_id"), text(&vector, "body").as_bytes());
            let timestamp = vector["ts"].as_i64().or_else(|| text(&vector, "ts").parse().ok());
            let (timestamp, signature) = (timestamp.unwrap(), text(&vector, "sig"));
            let secrets = [secret.clone()];
            assert_eq!(standard(&secrets, id, timestamp, body), signature);
            let both = [Secret::new([7; 32]), secret];
            let two = standard(&both, id, timestamp, body);
            assert!(verifies_standard(&secrets, id, timestamp, body, &two));
            assert!(!verifies_standard(&secrets, id, timestamp + 1, body, signature));
            assert!(!verifies_standard(&secrets, "msg_other", timestamp, body, signature));
            assert!(
                changed(body).all(|body| !verifies_standard(&secrets, id, timestamp, &body, &two))
            );
        }
    }

    #[test]
    fn a_standard_secret_has_its_prefix_and_its_length() {
        for text in ["", "whsec_", "whsec_AAAA", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="] {
            assert!(Secret::of_standard_webhooks(text).is_none(), "{text}");
        }
    }

    #[test]
    fn a_secret_never_shows_itself() {
        assert_eq!(format!("{:?}", Secret::new("hush")), "Secret(…)");
    }
}
