//! What do the books say? Double entry: every event that moves money or obligation, posted once.

pub mod entry;
