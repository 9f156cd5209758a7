//! The lookup of a miss in the second level.

use std::task::{Context, Poll, ready};

use mcp_layers_core::{StoredResponse, response::CacheScope};

use crate::{
    Lookup, StoreError, StoreEvent, StoreFuture, StoreKey, miss::Miss, state::SharedEntry,
};

/// A lookup under one key after the other.
pub(crate) struct Fetch {
    keys: Vec<(CacheScope, StoreKey)>,
    current: Option<Current>,
}

struct Current {
    scope: CacheScope,
    key: StoreKey,
    answer: StoreFuture<Result<Lookup, StoreError>>,
}

impl Fetch {
    pub(crate) fn new<To>(miss: &Miss<To>) -> Self {
        let public = (CacheScope::Public, miss.public.clone());
        let private = miss.private.clone().map(|key| (CacheScope::Private, key));
        let mut keys: Vec<_> = match miss.rule.scope {
            Some(CacheScope::Public) => vec![public],
            Some(_) => private.into_iter().collect(),
            None => std::iter::once(public).chain(private).collect(),
        };
        keys.reverse();
        Self {
            keys,
            current: None,
        }
    }

    /// Ready with an entry, which is in memory then, or with nothing.
    pub(crate) fn poll<Res>(
        &mut self,
        miss: &mut Miss<Res::ReplyTo>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<SharedEntry>>
    where
        Res: StoredResponse,
        Res::ReplyTo: Clone,
    {
        let Some(store) = miss.state.settings.store.clone() else {
            return Poll::Ready(None);
        };
        loop {
            if self.current.is_none() {
                let Some((scope, key)) = self.keys.pop() else {
                    return Poll::Ready(None);
                };
                let answer = store.get(key.clone());
                self.current = Some(Current { scope, key, answer });
            }
            let Some(current) = &mut self.current else {
                continue;
            };
            let answer = ready!(current.answer.as_mut().poll(cx));
            if let Some(Current { scope, key, .. }) = self.current.take()
                && let Some(entry) = take::<Res>(miss, scope, key, answer)
            {
                return Poll::Ready(Some(entry));
            }
        }
    }
}

fn take<Res>(
    miss: &mut Miss<Res::ReplyTo>,
    scope: CacheScope,
    key: StoreKey,
    answer: Result<Lookup, StoreError>,
) -> Option<SharedEntry>
where
    Res: StoredResponse,
    Res::ReplyTo: Clone,
{
    let (event, entry) = match answer {
        Err(error) if error.is_garbage() => (StoreEvent::Garbage, None),
        Err(_) => (StoreEvent::Unreachable, None),
        Ok(lookup) => {
            let (entry, epoch) = lookup.into_parts();
            miss.fetched.push((key, epoch));
            match entry {
                None => (StoreEvent::Miss, None),
                Some(entry) => {
                    let is_usable = entry.scope == scope && entry.age < entry.time_to_live;
                    let usable = Some(entry).filter(|_| is_usable);
                    match usable.and_then(|entry| miss.store_fetched::<Res>(&entry)) {
                        None => (StoreEvent::Garbage, None),
                        shared => (StoreEvent::Hit, shared),
                    }
                }
            }
        }
    };
    miss.state.counters.store(event);
    entry
}
