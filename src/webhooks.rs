//! Webhooks that Daybook sends.

pub mod address;
