//! What the commands on usage share: what a count of a limit may look like.

use crate::{account::Account, rejection::Rejection};

/// The most that a limit counts to.
const QUANTITY_MAX: u64 = 1_000_000_000_000;
/// How many limits an account counts at most.
const LIMITS_MAX: usize = 100;

/// Refuses a name or a quantity that no limit has.
pub(super) fn check(account: &Account, limit: &str, quantity: u64) -> Result<(), Rejection> {
    let named = (1..=60).contains(&limit.len())
        && limit.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    let counted = account.usage.all();
    let is_new = !counted.iter().any(|(name, _)| name == limit);
    let problem = match () {
        () if !named => "a limit's name is up to 60 letters, digits and `_`",
        () if quantity > QUANTITY_MAX => "a quantity is at most 10^12",
        () if is_new && counted.len() >= LIMITS_MAX => "an account counts at most 100 limits",
        () => return Ok(()),
    };
    Err(Rejection::UsageInvalid { problem: problem.to_owned() })
}
