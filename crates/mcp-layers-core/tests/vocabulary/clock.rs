use mcp_layers_core::Clock;
use std::time::{Duration, SystemTime};

#[test]
fn clones_of_a_manual_clock_share_its_time() {
    let clock = Clock::manual();
    let (now, wall) = (clock.now(), clock.wall());
    clock.clone().advance(Duration::from_secs(5));
    assert_eq!(clock.now() - now, Duration::from_secs(5));
    assert_eq!(clock.wall(), wall + Duration::from_secs(5));
    clock.set_wall(SystemTime::UNIX_EPOCH);
    assert_eq!(clock.wall(), SystemTime::UNIX_EPOCH);
    assert_eq!(clock.now() - now, Duration::from_secs(5));
}

#[test]
#[should_panic(expected = "only a manual clock can be set")]
fn the_system_clock_cannot_be_advanced() {
    Clock::system().advance(Duration::from_secs(1));
}

#[tokio::test(start_paused = true)]
async fn the_clock_of_tokio_follows_paused_time() {
    let clock = Clock::tokio();
    let (now, wall) = (clock.now(), clock.wall());
    tokio::time::advance(Duration::from_secs(7)).await;
    assert_eq!(clock.now() - now, Duration::from_secs(7));
    assert_eq!(clock.wall(), wall + Duration::from_secs(7));
}
