//! The sandbox's messages on their way: queued with what they are about, taken by one sender at a
//! time, tried until they are taken or a day old, as Razorpay does.
//!
//! Who takes one has it for a while: a process that is killed meanwhile gives it back by that, so
//! every message arrives at least once, under the same id.

use std::time::Duration;

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{messages::Said, store::Books};

/// How long a sender has a message for itself; a try is over long before.
pub(super) const LEASE: Duration = Duration::from_secs(15);

/// A message that is to be sent, leased to who has taken it.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Letter {
    /// Its number.
    pub number: i64,
    /// The id that it is sent with, the same in each try.
    pub event_id: String,
    /// The name of the event.
    pub event: String,
    /// The body, as it is signed.
    pub body: String,
    /// How many tries it has had, this one included.
    pub tries: i32,
}

/// A message and what became of it.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Told {
    /// The name of the event.
    pub event: String,
    /// About which payment.
    pub payment_id: String,
    /// When it is due.
    pub due_at: DateTime<Utc>,
    /// How many tries it has had.
    pub tries: i32,
    /// The status of the last answer, where one came.
    pub last_status: Option<i32>,
    /// When it was taken.
    pub delivered_at: Option<DateTime<Utc>>,
}

/// Puts messages into the queue, each under an id of its own.
pub(super) async fn queue(
    connection: &mut PgConnection,
    said: &[Said],
    after: Duration,
) -> Result<(), sqlx::Error> {
    for Said { event, payment_id, body } in said {
        sqlx::query(
            "insert into sandbox_messages (event_id, event, payment_id, body, due_at, next_at)
             select $1, $2, $3, $4, due, due
             from (select now() + $5::bigint * interval '1 millisecond' as due) as at",
        )
        .bind(format!("evt_{}", Uuid::now_v7().simple()))
        .bind(event)
        .bind(payment_id)
        .bind(body)
        .bind(millis(after))
        .execute(&mut *connection)
        .await?;
    }
    Ok(())
}

pub(super) fn millis(of: Duration) -> i64 {
    i64::try_from(of.as_millis()).unwrap_or(i64::MAX)
}

impl Books {
    /// Takes the message that has been due longest, of one payment or of all; nobody else gets it
    /// before the lease is over.
    ///
    /// # Errors
    /// A database that cannot be reached.
    pub async fn claim(&self, payment_id: Option<&str>) -> Result<Option<Letter>, sqlx::Error> {
        sqlx::query_as(
            "with next as (
                 select number from sandbox_messages
                 where delivered_at is null and next_at <= now()
                   and due_at > now() - interval '1 day'
                   and ($1::text is null or payment_id = $1)
                 order by due_at, number limit 1 for update skip locked)
             update sandbox_messages as it
             set tries = tries + 1, next_at = now() + $2::bigint * interval '1 millisecond'
             from next where it.number = next.number
             returning it.number, it.event_id, it.event, it.body, it.tries",
        )
        .bind(payment_id)
        .bind(millis(LEASE))
        .fetch_optional(&self.pool)
        .await
    }

    /// Notes how a try ended: it was taken, or is tried again after one second, two, four, and so
    /// on up to an hour.
    ///
    /// # Errors
    /// A database that cannot be reached.
    pub async fn tried(&self, letter: &Letter, status: Option<u16>) -> Result<(), sqlx::Error> {
        let taken = status.is_some_and(|status| (200..300).contains(&status));
        let doublings = u32::try_from(letter.tries.saturating_sub(1).clamp(0, 12)).unwrap_or(0);
        let pause = Duration::from_secs(1 << doublings).min(Duration::from_secs(3600));
        sqlx::query(
            "update sandbox_messages
             set last_status = $2, delivered_at = case when $3 then now() end,
                 next_at = now() + $4::bigint * interval '1 millisecond'
             where number = $1 and delivered_at is null",
        )
        .bind(letter.number)
        .bind(status.map(i32::from))
        .bind(taken)
        .bind(millis(pause))
        .execute(&self.pool)
        .await
        .map(drop)
    }

    /// How long it is until there is something to do; `None` where nothing waits.
    ///
    /// # Errors
    /// A database that cannot be reached.
    pub async fn rest(&self) -> Result<Option<Duration>, sqlx::Error> {
        let wait: Option<i64> = sqlx::query_scalar(
            "select (extract(epoch from min(at) - now()) * 1000)::bigint from (
                 select next_at as at from sandbox_messages
                 where delivered_at is null and due_at > now() - interval '1 day'
                 union all
                 select authorises_at from sandbox_payments where authorises_at is not null
             ) as next",
        )
        .fetch_one(&self.pool)
        .await?;
        // A millisecond more, since a part of one is cut off.
        let millis = |wait: i64| u64::try_from(wait.saturating_add(1)).unwrap_or(0);
        Ok(wait.map(|wait| Duration::from_millis(millis(wait))))
    }

    /// What is said of an order's payments, oldest first, and how far that has come.
    ///
    /// # Errors
    /// A database that cannot be reached.
    pub async fn told_of(&self, order_id: &str) -> Result<Vec<Told>, sqlx::Error> {
        sqlx::query_as(
            "select event, payment_id, due_at, tries, last_status, delivered_at
             from sandbox_messages
             where payment_id in (select payment_id from sandbox_payments where order_id = $1)
             order by due_at, number",
        )
        .bind(order_id)
        .fetch_all(&self.pool)
        .await
    }
}
