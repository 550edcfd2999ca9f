//! What grows out of the sandbox's secret: its ids, and its signatures.
//!
//! Pure, so that a simulated history has the same ids in every run. It speaks Razorpay's confirm
//! rule: the signature is `hex(HMAC-SHA256(secret, order_id|payment_id))`.

use data_encoding::{BASE32_NOPAD, HEXLOWER};
use daybook_events::{
    Money,
    ids::{OrderId, RefundId},
};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;

use crate::signing::{self, Secret};

/// The sandbox's secret. Printing it for debugging shows nothing of it.
#[derive(Clone)]
pub struct Keys {
    secret: String,
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Keys(…)")
    }
}

impl Keys {
    /// What grows out of a secret.
    #[must_use]
    pub fn new(secret: String) -> Self {
        Self { secret }
    }

    /// The sandbox's id of one of our orders.
    #[must_use]
    pub fn order_id(&self, order: OrderId, amount: Money) -> String {
        self.id("order_", &format!("order {order} {amount}"))
    }

    /// A payment of an order: `attempt` tells one from the next.
    #[must_use]
    pub fn payment_id(&self, processor_order_id: &str, attempt: &str) -> String {
        self.id("pay_", &format!("payment {processor_order_id} {attempt}"))
    }

    /// The sandbox's id of one of our refunds.
    #[must_use]
    pub fn refund_id(&self, refund: RefundId) -> String {
        self.id("rfnd_", &format!("refund {refund}"))
    }

    /// The id of a refund that somebody makes on the sandbox's own page.
    #[must_use]
    pub fn page_refund_id(&self, payment_id: &str, attempt: &str) -> String {
        self.id("rfnd_", &format!("refund by page {payment_id} {attempt}"))
    }

    /// The id of the one dispute that a payment can have.
    #[must_use]
    pub fn dispute_id(&self, payment_id: &str) -> String {
        self.id("disp_", &format!("dispute {payment_id}"))
    }

    /// The signature over an order and a payment, lower-case hex.
    #[must_use]
    pub fn sign(&self, processor_order_id: &str, payment_id: &str) -> String {
        HEXLOWER.encode(&self.mac(&format!("{processor_order_id}|{payment_id}")))
    }

    /// Whether a signature is the sandbox's over an order and a payment.
    #[must_use]
    pub fn confirms(&self, processor_order_id: &str, payment_id: &str, signature: &str) -> bool {
        let expected = self.sign(processor_order_id, payment_id);
        // In constant time: how far a guess is right must not show.
        expected.as_bytes().ct_eq(signature.as_bytes()).into()
    }

    /// The signature over a message, lower-case hex.
    #[must_use]
    pub fn sign_message(&self, body: &[u8]) -> String {
        signing::hex(&self.webhook_secret(), body)
    }

    /// Whether a signature is the sandbox's over a message.
    #[must_use]
    pub fn recognises(&self, body: &[u8], signature: &str) -> bool {
        signing::verifies_hex(&[self.webhook_secret()], body, signature)
    }

    /// As with Razorpay it is not the secret of the confirm rule: who may see one of them has no
    /// use for the other.
    fn webhook_secret(&self) -> Secret {
        Secret::new(HEXLOWER.encode(&self.mac("secret of webhooks")))
    }

    /// An id that looks like the real ones: a prefix and letters and digits.
    fn id(&self, prefix: &str, of: &str) -> String {
        let mut text = BASE32_NOPAD.encode(&self.mac(&format!("id {of}")));
        text.truncate(20);
        format!("{prefix}{text}")
    }

    fn mac(&self, message: &str) -> Vec<u8> {
        let mut mac = Hmac::<Sha256>::new_from_slice(self.secret.as_bytes())
            .expect("HMAC takes a key of any length");
        mac.update(message.as_bytes());
        mac.finalize().into_bytes().to_vec()
    }
}

#[cfg(test)]
mod tests {
    use super::Keys;

    /// Razorpay's rule, by a vector that was computed elsewhere.
    const VECTOR: (&str, &str, &str, &str) = (
        "test_key_secret",
        "order_TEST0000000001",
        "pay_TEST0000000001",
        "b3e9e5351d895b3867537973bb95a636c5d6d81531a6052a641c824d990729ce",
    );

    #[test]
    fn a_signature_is_razorpays_over_order_and_payment() {
        let (secret, order, payment, signature) = VECTOR;
        let keys = Keys::new(secret.to_owned());
        assert!(keys.confirms(order, payment, signature));
    }

    #[test]
    fn any_other_signature_order_or_payment_is_not_confirmed() {
        let (secret, order, payment, signature) = VECTOR;
        let keys = Keys::new(secret.to_owned());
        for index in 0..signature.len() {
            let mut changed = signature.to_owned().into_bytes();
            changed[index] ^= 1;
            let changed = String::from_utf8(changed).unwrap();
            assert!(!keys.confirms(order, payment, &changed), "{index}");
        }
        assert!(!keys.confirms(order, payment, ""));
        assert!(!keys.confirms(order, payment, &signature.to_uppercase()));
        assert!(!keys.confirms("order_TEST0000000002", payment, signature));
        assert!(!keys.confirms(order, "pay_TEST0000000002", signature));
        let other = Keys::new("another".to_owned());
        assert!(!other.confirms(order, payment, signature));
    }

    #[test]
    fn a_message_is_signed_with_a_secret_of_its_own() {
        let keys = Keys::new("secret".to_owned());
        let body = b"order_1|pay_1";
        let signature = keys.sign_message(body);
        assert!(keys.recognises(body, &signature));
        assert!(!keys.recognises(b"order_1|pay_2", &signature));
        assert!(!keys.recognises(body, &keys.sign("order_1", "pay_1")), "the confirm rule's");
        assert!(!keys.confirms("order_1", "pay_1", &signature), "the messages'");
        assert!(!Keys::new("other".to_owned()).recognises(body, &signature));
    }
}
