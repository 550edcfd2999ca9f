//! Given/when/then for the rules, and builders with good defaults, so that a test says only what
//! it is about. Used by this crate's tests and by those of the crates above it.
//!
//! Days are in May 2026: `given_subscribed("pro")` began on the 1st at midnight, UTC.
#![expect(clippy::missing_panics_doc, reason = "a test harness panics where a test fails")]
#![expect(clippy::unwrap_used, reason = "a test harness panics where a test fails")]

mod asking;
mod given;
mod histories;
mod merchant;
mod then;

pub use self::{asking::*, given::Given, histories::*, merchant::*, then::Then};
