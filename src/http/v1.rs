//! The v1 dialect, under `/api/v1`: `snake_case`, `{"data":…}`, minor units, whole seconds.

pub mod checkout;
pub mod invoices;
pub mod plans;
pub mod refund_eligibility;
mod return_url;
pub mod shapes;
pub mod subscription;
pub mod usage;
