//! Reading rows, within a reach: by key, by a column, page by page. The two walls are those of
//! [`crate::reach`].

use sqlx::{AssertSqlSafe, postgres::PgArguments, query::QueryAs};

// Whoever reads rows says whose, so the two are named together.
pub use crate::reach::{Reach, Reads};
use crate::{EngineError, projection::Projection, reach::NO_PREDICATE, view};

impl Reads {
    /// The rows within a reach.
    #[must_use]
    pub fn within(&self, reach: Reach) -> Rows<'_> {
        Rows { reads: self, reach }
    }

    /// Every row, for what acts for the ledger itself.
    #[must_use]
    pub fn all(&self) -> Rows<'_> {
        self.within(Reach::Ledger)
    }
}

/// The rows within a reach.
#[derive(Debug, Clone, Copy)]
pub struct Rows<'r> {
    pub(crate) reads: &'r Reads,
    pub(crate) reach: Reach,
}

/// A page of rows in key order, which is the order in which they came about.
#[derive(Debug, Clone, Default)]
pub struct Page<'a> {
    /// Only rows after this key.
    pub after: Option<&'a str>,
    /// At most so many.
    pub limit: i64,
}

/// Rows whose column lies in a half-open range, in its order.
#[derive(Debug, Clone, Default)]
pub struct Between {
    /// A column of text that sorts as it means, such as an instant's; a name from our own code.
    pub column: &'static str,
    /// From here on.
    pub from: Option<String>,
    /// Up to before here.
    pub to: Option<String>,
    /// At most so many.
    pub limit: i64,
}

/// What a search looks for.
#[derive(Debug, Clone)]
pub struct Search<'a> {
    /// When a row is found: a condition from our own code, over `$2`, the text itself, and `$3`, a
    /// pattern of texts that hold it, whatever their case. `{views}` is where the rows lie.
    pub condition: &'static str,
    /// The order of what is found, from our own code.
    pub order: &'static str,
    /// The text; `None` finds everything.
    pub text: Option<&'a str>,
    /// At most so many.
    pub limit: i64,
    /// Not the first so many.
    pub offset: i64,
}

/// The rows of a page, and the key of the last one, if the page is full.
fn page_of<R>(rows: Vec<(String, R)>, limit: i64) -> (Vec<R>, Option<String>) {
    let full = i64::try_from(rows.len()) == Ok(limit);
    let next = rows.last().filter(|_| full).map(|(key, _)| key.clone());
    (rows.into_iter().map(|(_, row)| row).collect(), next)
}

/// The pattern of the texts that hold a text: its own wildcards stand for themselves.
fn contains(text: &str) -> String {
    let mut pattern = String::from("%");
    for letter in text.to_lowercase().chars() {
        if matches!(letter, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(letter);
    }
    pattern.push('%');
    pattern
}

type Stored = (String, String);
type Query<'q> = QueryAs<'q, sqlx::Postgres, Stored, PgArguments>;

impl Rows<'_> {
    /// The row of a key.
    ///
    /// # Errors
    /// A database that cannot be reached, or a row of another shape.
    pub async fn get<P: Projection>(&self, key: &str) -> Result<Option<P::Row>, EngineError> {
        self.find::<P>("key", key).await
    }

    /// The one row whose column has a value. `column` is a name from our own code, never a
    /// caller's.
    ///
    /// # Errors
    /// A database that cannot be reached, or a row of another shape.
    pub async fn find<P: Projection>(
        &self,
        column: &'static str,
        value: &str,
    ) -> Result<Option<P::Row>, EngineError> {
        let value = value.to_owned();
        let rows = self.read::<P>(&format!("{column} = $2"), |query| query.bind(value)).await?;
        Ok(rows.into_iter().next().map(|(_, row)| row))
    }

    /// The one row of which two columns have these values. The names are from our own code, never a
    /// caller's.
    ///
    /// # Errors
    /// A database that cannot be reached, or a row of another shape.
    pub async fn find_both<P: Projection>(
        &self,
        (first, one): (&'static str, &str),
        (second, other): (&'static str, &str),
    ) -> Result<Option<P::Row>, EngineError> {
        let (one, other) = (one.to_owned(), other.to_owned());
        let which = format!("{first} = $2 and {second} = $3");
        let rows = self.read::<P>(&which, |query| query.bind(one).bind(other)).await?;
        Ok(rows.into_iter().next().map(|(_, row)| row))
    }

    /// A page of rows.
    ///
    /// # Errors
    /// A database that cannot be reached, or a row of another shape.
    pub async fn list<P: Projection>(&self, page: &Page<'_>) -> Result<Vec<P::Row>, EngineError> {
        Ok(self.page::<P>(page).await?.0)
    }

    /// A page of rows, and the key after which the next page begins, if this one is full.
    ///
    /// # Errors
    /// A database that cannot be reached, or a row of another shape.
    pub async fn page<P: Projection>(
        &self,
        page: &Page<'_>,
    ) -> Result<(Vec<P::Row>, Option<String>), EngineError> {
        let (after, limit) = (page.after.unwrap_or("").to_owned(), page.limit);
        let rows = self
            .read::<P>("key > $2 order by key limit $3", |query| query.bind(after).bind(limit))
            .await?;
        Ok(page_of(rows, page.limit))
    }

    /// The newest row in key order, if there is any.
    ///
    /// # Errors
    /// A database that cannot be reached, or a row of another shape.
    pub async fn newest<P: Projection>(&self) -> Result<Option<P::Row>, EngineError> {
        let rows = self.read::<P>("true order by key desc limit 1", |query| query).await?;
        Ok(rows.into_iter().next().map(|(_, row)| row))
    }

    /// The row whose column `number` has a value.
    ///
    /// # Errors
    /// A database that cannot be reached, or a row of another shape.
    pub async fn numbered<P: Projection>(
        &self,
        number: i64,
    ) -> Result<Option<P::Row>, EngineError> {
        let rows = self.read::<P>("number = $2", |query| query.bind(number)).await?;
        Ok(rows.into_iter().next().map(|(_, row)| row))
    }

    /// A page of rows, newest first, and the key after which the next page begins, if this one is
    /// full. Its `after` is the key of the last row of the page before.
    ///
    /// # Errors
    /// A database that cannot be reached, or a row of another shape.
    pub async fn newest_first<P: Projection>(
        &self,
        page: &Page<'_>,
    ) -> Result<(Vec<P::Row>, Option<String>), EngineError> {
        let (before, limit) = (page.after.map(str::to_owned), page.limit);
        let which = "($2::text is null or key < $2) order by key desc limit $3";
        let rows = self.read::<P>(which, |query| query.bind(before).bind(limit)).await?;
        Ok(page_of(rows, limit))
    }

    /// The rows of some keys, in no order.
    ///
    /// # Errors
    /// A database that cannot be reached, or a row of another shape.
    pub async fn each<P: Projection>(&self, keys: Vec<String>) -> Result<Vec<P::Row>, EngineError> {
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        let rows = self.read::<P>("key = any($2)", |query| query.bind(keys)).await?;
        Ok(rows.into_iter().map(|(_, row)| row).collect())
    }

    /// A page of the rows that a search finds, and how many it finds in all. The search comes from
    /// our own code, what it looks for is bound.
    ///
    /// # Errors
    /// A database that cannot be reached, or a row of another shape.
    pub async fn search<P: Projection>(
        &self,
        search: &Search<'_>,
    ) -> Result<(Vec<P::Row>, i64), EngineError> {
        let condition = search.condition.replace("{views}", "daybook_views");
        let found = format!("($2::text is null or {condition})");
        let page = format!("{found} order by {} limit $4 offset $5", search.order);
        let exact = search.text.map(str::to_owned);
        let like = search.text.map(contains);
        let (limit, offset) = (search.limit, search.offset);
        let (exactly, alike) = (exact.clone(), like.clone());
        let rows = self
            .read::<P>(&page, |query| query.bind(exactly).bind(alike).bind(limit).bind(offset))
            .await?;
        let predicate = self.predicate::<P>();
        // A number is no row to be looked at on its way out: the second wall stands inside.
        let sql = format!(
            "select count(*) filter (where $4::text is null or account_id = $4)
             from daybook_views.{} where {predicate} and {found} and ($3::text is null or true)",
            P::NAME
        );
        let count = sqlx::query_scalar(AssertSqlSafe(sql)).bind(self.reach.bound());
        let wall = self.reads.wall(self.reach).bound();
        let count = count.bind(exact).bind(like).bind(wall);
        let total = count.fetch_one(&self.reads.pool).await?;
        Ok((rows.into_iter().map(|(_, row)| row).collect(), total))
    }

    /// A page of rows whose column has a value, in key order. `column` is a name from our own code.
    ///
    /// # Errors
    /// A database that cannot be reached, or a row of another shape.
    pub async fn matching<P: Projection>(
        &self,
        column: &'static str,
        value: &str,
        after: &str,
        limit: i64,
    ) -> Result<Vec<P::Row>, EngineError> {
        let which = format!("{column} = $2 and key > $3 order by key limit $4");
        let (value, after) = (value.to_owned(), after.to_owned());
        let rows =
            self.read::<P>(&which, |query| query.bind(value).bind(after).bind(limit)).await?;
        Ok(rows.into_iter().map(|(_, row)| row).collect())
    }

    /// Rows whose column lies in a half-open range.
    ///
    /// # Errors
    /// A database that cannot be reached, or a row of another shape.
    pub async fn between<P: Projection>(
        &self,
        range: &Between,
    ) -> Result<Vec<P::Row>, EngineError> {
        let column = range.column;
        let which = format!(
            "($2::text is null or {column} >= $2) and ($3::text is null or {column} < $3)
             order by {column}, key limit $4"
        );
        let (from, to, limit) = (range.from.clone(), range.to.clone(), range.limit);
        let rows = self.read::<P>(&which, |query| query.bind(from).bind(to).bind(limit)).await?;
        Ok(rows.into_iter().map(|(_, row)| row).collect())
    }

    pub(crate) fn predicate<P: Projection>(&self) -> &'static str {
        match self.reads.without_predicates {
            true => NO_PREDICATE,
            false => self.reach.predicate::<P>(),
        }
    }

    /// Every read there is: within the predicate, and then only what the reach sees. `$1` is the
    /// account; `which` goes on from `$2`.
    async fn read<P: Projection>(
        &self,
        which: &str,
        bind: impl for<'q> FnOnce(Query<'q>) -> Query<'q>,
    ) -> Result<Vec<(String, P::Row)>, EngineError> {
        let predicate = self.predicate::<P>();
        let sql = format!(
            "select key, row::text from daybook_views.{} where {predicate} and {which}",
            P::NAME
        );
        let query = sqlx::query_as(AssertSqlSafe(sql)).bind(self.reach.bound());
        let stored = bind(query).fetch_all(&self.reads.pool).await?;
        let mut rows = Vec::with_capacity(stored.len());
        for (key, text) in stored {
            let row = view::row_of::<P>(&key, &text)?;
            if self.reads.wall(self.reach).sees::<P>(&row) {
                rows.push((key, row));
            }
        }
        Ok(rows)
    }
}

#[cfg(test)]
mod tests {
    use super::contains;

    #[test]
    fn wildcards_of_a_text_stand_for_themselves() {
        assert_eq!(contains("Ada"), "%ada%");
        assert_eq!(contains(r"100%_\"), r"%100\%\_\\%");
        assert_eq!(contains(""), "%%");
    }
}
