//! Lemon Squeezy: its webhooks, its API. It is the merchant: the tax that it takes is its own to
//! pay, and the invoice with the tax is its own too.

pub mod webhook;
