//! Processors that stand on a socket of this machine and speak as the real ones do, with faults.

pub(crate) mod lemonsqueezy;
pub(crate) mod razorpay;
pub(crate) mod wire;
