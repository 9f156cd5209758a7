//! Where budgets are kept.

use std::{num::NonZeroU32, time::Duration};

use smallvec::SmallVec;

use crate::Quota;

/// Where the budgets of a [`RateLimitLayer`](crate::RateLimitLayer) are kept: by default in
/// [`MemoryStore`](crate::MemoryStore).
///
/// A store takes all charges of a call, or none. It never waits for long, and decides itself what
/// holds while it cannot tell.
pub trait RateLimitStore: Send + Sync + 'static {
    /// Resolves to a decision that is not there at once.
    type Later: Future<Output = Decision> + Send + 'static;

    /// Takes all of the charges, or none. Dropping what comes later must not take a part of them.
    fn acquire(&self, charges: &Charges) -> Acquire<Self::Later>;

    /// Says that a rule has another quota from now on. Charges bring their quota with them; this is
    /// for stores that keep something worked out by it.
    fn quota_changed(&self, rule: &str, quota: Quota) {
        let _ = (rule, quota);
    }

    /// How the store does.
    fn state(&self) -> StoreState;
}

/// A decision, at once or later.
#[derive(Debug)]
pub enum Acquire<F> {
    /// At once.
    Ready(Decision),
    /// Later.
    Later(F),
}

/// What a store decided about one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decision {
    /// What becomes of the call.
    pub verdict: Verdict,
    /// Whether the store could not tell, and this is what holds then.
    pub is_away: bool,
}

/// What becomes of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Verdict {
    /// All charges are taken.
    Admitted,
    /// None is.
    Limited {
        /// Which of the charges is the last that can be taken.
        charge: usize,
        /// When all of them could be, if nobody else comes.
        retry_after: Duration,
    },
    /// None is, because nobody can tell.
    Unavailable,
}

impl From<Verdict> for Decision {
    fn from(verdict: Verdict) -> Self {
        Self {
            verdict,
            is_away: false,
        }
    }
}

/// How a store does.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct StoreState {
    /// How many keys this process remembers.
    pub keys: usize,
    /// How many it remembers at most.
    pub max_keys: usize,
    /// How many charges went to a shared bucket, because all remembered keys were in use.
    pub overflowed: u64,
    /// Whether the store cannot tell at the moment.
    pub is_away: bool,
    /// How many calls were decided while it could not tell.
    pub decided_away: u64,
}

/// What one call costs: one charge for each rule that applies.
#[derive(Debug, Clone, Default)]
pub struct Charges {
    keys: SmallVec<[u8; 128]>,
    charges: SmallVec<[Item; 1]>,
}

#[derive(Debug, Clone, Copy)]
struct Item {
    start: u32,
    name: u32,
    end: u32,
    quota: Quota,
    cost: NonZeroU32,
}

/// What one rule asks for.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Charge<'a> {
    /// The rule's name.
    pub rule: &'a str,
    /// Which of the rule's budgets. Begins with the rule's name, and so is unique among rules.
    pub key: &'a [u8],
    /// The quota of the rule at present.
    pub quota: Quota,
    /// How much.
    pub cost: NonZeroU32,
}

impl Charges {
    /// No charge.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds the charge of a rule, of which there is none yet. `write_key` writes which of the
    /// rule's budgets it is.
    pub fn push(
        &mut self,
        rule: &str,
        quota: Quota,
        cost: NonZeroU32,
        write_key: impl FnOnce(&mut KeyWriter<'_>),
    ) {
        let start = self.len_of_keys();
        self.keys.extend_from_slice(rule.as_bytes());
        let name = self.len_of_keys();
        // A name is text, and 0xFF is in no text: where it ends is plain.
        self.keys.push(0xFF);
        write_key(&mut KeyWriter(&mut self.keys));
        let end = self.len_of_keys();
        self.charges.push(Item {
            start,
            name,
            end,
            quota,
            cost,
        });
    }

    /// The charges.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Charge<'_>> {
        self.charges.iter().map(|item| Charge {
            rule: str::from_utf8(self.bytes(item.start, item.name)).unwrap_or_default(),
            key: self.bytes(item.start, item.end),
            quota: item.quota,
            cost: item.cost,
        })
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.charges.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.charges.is_empty()
    }

    fn bytes(&self, from: u32, to: u32) -> &[u8] {
        self.keys
            .get(from as usize..to as usize)
            .unwrap_or_default()
    }

    /// Keys of more than 4 GiB do not come up: messages are smaller.
    fn len_of_keys(&self) -> u32 {
        u32::try_from(self.keys.len()).unwrap_or(u32::MAX)
    }
}

/// Writes which of a rule's budgets a charge goes to. Different parts give different bytes,
/// wherever one ends and the next begins.
#[derive(Debug)]
pub struct KeyWriter<'a>(&'a mut SmallVec<[u8; 128]>);

impl KeyWriter<'_> {
    /// Adds a part that there is.
    pub fn part(&mut self, part: &[u8]) {
        self.0.push(1);
        let len = part.len() as u64;
        self.0.extend_from_slice(&len.to_le_bytes());
        self.0.extend_from_slice(part);
    }

    /// Adds a part that there is not: all callers without it share a budget.
    pub fn none(&mut self) {
        self.0.push(0);
    }
}
