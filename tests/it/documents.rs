//! Documents: what a customer and a tax office take away, and what serves, keeps and records it.

mod facturx;
mod papers;
mod press;
mod service;
mod service_cli;
mod service_faults;
