//! Deciding a batch: each command on the world that the ones before it left, without a database.

use std::{
    collections::HashMap,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use super::{
    append::UsedKey,
    job::{Outcome, Pending},
    request::{IdempotencyKey, Request, SubmitError},
};
use crate::{
    draft::Draft,
    envelope::{Recorded, StreamId},
    merkle::Hash,
    world::World,
};

/// A batch of commands, decided and numbered, before or after its transaction.
#[derive(Default)]
pub(super) struct Decided {
    pub(super) events: Vec<Arc<Recorded>>,
    pub(super) answers: Vec<Option<Result<Outcome, SubmitError>>>,
    // (index of the request, first position, last position)
    pub(super) keyed: Vec<(usize, i64, i64)>,
    pub(super) world: World,
    pub(super) first_leaf: Hash,
    pub(super) last_leaf: Hash,
}

/// Decides the commands one after another, each on the world that the ones before it left.
pub(super) fn decide(
    world: &World,
    position: i64,
    now: crate::Timestamp,
    batch: &[Pending],
    used: &[UsedKey],
) -> Decided {
    let mut decided = Decided { world: world.clone(), ..Decided::default() };
    let mut keys: HashMap<(&str, &str), (Hash, i64, i64)> = used
        .iter()
        .map(|used| {
            let name = (used.scope.as_str(), used.key.as_str());
            (name, (used.fingerprint, used.first_position, used.last_position))
        })
        .collect();
    let mut position = position;
    for (index, pending) in batch.iter().enumerate() {
        let request = &pending.request;
        let key = request.key.as_ref();
        if let Some(answer) = key.and_then(|key| answer_by_key(&keys, key)) {
            decided.answers.push(Some(answer));
            continue;
        }
        match decide_one(&decided.world, position, now, request) {
            Err(refusal) => decided.answers.push(Some(Err(refusal))),
            Ok((events, world)) => {
                let (first, last) = (position + 1, position + count(&events));
                // A command that only parked its account was not done: its key may be used again.
                let is_done = !events.iter().all(|recorded| recorded.event.parks());
                if let Some(key) = key.filter(|_| is_done) {
                    keys.insert((&key.scope, &key.key), (key.fingerprint, first, last));
                    decided.keyed.push((index, first, last));
                }
                position = last;
                decided.world = world;
                let events: Vec<_> = events.into_iter().map(Arc::new).collect();
                decided.events.extend(events.iter().cloned());
                decided.answers.push(Some(Ok(Outcome::Appended(events))));
            }
        }
    }
    decided
}

fn count(events: &[Recorded]) -> i64 {
    i64::try_from(events.len()).unwrap_or(i64::MAX)
}

fn answer_by_key(
    keys: &HashMap<(&str, &str), (Hash, i64, i64)>,
    key: &IdempotencyKey,
) -> Option<Result<Outcome, SubmitError>> {
    let (fingerprint, first, last) = *keys.get(&(key.scope.as_str(), key.key.as_str()))?;
    Some(if fingerprint == key.fingerprint {
        Ok(Outcome::Replayed { first, last })
    } else {
        Err(SubmitError::KeyReused)
    })
}

fn decide_one(
    world: &World,
    position: i64,
    now: crate::Timestamp,
    request: &Request,
) -> Result<(Vec<Recorded>, World), SubmitError> {
    if let (Some(expected), Some(account)) = (request.expected_version, request.command.account()) {
        let actual = world.version(StreamId::Account(account));
        if actual != expected {
            return Err(SubmitError::VersionConflict { expected, actual });
        }
    }
    let mut draft = Draft::new(world.clone(), position, now, request.seed, request.origin.clone());
    // A panic is a fault of one rule: it must not take the other commands down with it.
    catch_unwind(AssertUnwindSafe(|| request.command.decide(&mut draft)))
        .map_err(|_| SubmitError::Failed("the decision panicked".to_owned()))??;
    Ok(draft.finish())
}
