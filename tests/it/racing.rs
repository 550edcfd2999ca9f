//! Four bring the news of one payment: the customer who is sent back, the panel's confirm call, the
//! processor's webhooks and the reconciler. Whoever comes first, whoever stops halfway and comes
//! again, and whatever is lost on the way, it is booked once and pays its invoice once.
//!
//! | file | what fails | cases |
//! |---|---|---|
//! | `stopped` | one of the four stops for good between any two of its steps, and comes again | 24 orders, each at its share of the steps: about 300 (1200 with `DAYBOOK_RACING_EVERY=1`) |
//! | `lost` | a commit or its answer; any statement or its answer | 24 orders × 2 commits; about 50 statements |
//! | `unanswered` | Razorpay's answers to the reconciler, and to whoever captures | 24 orders × 3; 24 orders × 3 |
//! | `together` | nothing, but all four come at once to two servers; two payments of one order | 24, 50 at once; 30 orders, 20 at once |
//! | `killed` | the server or the reconciler's process, by `SIGKILL` | 4 orders × 4 bringers × 2 moments |
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
