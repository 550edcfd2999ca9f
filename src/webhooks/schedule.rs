//! When a webhook is sent again: about three days of patience, ever longer pauses, and what each
//! answer means. Nothing here looks at a clock.

use std::time::Duration;

use daybook_events::Timestamp;

/// The pause before each attempt, from the one before on: 75 hours, 35 minutes and 5 seconds in all.
pub const PAUSES: [Duration; 10] = [
    Duration::ZERO,
    Duration::from_secs(5),
    Duration::from_secs(5 * 60),
    Duration::from_secs(30 * 60),
    Duration::from_secs(2 * 3600),
    Duration::from_secs(5 * 3600),
    Duration::from_secs(10 * 3600),
    Duration::from_secs(14 * 3600),
    Duration::from_secs(20 * 3600),
    Duration::from_secs(24 * 3600),
];

/// How far a pause may be off its length, in thousandths of it, so that what failed together does
/// not come back together.
pub const JITTER: i64 = 100;

/// The longest pause that a receiver's `Retry-After` can ask for.
const LONGEST_WANTED: Duration = Duration::from_secs(24 * 3600);

/// What an attempt came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Came {
    /// The receiver has it.
    Through,
    /// The receiver wants nothing any more.
    Gone,
    /// Not this time; the receiver may have said how long it wants to be left alone.
    Back(Option<Duration>),
}

/// What an answer means: its status, and its `Retry-After` where it has one.
#[must_use]
pub fn judge(status: u16, retry_after: Option<Duration>) -> Came {
    match status {
        200..=299 => Came::Through,
        410 => Came::Gone,
        429 | 502..=504 => Came::Back(retry_after.map(|wanted| wanted.min(LONGEST_WANTED))),
        _failed_or_redirected => Came::Back(None),
    }
}

/// When the next attempt is due, after `tries` of them of which the last has just ended; `None`
/// where there is none left. `jitter` is in thousandths, from -[`JITTER`] to [`JITTER`].
#[must_use]
pub fn next(
    tries: usize,
    ended: Timestamp,
    wanted: Option<Duration>,
    jitter: i64,
) -> Option<Timestamp> {
    let pause = micros(*PAUSES.get(tries)?);
    let pause = pause + pause / 1000 * jitter.clamp(-JITTER, JITTER);
    Some(ended.plus_micros(pause.max(wanted.map_or(0, micros))))
}

/// The seconds or the instant of a `Retry-After`, as a pause from an instant on.
#[must_use]
pub fn retry_after(text: &str, now: Timestamp) -> Option<Duration> {
    if let Ok(seconds) = text.trim().parse() {
        return Some(Duration::from_secs(seconds));
    }
    let at = chrono::DateTime::parse_from_rfc2822(text.trim()).ok()?;
    let seconds = at.timestamp().checked_sub(now.seconds())?;
    Some(Duration::from_secs(u64::try_from(seconds).unwrap_or(0)))
}

fn micros(pause: Duration) -> i64 {
    i64::try_from(pause.as_micros()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noon() -> Timestamp {
        "2026-05-01T12:00:00Z".parse().unwrap()
    }

    #[test]
    fn the_attempts_take_about_three_days_and_then_there_are_none_left() {
        let mut at = noon();
        for tries in 1..PAUSES.len() {
            at = next(tries, at, None, 0).unwrap();
        }
        assert_eq!(at.seconds() - noon().seconds(), 75 * 3600 + 35 * 60 + 5);
        assert_eq!(next(PAUSES.len(), at, None, 0), None);
        assert_eq!(next(usize::MAX, at, None, 0), None);
    }

    #[test]
    fn a_pause_is_off_by_a_tenth_at_most() {
        let after = |jitter| next(2, noon(), None, jitter).unwrap().seconds() - noon().seconds();
        assert_eq!([-9999, -100, 0, 100, 9999].map(after), [270, 270, 300, 330, 330]);
    }

    #[test]
    fn a_receiver_is_left_alone_as_long_as_it_asks_and_no_longer_than_a_day() {
        let waits = |status, seconds| match judge(status, Some(Duration::from_secs(seconds))) {
            Came::Back(wanted) => {
                next(1, noon(), wanted, 0).map(|at| at.seconds() - noon().seconds())
            }
            Came::Through | Came::Gone => None,
        };
        assert_eq!(waits(429, 120), Some(120));
        assert_eq!(waits(503, 1), Some(5));
        assert_eq!(waits(504, u64::MAX), Some(86_400));
        // Who fails says nothing about when.
        assert_eq!(waits(500, 120), Some(5));
    }

    #[test]
    fn only_two_hundreds_are_success_and_a_redirect_is_none() {
        let judged = |status| judge(status, None);
        for status in [200, 201, 202, 204, 299] {
            assert_eq!(judged(status), Came::Through, "{status}");
        }
        for status in [100, 199, 300, 301, 302, 307, 308, 400, 401, 404, 409, 429, 500, 503, 599] {
            assert_eq!(judged(status), Came::Back(None), "{status}");
        }
        assert_eq!(judged(410), Came::Gone);
    }

    #[test]
    fn retry_after_comes_as_seconds_or_as_a_date() {
        let parsed = |text| retry_after(text, noon()).map(|pause| pause.as_secs());
        assert_eq!(parsed("120"), Some(120));
        assert_eq!(parsed("Fri, 01 May 2026 12:01:00 GMT"), Some(60));
        assert_eq!(parsed("Fri, 01 May 2026 11:00:00 GMT"), Some(0));
        for text in ["", "-1", "soon", "1.5", "99999999999999999999"] {
            assert_eq!(parsed(text), None, "{text}");
        }
    }
}
