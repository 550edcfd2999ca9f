//! The sender: what is due is claimed, sent, and written down; a slow receiver holds up nobody else.
//!
//! One process leads, by an advisory lock: that is politeness, not correctness. Whoever takes the
//! lead takes back what the one before had claimed and perhaps not sent, and sends it again.

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};

use daybook_events::ids::EndpointId;
use daybook_projections::query::Reach;
use rand::RngExt;
use sqlx::PgConnection;
use tokio::task::JoinSet;

use super::{
    WebhookError,
    delivery::{self, Concluded, Delivery},
    endpoint::{self, Endpoint},
    message, planner,
    schedule::{self, Came, JITTER},
    target::{Answered, NotSent},
};
use crate::{app::App, scheduler};

/// How many deliveries are on their way to one endpoint at once.
const ABREAST: usize = 8;
/// How many are on their way to all of them.
const ABREAST_IN_ALL: usize = 256;
/// How long the one who leads rests between two looks, where nothing wakes it.
const REST: Duration = Duration::from_secs(1);
/// How long one waits who does not lead, or whose database is away.
const PATIENCE: Duration = Duration::from_secs(5);

/// The advisory lock of the one who leads.
const LEADER: i64 = 7_221_033;

/// Sends webhooks until it is stopped, as long as this process leads.
pub async fn run(app: Arc<App>) {
    let mut position = app.ledger.position();
    let (mut sender, mut leadership) = (Sender::new(app), None);
    loop {
        let rest = match sender.turn(&mut leadership).await {
            Ok(()) if leadership.is_some() => REST,
            Ok(()) => PATIENCE,
            // A database that is away comes back; what was due is still due then.
            Err(error) => {
                tracing::warn!(%error, "the sender of webhooks tries again");
                leadership = None;
                PATIENCE
            }
        };
        tokio::select! {
            () = tokio::time::sleep(rest) => {}
            () = sender.one_is_back() => {}
            Ok(()) = position.changed(), if leadership.is_some() => {}
        }
    }
}

/// What is on its way.
pub struct Sender {
    app: Arc<App>,
    in_flight: JoinSet<EndpointId>,
    by_endpoint: HashMap<EndpointId, usize>,
}

impl std::fmt::Debug for Sender {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sender").field("in_flight", &self.in_flight.len()).finish_non_exhaustive()
    }
}

impl Sender {
    /// Nothing is on its way yet.
    #[must_use]
    pub fn new(app: Arc<App>) -> Self {
        Self { app, in_flight: JoinSet::new(), by_endpoint: HashMap::new() }
    }

    /// Plans everything, and sends all that is due, until nothing more is.
    ///
    /// # Errors
    /// A database that cannot be reached.
    pub async fn round(&mut self) -> Result<(), WebhookError> {
        loop {
            self.look().await?;
            if self.in_flight.is_empty() {
                return Ok(());
            }
            self.one_is_back().await;
        }
    }

    /// Takes the lead where nobody has it, and works where this process has it still.
    async fn turn(&mut self, leadership: &mut Option<PgConnection>) -> Result<(), WebhookError> {
        let (pool, led) = (self.app.pool(), leadership.is_some());
        let leads = scheduler::keep_lead(LEADER, pool, leadership).await?;
        if leads && !led && self.in_flight.is_empty() {
            delivery::release(pool).await?;
        }
        if leads { self.look().await } else { Ok(()) }
    }

    /// Plans, and sets out with what is due and has room.
    async fn look(&mut self) -> Result<(), WebhookError> {
        while let Some(back) = self.in_flight.try_join_next() {
            self.is_back(back);
        }
        planner::plan(&self.app).await?;
        let now = self.app.ledger.clock().now();
        for id in delivery::due(self.app.pool(), now).await? {
            let on_the_way = self.by_endpoint.get(&id).copied().unwrap_or(0);
            let room = ABREAST.saturating_sub(on_the_way);
            let room = room.min(ABREAST_IN_ALL.saturating_sub(self.in_flight.len()));
            if room > 0 {
                let room = i64::try_from(room).unwrap_or(1);
                for due in delivery::claim(self.app.pool(), id, now, room).await? {
                    self.set_out(due);
                }
            }
        }
        Ok(())
    }

    fn set_out(&mut self, due: Delivery) {
        let app = self.app.clone();
        *self.by_endpoint.entry(due.endpoint).or_default() += 1;
        self.in_flight.spawn(async move {
            let endpoint = due.endpoint;
            if let Err(error) = send(&app, &due).await {
                // It stays claimed for a while, and is sent again then.
                tracing::warn!(delivery = %due.id, %error, "an attempt was not written down");
            }
            endpoint
        });
    }

    /// Waits until an attempt is over; for ever where none is on its way.
    async fn one_is_back(&mut self) {
        match self.in_flight.join_next().await {
            Some(back) => self.is_back(back),
            None => std::future::pending().await,
        }
    }

    fn is_back(&mut self, back: Result<EndpointId, tokio::task::JoinError>) {
        match back {
            Ok(endpoint) => {
                if let Some(count) = self.by_endpoint.get_mut(&endpoint) {
                    *count = count.saturating_sub(1);
                }
                self.by_endpoint.retain(|_, count| *count > 0);
            }
            // Which one it was is not known; all of them are counted anew once they are back.
            Err(error) => tracing::error!(%error, "an attempt broke off"),
        }
        if self.in_flight.is_empty() {
            self.by_endpoint.clear();
        }
    }
}

/// One attempt.
async fn send(app: &App, due: &Delivery) -> Result<(), WebhookError> {
    let endpoint = endpoint::find(app.pool(), Reach::Ledger, due.endpoint).await?;
    // Removed meanwhile, with everything about it.
    let Some(endpoint) = endpoint else { return Ok(()) };
    let (began, started) = (app.ledger.clock().now(), Instant::now());
    let answered = match message::body(app, &endpoint, due).await {
        Err(WebhookError::Database(error)) => return Err(error.into()),
        Err(error) => Err(error.to_string()),
        Ok(body) => post(app, &endpoint, due, body).await.map_err(|error| error.to_string()),
    };
    let ended = app.ledger.clock().now();
    let jitter = rand::rng().random_range(-JITTER..=JITTER);
    let concluded = Concluded {
        came: answered.as_ref().map_or(Came::Back(None), |answered| {
            let wanted = answered.retry_after.as_deref();
            let wanted = wanted.and_then(|text| schedule::retry_after(text, ended));
            schedule::judge(answered.status, wanted)
        }),
        began,
        ended,
        took: started.elapsed(),
        status: answered.as_ref().ok().map(|answered| answered.status),
        problem: answered.as_ref().err().cloned(),
        answer: answered.ok().map(|answered| answered.text),
        jitter,
    };
    delivery::conclude(app.pool(), due, concluded).await
}

async fn post(
    app: &App,
    endpoint: &Endpoint,
    due: &Delivery,
    body: Vec<u8>,
) -> Result<Answered, NotSent> {
    let headers = message::headers(endpoint, due, &body, app.ledger.clock().now());
    app.outbound.post(&endpoint.url, headers, body).await
}
