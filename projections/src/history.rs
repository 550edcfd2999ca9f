//! Reading the log, within a reach: an account's history, and events as they are stored.
//!
//! The same two walls stand here as before rows: each statement asks for the reach's own stream
//! only, and [`Reach::sees_stream`] is asked of each event on its way out.

use daybook_events::{
    Recorded, StreamId,
    ids::AccountId,
    store::{self, StoredWithLeaf, StreamEnd, Wanted},
};

use crate::{
    EngineError,
    reach::{Reach, Reads},
};

/// The events within a reach.
#[derive(Debug, Clone, Copy)]
pub struct History<'r> {
    reads: &'r Reads,
    reach: Reach,
}

/// A page of events as they are stored.
#[derive(Debug, Clone, Copy, Default)]
pub struct EventPage<'a> {
    /// Of one stream only.
    pub stream: Option<StreamId>,
    /// Of one type only, by its stored name.
    pub type_name: Option<&'a str>,
    /// Only after this version of the stream.
    pub after_version: i64,
    /// Only after this position.
    pub after: i64,
    /// Up to and with this position.
    pub until: i64,
    /// At most so many.
    pub limit: i64,
}

/// What the first wall makes of the streams that are asked for.
enum Asked {
    /// All of them.
    All,
    /// One, by its text form.
    One(String),
    /// None: the one that was asked for is not the reach's own.
    Nothing,
}

impl Reads {
    /// The events within a reach.
    #[must_use]
    pub fn history(&self, reach: Reach) -> History<'_> {
        History { reads: self, reach }
    }
}

impl History<'_> {
    /// The first wall: within one account nothing but its own stream is asked for.
    fn asked(&self, stream: Option<StreamId>) -> Asked {
        let own = match self.reach {
            Reach::Account(own) if !self.reads.without_predicates => Some(StreamId::Account(own)),
            Reach::Account(_) | Reach::Ledger => None,
        };
        // Without its predicate a statement gives every stream, whichever was asked for.
        let stream = stream.filter(|_| !self.reads.without_predicates);
        match (own, stream) {
            (Some(own), Some(stream)) if own != stream => Asked::Nothing,
            (Some(one), _) | (None, Some(one)) => Asked::One(one.to_string()),
            (None, None) => Asked::All,
        }
    }

    /// The second wall.
    fn sees(&self, stream: &str) -> bool {
        self.reads.wall(self.reach).sees_stream(stream)
    }

    /// Everything that happened to an account, oldest first; nothing where the reach is another's.
    ///
    /// # Errors
    /// A database that cannot be reached, or an event that cannot be read.
    pub async fn of_account(&self, account: AccountId) -> Result<Vec<Recorded>, EngineError> {
        let pool = &self.reads.pool;
        let mut events = match self.asked(Some(StreamId::Account(account))) {
            Asked::Nothing => Vec::new(),
            Asked::One(stream) => store::streams(pool, &[stream]).await?,
            Asked::All => store::range(pool, 0, i64::MAX, i64::MAX).await?,
        };
        events.retain(|event| self.sees(&event.stream.to_string()));
        Ok(events)
    }

    /// Everything that happened in a stream that is no account's, oldest first: what the book and
    /// the plans say is everybody's. Nothing of other streams.
    ///
    /// # Errors
    /// A database that cannot be reached, or an event that cannot be read.
    pub async fn of_everybody(&self, stream: StreamId) -> Result<Vec<Recorded>, EngineError> {
        match stream {
            StreamId::Book | StreamId::Plan(_) => {
                Ok(store::streams(&self.reads.pool, &[stream.to_string()]).await?)
            }
            StreamId::Account(_) | StreamId::Coupon(_) | StreamId::Access => Ok(Vec::new()),
        }
    }

    /// A page of events, oldest first.
    ///
    /// # Errors
    /// A database that cannot be reached.
    pub async fn page(&self, page: &EventPage<'_>) -> Result<Vec<StoredWithLeaf>, EngineError> {
        let stream = match self.asked(page.stream) {
            Asked::Nothing => return Ok(Vec::new()),
            Asked::One(stream) => Some(stream),
            Asked::All => None,
        };
        let wanted = Wanted {
            stream: stream.as_deref(),
            type_name: page.type_name,
            after_version: page.after_version,
            after: page.after,
            until: page.until,
            limit: page.limit,
        };
        let mut events = store::leaves(&self.reads.pool, wanted).await?;
        events.retain(|(event, _)| self.sees(&event.stream));
        Ok(events)
    }

    /// The event at a position.
    ///
    /// # Errors
    /// A database that cannot be reached.
    pub async fn at(&self, position: i64) -> Result<Option<StoredWithLeaf>, EngineError> {
        let after = position.saturating_sub(1);
        let page = EventPage { after, until: position, limit: 1, ..EventPage::default() };
        Ok(self.page(&page).await?.pop())
    }

    /// A page of streams after one, by their text forms.
    ///
    /// # Errors
    /// A database that cannot be reached.
    pub async fn streams(&self, after: &str, limit: i64) -> Result<Vec<StreamEnd>, EngineError> {
        let only = match self.asked(None) {
            Asked::One(stream) => Some(stream),
            Asked::All | Asked::Nothing => None,
        };
        let mut ends = store::stream_ends(&self.reads.pool, only.as_deref(), after, limit).await?;
        ends.retain(|end| self.sees(&end.stream));
        Ok(ends)
    }
}
