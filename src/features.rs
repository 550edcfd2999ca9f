//! Which features are on, as this process knows it.
//!
//! Every request asks, so it is an atomic that follows the projections. A switch in another process
//! counts as soon as its event is folded here, a fraction of a second later.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use daybook_events::event::Feature;
use daybook_projections::{
    EngineError,
    features::{FeatureRow, Features},
    live::Progress,
    query::Reads,
};
use tokio::sync::watch;

/// How often the rows are looked at while the log moves without a pause.
const PAUSE: Duration = Duration::from_millis(100);

/// Whether the `billing` feature is on.
///
/// The newest switch wins, whoever brings the news in which order: the position of its event and
/// what it says share one number, which only grows.
#[derive(Debug, Clone, Default)]
pub struct Billing(Arc<AtomicI64>);

impl Billing {
    /// Whether it is on; a ledger that never switched it has it.
    #[must_use]
    pub fn is_on(&self) -> bool {
        self.0.load(Ordering::Relaxed) & 1 == 0
    }

    /// Takes in a switch at a position of the log.
    pub fn switched(&self, position: i64, enabled: bool) {
        self.0.fetch_max(position << 1 | i64::from(!enabled), Ordering::Relaxed);
    }

    async fn read(&self, reads: &Reads) -> Result<(), EngineError> {
        let row = reads.all().get::<Features>(Feature::Billing.as_str()).await?;
        if let Some(FeatureRow { position, enabled, .. }) = row {
            self.switched(position, enabled);
        }
        Ok(())
    }
}

/// Reads the switch and lets it follow the projections until they stop.
///
/// # Errors
/// A database that cannot be reached.
pub async fn follow(
    reads: Reads,
    mut progress: watch::Receiver<Progress>,
) -> Result<Billing, EngineError> {
    let billing = Billing::default();
    // What the log held before is folded first: a switch of yesterday counts from the start.
    let caught_up = progress.wait_for(|now| now.position > 0 || now.halted.is_some());
    let _ = tokio::time::timeout(Duration::from_secs(5), caught_up).await;
    progress.mark_unchanged();
    billing.read(&reads).await?;
    let followed = billing.clone();
    tokio::spawn(async move {
        while progress.changed().await.is_ok() {
            if let Err(error) = followed.read(&reads).await {
                tracing::warn!(%error, "the features wait for the database");
            }
            tokio::time::sleep(PAUSE).await;
        }
    });
    Ok(billing)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_switch_wins_in_whatever_order_the_news_comes() {
        let billing = Billing::default();
        assert!(billing.is_on());
        billing.switched(7, false);
        assert!(!billing.is_on());
        billing.switched(5, true);
        assert!(!billing.is_on());
        billing.switched(9, true);
        billing.switched(7, false);
        assert!(billing.is_on());
    }
}
