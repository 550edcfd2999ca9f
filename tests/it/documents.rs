//! Documents: what a customer and a tax office take away, and what serves, keeps and records it.

mod facturx;
mod language;
mod logo;
mod own_words;
mod papers;
mod pdfa;
mod press;
mod press_file;
mod recorded;
mod service;
mod service_cli;
mod service_faults;
