//! A projection as the engine holds it: its rows by key, which of them changed, its table.

use std::collections::{HashMap, HashSet};

use daybook_events::Recorded;
use serde::{Serialize, de::DeserializeOwned};

use crate::projection::{FoldError, Projection};

/// A stored row that is not of the projection's shape.
#[derive(Debug, thiserror::Error)]
#[error("row `{key}` of `{projection}` is not of its shape")]
pub struct RowError {
    /// Which projection.
    pub projection: &'static str,
    /// Which row.
    pub key: String,
    /// What serde says of it.
    pub source: serde_json::Error,
}

/// A projection of any kind of row.
pub trait View: Send {
    /// The projection's and its table's name.
    fn name(&self) -> &'static str;
    /// The table's definition, with `{table}` for its name.
    fn table(&self) -> &'static str;
    /// The keys of the rows that an event touches.
    fn keys(&self, recorded: &Recorded) -> Vec<String>;
    /// Whether the row of a key is held, or known not to be there.
    fn holds(&self, key: &str) -> bool;
    /// Holds a row as it is stored; `None` where there is none.
    ///
    /// # Errors
    /// A row of another shape.
    fn hold(&mut self, key: String, row: Option<&str>) -> Result<(), RowError>;
    /// Folds an event into the rows that it touches, which must be held.
    ///
    /// # Errors
    /// Where the event cannot be taken in.
    fn fold(&mut self, recorded: &Recorded) -> Result<(), FoldError>;
    /// The rows that changed since last asked, as they are to be stored, in key order.
    fn take_changes(&mut self) -> Vec<(String, Option<String>)>;
    /// How many rows are held.
    fn held(&self) -> usize;
    /// Lets go of every row.
    fn forget(&mut self);
    /// Every row that is held, as it is to be stored, in no order.
    fn rows(&self) -> Box<dyn Iterator<Item = (&str, String)> + '_>;
}

/// The view of a projection.
pub struct Of<P: Projection> {
    rows: HashMap<String, Option<P::Row>>,
    changed: HashSet<String>,
}

impl<P: Projection> Of<P> {
    /// Holding no rows.
    #[must_use]
    pub fn empty() -> Self {
        Self { rows: HashMap::new(), changed: HashSet::new() }
    }
}

/// The text that is stored for a row.
fn text<T: Serialize>(row: &T) -> String {
    serde_json::to_string(row).expect("rows are plain data with string keys")
}

/// The row of a stored text.
///
/// # Errors
/// A row of another shape.
pub(crate) fn row_of<P: Projection>(key: &str, text: &str) -> Result<P::Row, RowError> {
    decode(P::NAME, key, text)
}

fn decode<T: DeserializeOwned>(
    projection: &'static str,
    key: &str,
    text: &str,
) -> Result<T, RowError> {
    serde_json::from_str(text).map_err(|source| RowError {
        projection,
        key: key.to_owned(),
        source,
    })
}

impl<P: Projection> View for Of<P> {
    fn name(&self) -> &'static str {
        P::NAME
    }

    fn table(&self) -> &'static str {
        P::TABLE
    }

    fn keys(&self, recorded: &Recorded) -> Vec<String> {
        P::keys(recorded)
    }

    fn holds(&self, key: &str) -> bool {
        self.rows.contains_key(key)
    }

    fn hold(&mut self, key: String, row: Option<&str>) -> Result<(), RowError> {
        let row = row.map(|row| row_of::<P>(&key, row)).transpose()?;
        self.rows.insert(key, row);
        Ok(())
    }

    fn fold(&mut self, recorded: &Recorded) -> Result<(), FoldError> {
        for key in P::keys(recorded) {
            let slot = self.rows.entry(key.clone()).or_default();
            *slot = P::fold(&key, slot.take(), recorded)?;
            self.changed.insert(key);
        }
        Ok(())
    }

    fn take_changes(&mut self) -> Vec<(String, Option<String>)> {
        let mut changed: Vec<String> = self.changed.drain().collect();
        // Every writer takes rows in one order, so that no two ever wait for each other.
        changed.sort_unstable();
        changed
            .into_iter()
            .map(|key| {
                let row = self.rows.get(&key).and_then(Option::as_ref).map(text);
                (key, row)
            })
            .collect()
    }

    fn held(&self) -> usize {
        self.rows.len()
    }

    fn forget(&mut self) {
        self.rows.clear();
        self.changed.clear();
    }

    fn rows(&self) -> Box<dyn Iterator<Item = (&str, String)> + '_> {
        Box::new(
            self.rows.iter().filter_map(|(key, row)| Some((key.as_str(), text(row.as_ref()?)))),
        )
    }
}
