//! Four bring the news of one payment: the customer who is sent back, the panel's confirm call, the
//! processor's webhooks and the reconciler. Whoever comes first, whoever stops halfway and comes
//! again, and whatever is lost on the way, it is booked once and pays its invoice once.
//!
//! | file | what fails | cases |
//! |---|---|---|
//! | `stopped` | one of the four stops for good between any two of its steps, and comes again | every step, in 24 orders |
//! | `lost` | the database's answer to a commit, or the commit | 24 orders × 3 commits × 2 |
//! | `unanswered` | Razorpay's answers to the reconciler and to the worker that captures | 24 orders × 4 and × 3 |
//! | `together` | nothing, but all four come at once; two payments of one order | 50; 30 orders |
//! | `killed` | the server, by `SIGKILL` | 4 orders × 4 bringers × moments |
//!
//! Each ends with the same [check](books), and `planted` shows what that finds.

mod books;
mod killed;
mod lost;
mod planted;
mod proxy;
mod scene;
mod stopped;
mod together;
mod unanswered;
