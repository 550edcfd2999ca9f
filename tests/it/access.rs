//! Who may call what: the route table, tried out with every credential there is; and that nothing
//! leaks, to whom it does not belong or into a log.

mod door;
mod foreign;
mod injected;
mod keys;
mod matrix;
pub(crate) mod operations;
mod revocation;
mod secrets;
mod sessions;
