//! Unit tests of `src/generations.rs`.
#![allow(clippy::unwrap_used)]

use super::{Generations, MAX_GROUPS, MAX_PREFIXES};
use crate::Group;

fn group(name: &str) -> Group {
    Group::new(name.as_bytes())
}

#[test]
fn an_entry_is_current_until_one_of_its_groups_is_invalidated() {
    let generations = Generations::default();
    let groups = [Group::all(), group("tools")];
    let since = generations.current();
    for other in 0..100 {
        generations.invalidate(&group(&other.to_string()));
    }
    assert!(generations.is_current(since, &groups, None));
    generations.invalidate(&groups[1]);
    assert!(!generations.is_current(since, &groups, None));
    assert!(generations.is_current(generations.current(), &groups, None));
}

#[test]
fn requests_are_of_one_generation_until_one_of_their_groups_is_invalidated() {
    let generations = Generations::default();
    let groups = [Group::all(), group("tools")];
    let before = generations.of(&groups, None);
    generations.invalidate(&group("prompts"));
    generations.invalidate_prefix("file:");
    assert_eq!(generations.of(&groups, None), before);
    assert_ne!(generations.of(&groups, Some("file:///a")), before);
    generations.invalidate(&Group::all());
    assert_ne!(generations.of(&groups, None), before);
}

#[test]
fn an_entry_older_than_what_is_remembered_is_out_of_date() {
    let generations = Generations::default();
    let groups = [group("tools")];
    let old = generations.current();
    for number in 0..MAX_GROUPS {
        generations.invalidate(&group(&number.to_string()));
    }
    // Repeated invalidations of one group drop nothing.
    for _ in 0..MAX_GROUPS {
        generations.invalidate(&group("1"));
    }
    assert!(generations.is_current(old, &groups, None));
    generations.invalidate(&group("one more"));
    assert!(!generations.is_current(old, &groups, None));
    assert!(generations.is_current(generations.current(), &groups, None));
}

#[test]
fn a_prefix_invalidates_the_uris_that_begin_with_it() {
    let generations = Generations::default();
    let since = generations.current();
    generations.invalidate_prefix("file:///a");
    let is_current = |uri| generations.is_current(since, &[], uri);
    assert!(!is_current(Some("file:///a/b")));
    assert!(is_current(Some("file:///b")));
    assert!(is_current(None));
    for number in 0..MAX_PREFIXES {
        generations.invalidate_prefix(&number.to_string());
    }
    assert!(!generations.is_current(since, &[], Some("file:///b")));
}
