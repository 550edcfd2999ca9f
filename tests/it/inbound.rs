//! What processors send, over real HTTP: whatever comes in whatever order, and whatever pretends.

mod bad;
mod kept;
mod load;
mod shuffled;
mod twins;
mod view;
