//! What callers get wrong. Every answer is the documented one, names what is wrong, is never a
//! fault of ours, and appends nothing.

mod bodies;
mod commands;
mod ids;
mod requests;
pub(crate) mod scene;
