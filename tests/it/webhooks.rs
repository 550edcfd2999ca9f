//! Webhooks, outgoing: planned from the log, sent on the schedule, to nobody inside.

pub(crate) mod api;
mod cli;
mod crash;
mod gaps;
mod guide;
mod receiver;
mod schedule;
mod ssrf;
mod v1;
