//! The sandbox's own books in Postgres: its side of the world, not the ledger's.
//!
//! Whatever changes the books queues the messages about it in the same transaction, so none is lost
//! and none is sent of what did not happen. Each change is told apart by an id that its caller
//! chose, so asking twice has the effect of asking once. Time is Postgres's: real, never the
//! ledger's, which may stand while people and sockets wait.

use std::time::Duration;

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgPool};

use super::{
    letters::{millis, queue},
    messages::{self, DisputeStatus, PaymentStatus, SandboxDispute, SandboxPayment, SandboxRefund},
};

/// Names every column, in the order of the row's type.
macro_rules! select {
    ("payments" $rest:literal) => {
        concat!(
            "select payment_id, order_id, receipt, currency, amount, status, fee, tax, ",
            "amount_refunded, created_at, authorises_at from sandbox_payments ",
            $rest
        )
    };
    ("refunds" $rest:literal) => {
        concat!(
            "select refund_id, payment_id, receipt, currency, amount, created_at ",
            "from sandbox_refunds ",
            $rest
        )
    };
    ("disputes" $rest:literal) => {
        concat!(
            "select dispute_id, payment_id, currency, amount, amount_deducted, status, ",
            "created_at from sandbox_disputes ",
            $rest
        )
    };
}

/// What is to be paid.
#[derive(Debug, Clone)]
pub struct Paying {
    /// The payment's id: the same every time it is asked.
    pub payment_id: String,
    /// The sandbox's id of the order.
    pub order_id: String,
    /// Our id of the order.
    pub receipt: String,
    /// The currency's code.
    pub currency: String,
    /// How much, in minor units.
    pub amount: i64,
    /// What becomes of it.
    pub course: Course,
}

/// What becomes of a payment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Course {
    /// It is captured, and the messages about it go out after a while.
    Captured {
        /// How long that is.
        told_after: Duration,
    },
    /// It is authorised, and waits to be captured.
    Authorised,
    /// It fails.
    Failed,
    /// It fails, and is authorised and captured after all.
    Late {
        /// After how long.
        after: Duration,
    },
}

/// What is to go back.
#[derive(Debug, Clone)]
pub struct Returning {
    /// The refund's id: the same every time it is asked.
    pub refund_id: String,
    /// Of which payment.
    pub payment_id: String,
    /// Our id of it, where the ledger asks.
    pub receipt: Option<String>,
    /// The currency's code.
    pub currency: String,
    /// How much, in minor units; `None` is all that is left.
    pub amount: Option<i64>,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Returned {
    /// It went back, now or before.
    Done(SandboxRefund),
    /// Not that much of the payment is left.
    Exceeds {
        /// What is left of it, in minor units.
        left: i64,
    },
}

/// What the books have of an order or of a time.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Extract {
    /// The payments, oldest first.
    pub payments: Vec<SandboxPayment>,
    /// What went back.
    pub refunds: Vec<SandboxRefund>,
    /// The disputes.
    pub disputes: Vec<SandboxDispute>,
}

/// The books.
#[derive(Debug, Clone)]
pub struct Books {
    pub(super) pool: PgPool,
}

impl Books {
    /// The books in a database.
    #[must_use]
    pub fn new(pool: PgPool) -> Self {
        Self { pool }
    }

    /// Takes a payment, unless that has been done.
    ///
    /// # Errors
    /// A database that cannot be reached.
    pub async fn pay(&self, paying: &Paying) -> Result<SandboxPayment, sqlx::Error> {
        let mut tx = self.pool.begin().await?;
        let (status, after) = match paying.course {
            Course::Captured { .. } => (PaymentStatus::Captured, None),
            Course::Authorised => (PaymentStatus::Authorized, None),
            Course::Failed => (PaymentStatus::Failed, None),
            Course::Late { after } => (PaymentStatus::Failed, Some(millis(after))),
        };
        let kept = (status == PaymentStatus::Captured).then(|| messages::fee(paying.amount));
        let new = sqlx::query(
            "insert into sandbox_payments (payment_id, order_id, receipt, currency, amount, status,
                 fee, tax, authorises_at)
             values ($1, $2, $3, $4, $5, $6, $7, $8, now() + $9::bigint * interval '1 millisecond')
             on conflict do nothing",
        )
        .bind(&paying.payment_id)
        .bind(&paying.order_id)
        .bind(&paying.receipt)
        .bind(&paying.currency)
        .bind(paying.amount)
        .bind(status)
        .bind(kept.map(|(fee, _)| fee))
        .bind(kept.map(|(_, tax)| tax))
        .bind(after)
        .execute(&mut *tx)
        .await?
        .rows_affected();
        let payment =
            payment(&mut tx, &paying.payment_id).await?.ok_or(sqlx::Error::RowNotFound)?;
        if new == 1 {
            let at = payment.created_at;
            let mut said = Vec::new();
            let mut told_after = Duration::ZERO;
            if let Course::Captured { told_after: later } = paying.course {
                told_after = later;
                said.push(messages::authorised(&payment, at));
            }
            said.extend(messages::of_payment(&payment, at));
            queue(&mut tx, &said, told_after).await?;
        }
        tx.commit().await?;
        Ok(payment)
    }

    /// Captures a payment that is authorised; tells how it stands then.
    ///
    /// # Errors
    /// A database that cannot be reached.
    pub async fn capture(&self, payment_id: &str) -> Result<Option<SandboxPayment>, sqlx::Error> {
        let mut tx = self.pool.begin().await?;
        let captured = match locked(&mut tx, payment_id).await? {
            Some(payment) if payment.status == PaymentStatus::Authorized => {
                Some(take(&mut tx, payment).await?)
            }
            other => other,
        };
        tx.commit().await?;
        Ok(captured)
    }

    /// Authorises and captures what failed and was to come about after all by now.
    ///
    /// # Errors
    /// A database that cannot be reached.
    pub async fn ripen(&self) -> Result<usize, sqlx::Error> {
        let mut tx = self.pool.begin().await?;
        let ripe: Vec<SandboxPayment> = sqlx::query_as(select!("payments"
            "where authorises_at <= now() order by authorises_at for update skip locked"))
        .fetch_all(&mut *tx)
        .await?;
        let count = ripe.len();
        for payment in ripe {
            let said = [messages::authorised(&payment, Utc::now())];
            queue(&mut tx, &said, Duration::ZERO).await?;
            take(&mut tx, payment).await?;
        }
        tx.commit().await?;
        Ok(count)
    }

    /// Sends money back, unless that has been done. Of a payment that the books do not know, such as
    /// one of a simulated history, whatever is asked goes back: the ledger keeps count itself.
    ///
    /// # Errors
    /// A database that cannot be reached.
    pub async fn give_back(&self, returning: &Returning) -> Result<Returned, sqlx::Error> {
        let mut tx = self.pool.begin().await?;
        let payment = locked(&mut tx, &returning.payment_id).await?;
        let done: Option<SandboxRefund> = sqlx::query_as(select!("refunds" "where refund_id = $1"))
            .bind(&returning.refund_id)
            .fetch_optional(&mut *tx)
            .await?;
        if let Some(done) = done {
            return Ok(Returned::Done(done));
        }
        let left = match &payment {
            Some(payment) => left(&mut tx, payment).await?,
            None => returning.amount.unwrap_or(0),
        };
        let amount = returning.amount.unwrap_or(left);
        if amount > left || amount <= 0 {
            return Ok(Returned::Exceeds { left });
        }
        let payment = match payment {
            Some(payment) => Some(refunded(&mut tx, payment, amount).await?),
            None => None,
        };
        let refund: SandboxRefund = sqlx::query_as(
            "insert into sandbox_refunds (refund_id, payment_id, receipt, currency, amount)
             values ($1, $2, $3, $4, $5)
             returning refund_id, payment_id, receipt, currency, amount, created_at",
        )
        .bind(&returning.refund_id)
        .bind(&returning.payment_id)
        .bind(&returning.receipt)
        .bind(&returning.currency)
        .bind(amount)
        .fetch_one(&mut *tx)
        .await?;
        let said = messages::of_refund(&refund, payment.as_ref(), refund.created_at);
        queue(&mut tx, &said, Duration::ZERO).await?;
        tx.commit().await?;
        Ok(Returned::Done(refund))
    }

    /// Opens the one dispute that a captured payment can have; `None` where it had one, or where
    /// there is nothing to dispute.
    ///
    /// # Errors
    /// A database that cannot be reached.
    pub async fn dispute(
        &self,
        payment_id: &str,
        dispute_id: &str,
    ) -> Result<Option<SandboxDispute>, sqlx::Error> {
        let mut tx = self.pool.begin().await?;
        let Some(payment) = locked(&mut tx, payment_id).await? else { return Ok(None) };
        let amount = left(&mut tx, &payment).await?;
        if amount <= 0 {
            return Ok(None);
        }
        let dispute: Option<SandboxDispute> = sqlx::query_as(
            "insert into sandbox_disputes (dispute_id, payment_id, currency, amount, status)
             values ($1, $2, $3, $4, 'open') on conflict do nothing
             returning dispute_id, payment_id, currency, amount, amount_deducted, status, created_at",
        )
        .bind(dispute_id)
        .bind(payment_id)
        .bind(&payment.currency)
        .bind(amount)
        .fetch_optional(&mut *tx)
        .await?;
        if let Some(dispute) = &dispute {
            let said = [messages::of_dispute(dispute, Some(&payment), Utc::now())];
            queue(&mut tx, &said, Duration::ZERO).await?;
        }
        tx.commit().await?;
        Ok(dispute)
    }

    /// Decides a payment's dispute; `None` where none is open.
    ///
    /// # Errors
    /// A database that cannot be reached.
    pub async fn decide(
        &self,
        payment_id: &str,
        won: bool,
    ) -> Result<Option<SandboxDispute>, sqlx::Error> {
        let mut tx = self.pool.begin().await?;
        let Some(payment) = locked(&mut tx, payment_id).await? else { return Ok(None) };
        let status = if won { DisputeStatus::Won } else { DisputeStatus::Lost };
        let dispute: Option<SandboxDispute> = sqlx::query_as(
            "update sandbox_disputes
             set status = $2, changed_at = now(),
                 amount_deducted = case when $2 = 'lost' then least(amount, $3) else 0 end
             where payment_id = $1 and status = 'open'
             returning dispute_id, payment_id, currency, amount, amount_deducted, status, created_at",
        )
        .bind(payment_id)
        .bind(status)
        // What the customer has been given back meanwhile is not taken once more.
        .bind(payment.amount - payment.amount_refunded)
        .fetch_optional(&mut *tx)
        .await?;
        if let Some(dispute) = &dispute {
            let said = [messages::of_dispute(dispute, Some(&payment), Utc::now())];
            queue(&mut tx, &said, Duration::ZERO).await?;
        }
        tx.commit().await?;
        Ok(dispute)
    }

    /// One payment.
    ///
    /// # Errors
    /// A database that cannot be reached.
    pub async fn payment(&self, payment_id: &str) -> Result<Option<SandboxPayment>, sqlx::Error> {
        payment(&mut *self.pool.acquire().await?, payment_id).await
    }

    /// Everything about an order, by the sandbox's id.
    ///
    /// # Errors
    /// A database that cannot be reached.
    pub async fn of_order(&self, order_id: &str) -> Result<Extract, sqlx::Error> {
        let payments: Vec<SandboxPayment> = sqlx::query_as(
            select!("payments" "where order_id = $1 order by created_at, payment_id"),
        )
        .bind(order_id)
        .fetch_all(&self.pool)
        .await?;
        let ids: Vec<_> = payments.iter().map(|payment| payment.payment_id.clone()).collect();
        let refunds = sqlx::query_as(
            select!("refunds" "where payment_id = any($1) order by created_at, refund_id"),
        )
        .bind(&ids)
        .fetch_all(&self.pool)
        .await?;
        let disputes = sqlx::query_as(
            select!("disputes" "where payment_id = any($1) order by created_at, dispute_id"),
        )
        .bind(&ids)
        .fetch_all(&self.pool)
        .await?;
        Ok(Extract { payments, refunds, disputes })
    }

    /// Everything that happened from an instant until before another, in real time.
    ///
    /// # Errors
    /// A database that cannot be reached.
    pub async fn between(
        &self,
        from: DateTime<Utc>,
        to: DateTime<Utc>,
    ) -> Result<Extract, sqlx::Error> {
        let payments = sqlx::query_as(select!("payments"
            "where created_at >= $1 and created_at < $2 order by created_at, payment_id"))
        .bind(from)
        .bind(to)
        .fetch_all(&self.pool)
        .await?;
        let refunds = sqlx::query_as(select!("refunds"
            "where created_at >= $1 and created_at < $2 order by created_at, refund_id"))
        .bind(from)
        .bind(to)
        .fetch_all(&self.pool)
        .await?;
        let disputes = sqlx::query_as(select!("disputes"
            "where changed_at >= $1 and changed_at < $2 order by changed_at, dispute_id"))
        .bind(from)
        .bind(to)
        .fetch_all(&self.pool)
        .await?;
        Ok(Extract { payments, refunds, disputes })
    }
}

async fn payment(
    connection: &mut PgConnection,
    payment_id: &str,
) -> Result<Option<SandboxPayment>, sqlx::Error> {
    sqlx::query_as(select!("payments" "where payment_id = $1"))
        .bind(payment_id)
        .fetch_optional(connection)
        .await
}

/// A payment that nobody else changes until the transaction is over.
async fn locked(
    connection: &mut PgConnection,
    payment_id: &str,
) -> Result<Option<SandboxPayment>, sqlx::Error> {
    sqlx::query_as(select!("payments" "where payment_id = $1 for update"))
        .bind(payment_id)
        .fetch_optional(connection)
        .await
}

/// How much of a payment can still go back: nothing of one that was not captured.
async fn left(connection: &mut PgConnection, payment: &SandboxPayment) -> Result<i64, sqlx::Error> {
    if !payment.is_captured() {
        return Ok(0);
    }
    let lost: Option<i64> =
        sqlx::query_scalar("select amount_deducted from sandbox_disputes where payment_id = $1")
            .bind(&payment.payment_id)
            .fetch_optional(connection)
            .await?;
    Ok(payment.amount - payment.amount_refunded - lost.unwrap_or(0))
}

/// Captures a locked payment and says so.
async fn take(
    connection: &mut PgConnection,
    payment: SandboxPayment,
) -> Result<SandboxPayment, sqlx::Error> {
    let (fee, tax) = messages::fee(payment.amount);
    sqlx::query(
        "update sandbox_payments
         set status = 'captured', fee = $2, tax = $3, authorises_at = null where payment_id = $1",
    )
    .bind(&payment.payment_id)
    .bind(fee)
    .bind(tax)
    .execute(&mut *connection)
    .await?;
    let status = PaymentStatus::Captured;
    let (fee, tax, authorises_at) = (Some(fee), Some(tax), None);
    let payment = SandboxPayment { status, fee, tax, authorises_at, ..payment };
    let said = messages::of_payment(&payment, Utc::now());
    queue(connection, &said, Duration::ZERO).await?;
    Ok(payment)
}

/// A locked payment of which something more has gone back.
async fn refunded(
    connection: &mut PgConnection,
    payment: SandboxPayment,
    amount: i64,
) -> Result<SandboxPayment, sqlx::Error> {
    let amount_refunded = payment.amount_refunded + amount;
    let whole = amount_refunded == payment.amount;
    let status = if whole { PaymentStatus::Refunded } else { payment.status };
    sqlx::query(
        "update sandbox_payments set amount_refunded = $2, status = $3 where payment_id = $1",
    )
    .bind(&payment.payment_id)
    .bind(amount_refunded)
    .bind(status)
    .execute(connection)
    .await?;
    Ok(SandboxPayment { amount_refunded, status, ..payment })
}
