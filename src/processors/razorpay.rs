//! Razorpay: its webhooks, its API.

pub mod webhook;
