//! Lemon Squeezy: its checkouts, subscriptions, refunds and webhooks. It is the merchant: the tax
//! that it takes is its own to pay, and the invoice with the tax is its own too.

pub mod webhook;

use super::settings::{SettingsError, Source};
use crate::signing::Secret;

/// The name that events carry.
pub const NAME: &str = "lemonsqueezy";

/// Where Lemon Squeezy is, unless somebody says otherwise.
const BASE_URL: &str = "https://api.lemonsqueezy.com/v1";

/// What Lemon Squeezy is reached by. Printing it for debugging shows no secret.
#[derive(Clone)]
pub struct Settings {
    /// The API key, of test or live mode.
    pub api_key: String,
    /// The store that sells.
    pub store_id: String,
    /// The secrets of its webhooks; without one, none is taken.
    pub signing_secrets: Vec<Secret>,
    /// The API's address.
    pub base_url: String,
}

impl std::fmt::Debug for Settings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { store_id, base_url, api_key: _, signing_secrets: _ } = self;
        f.debug_struct("Settings")
            .field("store_id", store_id)
            .field("base_url", base_url)
            .finish_non_exhaustive()
    }
}

impl Settings {
    /// As a source has them; `None` where nobody has set Lemon Squeezy up.
    ///
    /// # Errors
    /// Half of them.
    pub fn read(source: &Source<'_>) -> Result<Option<Self>, SettingsError> {
        let Some(api_key) = source.secret("LEMONSQUEEZY_API_KEY")? else { return Ok(None) };
        Ok(Some(Self {
            api_key,
            store_id: source.needed("LEMONSQUEEZY_API_KEY", "LEMONSQUEEZY_STORE_ID")?,
            signing_secrets: source.secrets("LEMONSQUEEZY_SIGNING_SECRET")?,
            base_url: source.get("LEMONSQUEEZY_BASE_URL").unwrap_or_else(|| BASE_URL.to_owned()),
        }))
    }
}
