//! Payments for an export: as many as there are, streamed, without a look into their JSON.
//!
//! The two walls of [`crate::reach`] stand here too: the statement asks for the reach's own rows,
//! and each row is looked at on its way out.

use daybook_events::Timestamp;
use sqlx::PgPool;

use crate::{EngineError, copy_out::CopyOut, payments::Payments, query::Rows, reach::NO_PREDICATE};

/// The columns of the export, in their order: callers may rely on it.
pub const PAYMENT_COLUMNS: [&str; 13] = [
    "payment_id",
    "account_id",
    "captured_at",
    "order_id",
    "order_number",
    "invoice_id",
    "processor",
    "processor_payment_id",
    "processor_order_id",
    "currency",
    "amount",
    "refunded",
    "status",
];

/// Where the account stands among them.
const ACCOUNT: usize = 1;

/// A row of the export: each column as it is stored; what is missing is empty.
pub type PaymentCells<'b> = [&'b [u8]; PAYMENT_COLUMNS.len()];

/// Payments on their way out, in the order of their capture.
pub struct PaymentsOut {
    rows: CopyOut<{ PAYMENT_COLUMNS.len() }>,
    // Whose rows get out; `None` is everybody's.
    wall: Option<String>,
}

/// What selects the payments of an export, as text: COPY takes no parameters, so what stands in it
/// is an id and instants that were read and are printed anew.
#[must_use]
pub fn payments_query(
    account: Option<&str>,
    from: Option<Timestamp>,
    to: Option<Timestamp>,
) -> String {
    let columns = PAYMENT_COLUMNS.join(", ").replacen("payment_id", "key", 1);
    let mut sql = format!("select {columns} from daybook_views.payments where true");
    for (condition, value) in [
        ("account_id =", account.map(str::to_owned)),
        ("captured_at >=", from.map(|from| from.to_string())),
        ("captured_at <", to.map(|to| to.to_string())),
    ] {
        if let Some(value) = value {
            sql.push_str(&format!(" and {condition} '{value}'"));
        }
    }
    sql + " order by captured_at, key"
}

impl Rows<'_> {
    /// The payments that were captured in a half-open span, oldest first.
    ///
    /// # Errors
    /// A database that cannot be reached.
    pub async fn payments_out(
        &self,
        from: Option<Timestamp>,
        to: Option<Timestamp>,
    ) -> Result<PaymentsOut, EngineError> {
        let account = match self.predicate::<Payments>() {
            NO_PREDICATE => None,
            _own => self.reach.bound(),
        };
        let wall = self.reads.wall(self.reach).bound();
        let pool: &PgPool = &self.reads.pool;
        let rows = CopyOut::start(pool, &payments_query(account.as_deref(), from, to)).await?;
        Ok(PaymentsOut { rows, wall })
    }
}

impl PaymentsOut {
    /// Hands the rows that have arrived to `take`; false once the last one was.
    ///
    /// # Errors
    /// A connection that is lost on the way.
    pub async fn next(
        &mut self,
        mut take: impl FnMut(&PaymentCells<'_>),
    ) -> Result<bool, EngineError> {
        let Self { rows, wall } = self;
        let wall = wall.as_deref().map(str::as_bytes);
        let seen = |row: &[Option<&[u8]>; 13]| wall.is_none() || row[ACCOUNT] == wall;
        rows.next(|row| {
            if seen(row) {
                take(&row.map(Option::unwrap_or_default));
            }
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_query_names_its_bounds_and_its_account_where_there_are_any() {
        let at = |text: &str| text.parse::<Timestamp>().ok();
        let whole = payments_query(None, None, None);
        assert!(
            whole.ends_with("from daybook_views.payments where true order by captured_at, key")
        );
        assert!(whole.starts_with("select key, account_id, captured_at, order_id,"), "{whole}");
        let part = payments_query(Some("acc_1"), at("2026-05-01T00:00:00Z"), None);
        assert!(
            part.contains(
                "where true and account_id = 'acc_1' and captured_at >= \
                 '2026-05-01T00:00:00.000000Z' order by"
            ),
            "{part}"
        );
    }
}
