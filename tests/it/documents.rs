//! Documents: what a customer and a tax office take away.

mod facturx;
mod papers;
mod press;
