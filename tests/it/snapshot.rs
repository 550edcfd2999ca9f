//! Snapshots: the books as files that tie out.

mod plain_text;
