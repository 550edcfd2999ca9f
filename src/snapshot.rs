//! Snapshots: the books as files that tie out.

pub mod beancount;
pub mod hledger;
pub mod plain_text;
