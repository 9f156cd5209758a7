//! Places for calls whose clients have lost their connection.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use super::owner::Owner;

/// A number of places, of which one principal has a quarter at most.
#[derive(Debug, Clone)]
pub(super) struct Parking {
    max: usize,
    taken: Arc<Mutex<Taken>>,
}

#[derive(Debug, Default)]
struct Taken {
    all: usize,
    by_subject: HashMap<Arc<str>, usize>,
}

/// A place, which is free again when this is dropped.
#[derive(Debug)]
pub(super) struct Place {
    parking: Parking,
    subject: Option<Arc<str>>,
}

impl Parking {
    pub(super) fn new(max: usize) -> Self {
        Self {
            max,
            taken: Arc::default(),
        }
    }

    /// A place for a call of this owner; `None` if there is none. Callers without a principal share what
    /// is free.
    pub(super) fn take(&self, owner: &Owner) -> Option<Place> {
        let mut taken = self.lock();
        let subject = owner.subject.clone();
        let own = subject.as_ref().and_then(|own| taken.by_subject.get(own));
        let has_share = subject.is_none() || own.is_none_or(|own| *own < self.max.div_ceil(4));
        if taken.all >= self.max || !has_share {
            return None;
        }
        taken.all += 1;
        if let Some(subject) = &subject {
            *taken.by_subject.entry(subject.clone()).or_default() += 1;
        }
        let parking = self.clone();
        Some(Place { parking, subject })
    }

    fn lock(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.parking.lock();
        taken.all -= 1;
        if let Some(subject) = &self.subject
            && let Some(own) = taken.by_subject.get_mut(subject)
        {
            *own -= 1;
            if *own == 0 {
                taken.by_subject.remove(subject);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use http::Extensions;
    use mcp_layers_core::{Authentication, Principal};

    use super::*;

    fn owner(name: &str) -> Owner {
        let mut extensions = Extensions::new();
        extensions.insert(Principal::new(name, Authentication::Bearer));
        Owner::new("session", &extensions)
    }

    #[test]
    fn one_principal_leaves_places_to_others() {
        let parking = Parking::new(8);
        let (ada, bob) = (owner("ada"), owner("bob"));
        let first: Vec<_> = (0..9).filter_map(|_| parking.take(&ada)).collect();
        assert_eq!(first.len(), 2);
        assert!(parking.take(&bob).is_some());
        drop(first);
        assert!(parking.take(&ada).is_some());
        let nobody = Owner::new("session", &Extensions::new());
        let all: Vec<_> = (0..9).filter_map(|_| parking.take(&nobody)).collect();
        assert_eq!(all.len(), 8);
        assert!(parking.take(&bob).is_none());
        drop(all);
        assert!(parking.lock().by_subject.is_empty());
    }
}
