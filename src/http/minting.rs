//! What a minted credential is made of.
//!
//! Without an `Idempotency-Key` it is random. With one, callers that repeat themselves must hear
//! the same secret again although only its hash is stored: it is derived then, by HMAC under the
//! ledger's seal, from the credential that the caller presents, the idempotency key and the
//! request.
//!
//! That is safe because the caller's own credential is 200 bits that are stored nowhere, only its
//! hash. Whoever reads the log (idempotency keys, requests), and even the seal's secret in the
//! settings, still lacks it, and cannot reckon what was minted; the one who has it may mint anyway.
//! Another credential derives another secret: with it a retry hears what was minted, without the
//! secret.

use daybook_events::ids::AccountId;

use super::{
    auth,
    call::{Call, scope},
};
use crate::app::App;

/// The 25 bytes of a credential that a call mints for an account, or for the ledger. `what` tells
/// keys and sessions apart.
pub(super) fn bytes(app: &App, call: &Call, what: &str, reach: Option<AccountId>) -> [u8; 25] {
    let idempotency_key = call.headers.get("idempotency-key").map(|key| key.as_bytes());
    let (Some(key), Some(credential)) = (idempotency_key, auth::in_header(call)) else {
        return rand::random();
    };
    let derived = app.seal.derive(&[
        what.as_bytes(),
        scope(reach).as_bytes(),
        credential.as_bytes(),
        key,
        call.method.as_str().as_bytes(),
        call.path.as_bytes(),
        &call.body,
    ]);
    let mut bytes = [0; 25];
    for (byte, from) in bytes.iter_mut().zip(derived) {
        *byte = from;
    }
    bytes
}
