//! Documents: what a customer and a tax office take away.

mod papers;
mod press;
mod service;
mod service_cli;
mod service_faults;
