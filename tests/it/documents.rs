//! Documents: what a customer and a tax office take away.

mod facturx;
mod papers;
mod press;
//! Documents: what serves them, keeps them and records them.

mod service;
mod service_cli;
mod service_faults;
