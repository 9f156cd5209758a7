//! The load generator against a real server: each profile gets what it wants, in both eras.

#![allow(clippy::unwrap_used)]

mod support;

use std::{collections::BTreeMap, time::Duration};

use load::{Callers, Endpoint, Era, Load, Phase, Profile, Settings, run};
use serde_json::json;
use support::{PATIENCE, Server};

fn settings(profile: Profile, era: Era) -> Settings {
    Settings {
        mix: profile.name().parse().unwrap(),
        eras: vec![era],
        tool: "echo".to_owned(),
        arguments: json!({ "text": "hello" }),
        calls: 3,
        think: Duration::ZERO,
        max_streams: 5,
        seed: 1,
    }
}

/// Sends 60 requests of a profile, and returns the outcomes.
async fn outcomes(server: &Server, profile: Profile, era: Era) -> BTreeMap<String, u64> {
    let endpoint = Endpoint::new(&server.url()).unwrap();
    let callers = Callers::connect(endpoint, settings(profile, era));
    let callers = callers.await.unwrap();
    // A server in a debug build may take its time.
    let load = Load::new([Phase::new(120.0, Duration::from_millis(500))]).patience(PATIENCE);
    let mut report = run(&load, || callers.call()).await;
    report.phases[0].outcomes.remove(&profile).unwrap()
}

async fn every_profile_gets_what_it_wants(flags: &[&str]) {
    let server = Server::start(flags).await;
    for profile in Profile::ALL {
        for era in Era::ALL {
            let outcomes = outcomes(&server, profile, era).await;
            let expected = BTreeMap::from([("ok".to_owned(), 60)]);
            assert_eq!(outcomes, expected, "{profile:?} {era:?}");
        }
    }
}

#[tokio::test]
async fn every_profile_gets_what_it_wants_from_a_bare_server() {
    every_profile_gets_what_it_wants(&["--bare"]).await;
}

#[tokio::test]
async fn every_profile_gets_what_it_wants_from_a_layered_server() {
    let layers =
        "trace,timing,events,error-mask,drain,rate-limit,cache,retry,circuit-breaker,timeout";
    let limits = ["--rate", "100000", "--burst", "100000"];
    every_profile_gets_what_it_wants(&[&["--with", layers][..], &limits].concat()).await;
}

/// An answer that is not wanted is told by its name.
#[tokio::test]
async fn refusals_are_counted_by_their_kind() {
    let server = Server::start(&["--with", "rate-limit", "--rate", "1", "--burst", "1"]).await;
    for era in Era::ALL {
        let outcomes = outcomes(&server, Profile::Hammer, era).await;
        assert!(outcomes["error 429"] > 50, "{outcomes:?}");
        assert_eq!(outcomes.values().sum::<u64>(), 60, "{outcomes:?}");
    }
}

#[tokio::test]
async fn a_server_that_is_not_there_is_an_error() {
    let endpoint = Endpoint::new("http://127.0.0.1:1/mcp").unwrap();
    let callers = Callers::connect(endpoint, settings(Profile::Agent, Era::Modern)).await;
    let message = callers.err().unwrap().to_string();
    assert!(
        message.starts_with("http://127.0.0.1:1/mcp does not answer"),
        "{message}"
    );
}
