//! Payment processors: who takes the money.
//!
//! An intent is in the log before a processor is asked, the outcome after. Each processor lives in
//! its own file; the rest of the shell knows this one type.

pub mod client;
pub mod lemonsqueezy;
pub mod news;
pub mod razorpay;
pub mod sandbox;

use daybook_events::{
    Money,
    commands::RefundOutcome,
    ids::{OrderId, RefundId},
};
use subtle::ConstantTimeEq;
use thiserror::Error;

use self::sandbox::Sandbox;

/// Why a processor could not help.
#[derive(Debug, Error)]
pub enum ProcessorError {
    /// No processor is set up for this ledger.
    #[error("no payment processor is set up for this ledger")]
    None,
}

/// The processor of this ledger.
#[derive(Debug, Clone)]
pub enum Processor {
    /// The built-in one, for sandbox ledgers.
    Sandbox(Sandbox),
    /// None: a live ledger that nobody has connected yet.
    None,
}

impl Processor {
    /// The name that events carry.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Sandbox(_) => "sandbox",
            Self::None => "none",
        }
    }

    /// The name under which it sells, where it is merchant of record: then it owes the taxes, and
    /// orders for it carry none of ours.
    #[must_use]
    pub fn merchant_of_record(&self) -> Option<&'static str> {
        match self {
            Self::Sandbox(_) | Self::None => None,
        }
    }

    /// Whether it can be asked at all: said before anything is written that would need it.
    ///
    /// # Errors
    /// No processor.
    pub fn ready(&self) -> Result<(), ProcessorError> {
        match self {
            Self::Sandbox(_) => Ok(()),
            Self::None => Err(ProcessorError::None),
        }
    }

    /// The public key that a client's SDK needs.
    #[must_use]
    pub fn public_key(&self) -> &'static str {
        match self {
            Self::Sandbox(_) => "sandbox",
            Self::None => "",
        }
    }

    /// Asks the processor to wait for an order's payment; asking again gives the same answer.
    ///
    /// # Errors
    /// No processor, or one that does not answer.
    pub fn create_order(&self, order: OrderId, amount: Money) -> Result<String, ProcessorError> {
        match self {
            Self::Sandbox(sandbox) => Ok(sandbox.order_id(order, amount)),
            Self::None => Err(ProcessorError::None),
        }
    }

    /// Whether a signature is the processor's own over a stored order id and a payment id.
    #[must_use]
    pub fn confirms(&self, processor_order_id: &str, payment_id: &str, signature: &str) -> bool {
        match self {
            Self::Sandbox(sandbox) => {
                let expected = sandbox.sign(processor_order_id, payment_id);
                // In constant time: how far a guess is right must not show.
                expected.as_bytes().ct_eq(signature.as_bytes()).into()
            }
            Self::None => false,
        }
    }

    /// Asks the processor to send money back; asking again gives the same answer.
    ///
    /// # Errors
    /// No processor, or one that does not answer.
    pub fn refund(&self, refund: RefundId) -> Result<RefundOutcome, ProcessorError> {
        match self {
            Self::Sandbox(sandbox) => Ok(RefundOutcome::Processed(sandbox.refund_id(refund))),
            Self::None => Err(ProcessorError::None),
        }
    }
}
