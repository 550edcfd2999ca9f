//! Documents: what a customer and a tax office take away.

mod papers;
mod press;
