//! Unit tests of `src/policy/patterns.rs`.

use super::Patterns;
use proptest::prelude::{prop, prop_assert_eq, proptest};

proptest! {
    #[test]
    fn the_most_specific_pattern_is_found(
        patterns in prop::collection::btree_set("(a{15})?[ab]{0,4}\\*?", 0..20),
        name in "(a{15})?[abä]{1,6}",
    ) {
        let patterns: Vec<_> = patterns.into_iter().filter(|text| !text.is_empty()).collect();
        let mut table = Patterns::default();
        for text in &patterns {
            assert!(table.insert(text, text.clone()).unwrap());
        }
        let expected = patterns.iter().filter(|text| match text.strip_suffix('*') {
            Some(prefix) => name.starts_with(prefix),
            None => **text == name,
        });
        let expected = expected.max_by_key(|text| (!text.ends_with('*'), text.len()));
        prop_assert_eq!(table.get(&name, |_| true), expected);
    }
}

#[test]
fn a_pattern_that_never_matches_or_appears_twice_is_refused() {
    let fits = |patterns: &[&str]| {
        let mut table = Patterns::default();
        let mut inserted = patterns.iter().map(|text| table.insert(text, ()));
        inserted.all(|inserted| inserted.is_ok_and(|is_new| is_new))
    };
    for patterns in [
        &[""][..],
        &["a*b"],
        &["**"],
        &["a\n"],
        &["a", "a"],
        &["a*", "b", "a*"],
    ] {
        assert!(!fits(patterns), "{patterns:?}");
    }
    assert!(fits(&["a", "a*", "*"]));
}
