//! Documents: invoices, credit notes, receipts and pro formas, as a customer and a tax office take
//! them away.

pub mod facturx;
pub mod language;
pub mod logo;
pub mod paper;
pub mod press;
