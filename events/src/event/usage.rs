//! Events about usage: what the panel counts against the plan's limits.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{AccountEvent, events};
use crate::ids::ReservationId;

events! {
    /// What is used of the plan's limits.
    UsageEvent of AccountEvent {
        UsageReported "usage.reported" v 1,
        UsageReserved "usage.reserved" v 1,
        UsageReleased "usage.released" v 1,
    }
}

/// The panel counted: so much of a limit is used. A fact, even where it is over the limit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UsageReported {
    /// The limit's name, such as `max_servers`.
    pub limit: String,
    /// How much is used, all in all.
    pub used: u64,
    /// The reservation that this count includes, which is thereby over.
    pub settles: Option<ReservationId>,
}

/// Room under a limit is set aside for something that is about to be made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UsageReserved {
    /// The reservation's id.
    pub reservation_id: ReservationId,
    /// The limit's name.
    pub limit: String,
    /// How much is set aside.
    pub quantity: u64,
    /// What was used and set aside before.
    pub used_before: u64,
    /// The limit as it was; `null` is unlimited.
    pub allowed: Option<u64>,
}

/// A reservation was not needed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UsageReleased {
    /// Which.
    pub reservation_id: ReservationId,
}
