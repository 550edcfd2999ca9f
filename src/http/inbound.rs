//! `POST /webhooks/{processor}`: messages of processors are checked over their raw bytes, stored as
//! they came, and answered at once; what they mean is read afterwards.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};

use super::{answer::Answer, call::Call, error::ApiError};
use crate::{
    app::App,
    processors::{Message, NotTheirs, manual},
    settlement::inbox,
};

/// What a processor sends: its own form, over whose bytes its signature is.
#[derive(Debug, JsonSchema)]
#[serde(transparent)]
#[expect(dead_code, reason = "read as bytes; the schema says that it is an object")]
pub struct ProcessorMessage(Map<String, Value>);

/// That a message was taken in, or was here before.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Taken {
    /// Always true.
    received: bool,
}

/// `POST /webhooks/{processor}`
///
/// # Errors
/// No such processor here, or a message that is not its own.
pub async fn take(app: Arc<App>, call: Call) -> Result<Answer, ApiError> {
    let named = app.processors.named(call.capture(0)).ok();
    let processor = named.filter(|it| it.name() != manual::NAME).ok_or_else(ApiError::not_found)?;
    let message = Message { headers: &call.headers, body: &call.body };
    let (headers, body) = (&call.headers, &call.body);
    match processor.recognises(&message) {
        Ok(event_id) => {
            let name = processor.name();
            if inbox::keep(app.pool(), name, event_id.as_deref(), headers, body).await?.is_some() {
                app.mail.notify_one();
            }
            Ok(Answer::ok(&Taken { received: true }))
        }
        Err(why) => {
            let address = call.peer.map(|address| address.to_string());
            inbox::keep_refused(app.pool(), processor.name(), why, headers, body, address).await?;
            Err(refusal(why))
        }
    }
}

fn refusal(why: NotTheirs) -> ApiError {
    ApiError::new(why.code(), why.to_string())
}
