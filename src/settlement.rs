//! Settlement: what processors say becomes facts of the ledger, whoever brings the news.
//!
//! The confirm call, a message in the inbox and the reconciler all end in the same commands, and
//! these are decided once: so the order in which they come makes no difference.
//!
//! ```text
//! message ─ inbox ─ worker ─┐
//!           reconciler ─────┴─ finding ─ meaning ─ apply ─ commands
//! ```

pub mod apply;
mod finding;
pub mod inbox;
mod meaning;
pub mod reconcile;
pub mod refund;
pub mod running;
pub mod shown;
pub mod worker;
