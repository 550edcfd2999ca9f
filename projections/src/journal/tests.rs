//! What each event posts, and what holds for every journal.
