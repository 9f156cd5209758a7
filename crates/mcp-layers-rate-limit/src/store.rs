//! Where budgets are kept.

use std::{num::NonZeroU32, time::Duration};

use smallvec::SmallVec;

use crate::{Quota, key_bytes::KeyBytes};

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

impl<F> Acquire<F> {
    /// Whether the call passes at once, and there is nothing to say about it.
    pub(crate) fn is_plain_yes(&self) -> bool {
        matches!(
            self,
            Self::Ready(Decision {
                verdict: Verdict::Admitted,
                is_away: false
            })
        )
    }
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
    keys: KeyBytes,
    charges: SmallVec<[Item; 4]>,
}

/// A charge; its key begins where the one before it ends.
#[derive(Debug, Clone, Copy)]
struct Item {
    quota: Quota,
    cost: NonZeroU32,
    name_end: u32,
    end: u32,
}

/// What one rule asks for.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Charge<'a> {
    /// Which of the rule's budgets. Begins with the rule's name, and so is unique among rules.
    pub key: &'a [u8],
    /// The quota of the rule at present.
    pub quota: Quota,
    /// How much.
    pub cost: NonZeroU32,
    name_len: usize,
}

impl<'a> Charge<'a> {
    /// The rule's name.
    #[must_use]
    pub fn rule(&self) -> &'a str {
        let name = self.key.get(..self.name_len).unwrap_or_default();
        str::from_utf8(name).unwrap_or_default()
    }
}

impl Charges {
    /// No charge.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds the charge of a rule, of which there is none yet. `write_key` writes which of the
    /// rule's budgets it is.
    #[inline]
    pub fn push(
        &mut self,
        rule: &str,
        quota: Quota,
        cost: NonZeroU32,
        write_key: impl FnOnce(&mut KeyWriter<'_>),
    ) {
        self.keys.extend(rule.as_bytes());
        let name_end = self.len_of_keys();
        // A name is text, and 0xFF is in no text: where it ends is plain.
        self.keys.extend(&[0xFF]);
        write_key(&mut KeyWriter(&mut self.keys));
        self.charges.push(Item {
            quota,
            cost,
            name_end,
            end: self.len_of_keys(),
        });
    }

    /// The charges.
    #[inline]
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Charge<'_>> {
        let keys = self.keys.as_slice();
        let mut start = 0;
        self.charges.iter().map(move |item| {
            let key = keys.get(start as usize..item.end as usize);
            let name_len = item.name_end.saturating_sub(start) as usize;
            start = item.end;
            Charge {
                key: key.unwrap_or_default(),
                quota: item.quota,
                cost: item.cost,
                name_len,
            }
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

    /// Keys of more than 4 GiB do not come up: messages are smaller.
    fn len_of_keys(&self) -> u32 {
        u32::try_from(self.keys.len).unwrap_or(u32::MAX)
    }
}

/// Writes which of a rule's budgets a charge goes to. Different parts give different bytes,
/// wherever one ends and the next begins.
#[derive(Debug)]
pub struct KeyWriter<'a>(&'a mut KeyBytes);

impl KeyWriter<'_> {
    /// Adds a part that there is.
    #[inline]
    pub fn part(&mut self, part: &[u8]) {
        // Its length goes before it: in one byte, which is neither that of no part nor 0xFF, or in
        // eight after 0xFF.
        match u8::try_from(part.len()) {
            Ok(len @ ..LONG) => self.0.extend(&[len + 1]),
            _ => {
                self.0.extend(&[u8::MAX]);
                self.0.extend(&(part.len() as u64).to_le_bytes());
            }
        }
        self.0.extend(part);
    }

    /// Adds a part that there is not: all callers without it share a budget.
    #[inline]
    pub fn none(&mut self) {
        self.0.extend(&[0]);
    }
}

/// Parts from this length on have their length in eight bytes.
const LONG: u8 = u8::MAX - 1;

#[cfg(test)]
mod tests {
    use super::{Charges, KeyWriter};
    use crate::Quota;
    use std::{collections::HashSet, num::NonZeroU32};

    fn charges(write_key: impl FnOnce(&mut KeyWriter<'_>)) -> Charges {
        let mut charges = Charges::new();
        let quota = Quota::per_second(NonZeroU32::MIN);
        charges.push("first", quota, NonZeroU32::MIN, |key| key.part(&[7; 300]));
        charges.push("rule", quota, NonZeroU32::MIN, write_key);
        charges
    }

    #[test]
    fn different_parts_give_different_bytes() {
        // Two parts of one byte over and over, with lengths on both sides of where they take more
        // room, and bytes that look like lengths.
        let lens = [0, 1, 2, 253, 254, 255, 256, 300];
        let pairs = lens.map(|one| lens.map(|other| (one, other)));
        let mut keys = HashSet::new();
        let mut written = 0;
        for (one, other) in pairs.into_iter().flatten() {
            for byte in [0, 1, 0xFE, 0xFF] {
                let charges = charges(|key| {
                    key.part(&vec![byte; one]);
                    key.part(&vec![byte; other]);
                });
                keys.insert(charges.iter().last().unwrap().key.to_vec());
                written += 1;
                if (one, other) == (0, 0) {
                    // Which byte it is none of makes no difference.
                    break;
                }
            }
        }
        for nones in 0..3 {
            let charges = charges(|key| (0..nones).for_each(|_| key.none()));
            keys.insert(charges.iter().last().unwrap().key.to_vec());
            written += 1;
        }
        assert_eq!(keys.len(), written);
    }

    #[test]
    fn a_charge_knows_its_rule_and_its_key_alone() {
        let charges = charges(|key| key.part(b"ada"));
        let rules: Vec<_> = charges.iter().map(|charge| charge.rule()).collect();
        assert_eq!(rules, ["first", "rule"]);
        assert_eq!(charges.iter().last().unwrap().key, b"rule\xff\x04ada");
    }
}
