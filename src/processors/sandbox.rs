//! The sandbox: a processor without money, so that a newcomer can pay without an account anywhere.
//!
//! It speaks Razorpay's confirm rule: the signature is
//! `hex(HMAC-SHA256(secret, order_id|payment_id))`. Its ids grow out of its secret and ours, so
//! asking twice gives the same answer, as a real processor's idempotency does.

use async_trait::async_trait;
use data_encoding::{BASE32_NOPAD, HEXLOWER};
use daybook_events::{
    Money, Timestamp,
    commands::RefundOutcome,
    ids::{OrderId, RefundId},
};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;

use super::{
    Checkout, Message, NotTheirs, Processor, RefundAnswer, Refunding, Started, Unanswered,
    news::News,
};

/// The name that events carry.
pub const NAME: &str = "sandbox";

/// The built-in processor. Printing it for debugging shows no secret.
#[derive(Clone)]
pub struct Sandbox {
    secret: String,
}

impl std::fmt::Debug for Sandbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Sandbox(…)")
    }
}

impl Sandbox {
    /// The sandbox of a ledger, by the secret that its processes share.
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

    /// The signature over an order and a payment, lower-case hex.
    #[must_use]
    pub fn sign(&self, processor_order_id: &str, payment_id: &str) -> String {
        HEXLOWER.encode(&self.mac(&format!("{processor_order_id}|{payment_id}")))
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

#[async_trait]
impl Processor for Sandbox {
    fn name(&self) -> &'static str {
        NAME
    }

    fn public_key(&self) -> &str {
        NAME
    }

    async fn start(&self, checkout: &Checkout) -> Result<Started, Unanswered> {
        let processor_order_id = self.order_id(checkout.order_id, checkout.amount);
        Ok(Started { processor_order_id, url: None })
    }

    async fn started(&self, _: OrderId, _: Money) -> Result<Option<Started>, Unanswered> {
        Ok(None)
    }

    fn confirms(&self, processor_order_id: &str, payment_id: &str, signature: &str) -> bool {
        let expected = self.sign(processor_order_id, payment_id);
        // In constant time: how far a guess is right must not show.
        expected.as_bytes().ct_eq(signature.as_bytes()).into()
    }

    async fn capture(&self, _payment: &str, _amount: Money) -> Result<(), Unanswered> {
        Ok(())
    }

    async fn refund(&self, refunding: &Refunding) -> Result<RefundAnswer, Unanswered> {
        let id = self.refund_id(refunding.refund_id);
        Ok(RefundAnswer::Settled(RefundOutcome::Processed(id)))
    }

    fn recognises(&self, _: &Message<'_>) -> Result<Option<String>, NotTheirs> {
        Err(NotTheirs::NoSecret)
    }

    async fn news_of(&self, _: &str) -> Result<Vec<News>, Unanswered> {
        Ok(Vec::new())
    }

    async fn news_between(&self, _: Timestamp, _: Timestamp) -> Result<Vec<News>, Unanswered> {
        Ok(Vec::new())
    }
}

#[cfg(test)]
mod tests {
    use super::Sandbox;
    use crate::processors::Processor;

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
        let processor = Sandbox::new(secret.to_owned());
        assert!(processor.confirms(order, payment, signature));
    }

    #[test]
    fn any_other_signature_order_or_payment_is_not_confirmed() {
        let (secret, order, payment, signature) = VECTOR;
        let processor = Sandbox::new(secret.to_owned());
        for index in 0..signature.len() {
            let mut changed = signature.to_owned().into_bytes();
            changed[index] ^= 1;
            let changed = String::from_utf8(changed).unwrap();
            assert!(!processor.confirms(order, payment, &changed), "{index}");
        }
        assert!(!processor.confirms(order, payment, ""));
        assert!(!processor.confirms(order, payment, &signature.to_uppercase()));
        assert!(!processor.confirms("order_TEST0000000002", payment, signature));
        assert!(!processor.confirms(order, "pay_TEST0000000002", signature));
        let other = Sandbox::new("another".to_owned());
        assert!(!other.confirms(order, payment, signature));
    }
}
