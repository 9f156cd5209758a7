//! The verifiers of a running layer, of which a reload replaces those that have changed.

use std::{
    collections::BTreeMap,
    hash::{BuildHasher, RandomState},
    sync::{Arc, Mutex, PoisonError},
};

use mcp_layers_authenticate::{
    Credential, FirstOf, Replaceable, ReplaceableHandle, Verify, VerifyFuture,
};

use crate::error::{ConfigError, at};

/// The verifiers of a running layer. Clones share them.
#[derive(Clone)]
pub(crate) struct Verifiers {
    handle: ReplaceableHandle,
    running: Arc<Mutex<BTreeMap<String, (u64, Shared)>>>,
    hasher: Arc<RandomState>,
}

/// New verifiers, by their names, each with everything that it was made from.
pub(super) type New = BTreeMap<String, (String, Arc<dyn Verify>)>;

/// A verifier that outlives the list that it is in.
#[derive(Clone)]
struct Shared(Arc<dyn Verify>);

impl Verify for Shared {
    fn verify(&self, credential: &Credential) -> VerifyFuture {
        self.0.verify(credential)
    }

    fn generation(&self) -> u64 {
        self.0.generation()
    }
}

impl Verifiers {
    /// The first verifiers, and what the layer asks.
    pub(super) fn start(new: New) -> Result<(Self, Replaceable), ConfigError> {
        let verifier = Replaceable::new(FirstOf::new());
        let verifiers = Self {
            handle: verifier.handle(),
            running: Arc::default(),
            hasher: Arc::default(),
        };
        verifiers.replace(new)?();
        Ok((verifiers, verifier))
    }

    /// Prepares the replacement. A verifier that was made from the same is kept, with its cache.
    pub(super) fn replace(&self, new: New) -> Result<impl FnOnce() + use<>, ConfigError> {
        let running = Arc::clone(&self.running);
        let old = running
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        let keep = |(name, (source, verifier)): (String, (String, _))| {
            let hash = self.hasher.hash_one(source);
            let verifier = match old.get(&name) {
                Some((before, kept)) if *before == hash => kept.clone(),
                _ => Shared(verifier),
            };
            (name, (hash, verifier))
        };
        let next: BTreeMap<_, _> = new.into_iter().map(keep).collect();
        let mut list = FirstOf::new();
        for (name, (_, verifier)) in &next {
            list = list
                .with(name.as_str(), verifier.clone())
                .map_err(at("authenticate"))?;
        }
        let is_same = next.len() == old.len()
            && next
                .iter()
                .all(|(name, (hash, _))| old.get(name).is_some_and(|(o, _)| o == hash));
        let handle = self.handle.clone();
        Ok(move || {
            *running.lock().unwrap_or_else(PoisonError::into_inner) = next;
            if !is_same {
                handle.replace(list);
            }
        })
    }
}

#[cfg(test)]
#[path = "../../tests/unit/verifiers.rs"]
mod tests;
