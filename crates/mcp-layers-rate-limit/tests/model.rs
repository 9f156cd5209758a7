//! The limiter against a plain model: what is spent comes back evenly.
#![allow(clippy::unwrap_used)]

mod common;

use std::{collections::HashMap, time::Duration};

use common::{by, call, n, passes, quota};
use mcp_layers_core::Clock;
use mcp_layers_rate_limit::{KeyComponent, MemoryStore, RateLimitLayer, Rule};
use proptest::{collection::vec, prelude::*};

/// A bucket in plain words: what is spent comes back evenly, one call in each period.
#[derive(Default, Clone, Copy)]
struct Bucket {
    /// Nanoseconds: one call is one period.
    spent: u64,
    at: u64,
}

impl Bucket {
    fn left(&self, now: u64, period: u64, burst: u32) -> u64 {
        let spent = self.spent.saturating_sub(now - self.at);
        u64::from(burst) * period - spent
    }

    fn spend(&mut self, now: u64, amount: u64) {
        self.spent = self.spent.saturating_sub(now - self.at) + amount;
        self.at = now;
    }
}

#[derive(Debug, Clone, Copy)]
struct Step {
    wait: u64,
    subject: u8,
    tool: u8,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = (prop_oneof![Just(0), 0_u64..3_000], 0_u8..3, 0_u8..3);
    vec(
        step.prop_map(|(wait, subject, tool)| Step {
            wait,
            subject,
            tool,
        }),
        1..200,
    )
}

proptest! {
    #[test]
    fn admits_exactly_what_a_plain_model_admits(
        steps in steps(),
        all in (1_u64..500, 1_u32..20),
        each in (1_u64..5_000, 1_u32..5),
        costs in (1_u32..4, 1_u32..4),
    ) {
        let costs = (costs.0.min(all.1), costs.1.min(each.1));
        let clock = Clock::manual();
        // So few keys that others must make room, and so many that each has one.
        let store = MemoryStore::new().max_keys(10).unwrap().max_keys_per_caller(10).unwrap();
        let rules = [
            Rule::new("all", quota(Duration::from_nanos(all.0), all.1)).key([]).cost(n(costs.0)),
            Rule::new("each", quota(Duration::from_nanos(each.0), each.1))
                .key([KeyComponent::Principal, KeyComponent::Tool])
                .cost(n(costs.1)),
        ];
        let layer = RateLimitLayer::with_store(rules, store.with_clock(clock.clone())).unwrap();
        let (mut common, mut own, mut now) = (Bucket::default(), HashMap::new(), 0);
        for step in steps {
            now += step.wait;
            clock.advance(Duration::from_nanos(step.wait));
            let bucket: &mut Bucket = own.entry((step.subject, step.tool)).or_default();
            let (of_all, of_each) = (u64::from(costs.0) * all.0, u64::from(costs.1) * each.0);
            let expected = common.left(now, all.0, all.1) >= of_all
                && bucket.left(now, each.0, each.1) >= of_each;
            if expected {
                common.spend(now, of_all);
                bucket.spend(now, of_each);
            }
            let request = by(&step.subject.to_string(), call(&step.tool.to_string()));
            prop_assert_eq!(passes(&layer, request), expected, "at {}: {:?}", now, step);
        }
    }
}
