//! Documents: what serves them, keeps them and records them.

mod service;
mod service_cli;
mod service_faults;
