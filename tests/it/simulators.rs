//! Processors that stand in for the real ones: their HTTP on a socket, their faults on demand.

pub(crate) mod lemonsqueezy;
