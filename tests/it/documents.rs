//! Documents: what a customer and a tax office take away.

mod language;
mod logo;
mod papers;
mod pdfa;
mod press;
mod press_file;
mod service;
mod service_cli;
mod service_faults;
