//! Razorpay: its webhooks, its API.

pub mod api;
pub mod webhook;
