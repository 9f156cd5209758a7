//! Unit tests of `src/budget.rs`.
#![allow(clippy::unwrap_used)]

use super::Budget;
use mcp_layers_core::{Authentication, Principal};
use std::{
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
    thread,
    time::{Duration, Instant},
};

fn drain(budget: &Budget, now: Instant) -> usize {
    (0..1_000_000)
        .take_while(|_| budget.withdraw(None, now))
        .count()
}

#[test]
fn requests_and_time_deposit() {
    let budget = Budget::new(20, 5).unwrap();
    let start = Instant::now();
    assert_eq!(drain(&budget, start), 5);
    (0..50).for_each(|_| budget.deposit(None));
    assert_eq!(drain(&budget, start), 10);
    assert_eq!(drain(&budget, start + Duration::from_secs(2)), 10);
    assert_eq!(drain(&budget, start + Duration::from_secs(2)), 0);
}

#[test]
fn savings_are_bounded() {
    let budget = Budget::new(20, 5).unwrap();
    (0..1_000_000).for_each(|_| budget.deposit(None));
    let start = Instant::now();
    assert_eq!(drain(&budget, start), 50);
    let later = start + Duration::from_secs(1_000_000);
    assert_eq!(drain(&budget, later), 50);
    assert!(Budget::new(1_001, 0).is_err());
}

#[test]
fn an_empty_budget_allows_nothing() {
    let budget = Budget::new(0, 0).unwrap();
    (0..1_000).for_each(|_| budget.deposit(None));
    assert_eq!(drain(&budget, Instant::now() + Duration::from_secs(60)), 0);
}

/// Spends all that a principal has.
fn drain_of(budget: &Budget, subject: &str, now: Instant) -> usize {
    let who = Principal::new(subject, Authentication::Bearer);
    let tries = 0..1_000_000;
    tries
        .take_while(|_| budget.withdraw(Some(&who), now))
        .count()
}

#[test]
fn what_one_principal_spends_is_not_taken_from_another() {
    let budget = Budget::new(20, 5).unwrap();
    let mallory = Principal::new("mallory", Authentication::Bearer);
    let start = Instant::now();
    for second in 0..=100 {
        (0..1_000).for_each(|_| budget.deposit(Some(&mallory)));
        drain_of(&budget, "mallory", start + Duration::from_secs(second));
    }
    let now = start + Duration::from_secs(100);
    assert_eq!(drain_of(&budget, "ada", now), 5);
    assert_eq!(drain_of(&budget, "ada", now + Duration::from_secs(2)), 10);
}

#[test]
fn savings_of_one_principal_are_left_when_another_spends_its_own() {
    let budget = Budget::new(20, 0).unwrap();
    for subject in ["mallory", "ada"] {
        let who = Principal::new(subject, Authentication::Bearer);
        (0..1_000).for_each(|_| budget.deposit(Some(&who)));
    }
    let now = Instant::now();
    assert_eq!(drain_of(&budget, "mallory", now), 10);
    assert_eq!(drain_of(&budget, "ada", now), 10);
}

#[test]
fn the_number_of_accounts_is_bounded() {
    let budget = Budget::default();
    for number in 0..25_000 {
        let who = Principal::new(number.to_string(), Authentication::Bearer);
        budget.deposit(Some(&who));
    }
    let accounts = budget.0.accounts.lock().unwrap();
    assert_eq!(accounts.principals.len(), 5_000);
}

#[test]
fn a_claimed_name_has_no_account_of_its_own() {
    let budget = Budget::new(0, 5).unwrap();
    let now = Instant::now();
    assert_eq!(drain(&budget, now), 5);
    let claimed = Principal::new("ada", Authentication::Unverified);
    assert!(!budget.withdraw(Some(&claimed), now));
}

#[test]
fn many_principals_together_spend_four_times_the_minimum() {
    let budget = Budget::new(0, 5).unwrap();
    let start = Instant::now();
    let spend = |now| -> usize {
        let each = (0..100).map(|number| drain_of(&budget, &format!("p{number}"), now));
        each.sum()
    };
    assert_eq!(spend(start), 20);
    assert_eq!(spend(start + Duration::from_secs(1)), 20);
}

#[test]
fn threads_never_withdraw_more_than_was_deposited() {
    let budget = Budget::new(10, 0).unwrap();
    let start = Instant::now();
    let taken = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..10_000 {
                    budget.deposit(None);
                    taken.fetch_add(budget.withdraw(None, start).into(), Relaxed);
                }
            });
        }
    });
    let rest = drain(&budget, start);
    assert!(taken.load(Relaxed) + rest <= 8_000, "{taken:?} {rest}");
    assert!(taken.load(Relaxed) + rest >= 7_900, "{taken:?} {rest}");
}
