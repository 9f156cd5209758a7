//! An open-loop load generator for MCP servers over HTTP.
//!
//! Calls arrive at a fixed rate, whether or not earlier ones are answered, and the latency of each counts
//! from the time at which it was to be sent. A server that stalls for a second is charged for every call
//! that came in this second (no coordinated omission).
//!
//! ```
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() {
//! use load::{Load, Outcome, Phase, Profile, run};
//! use std::time::Duration;
//!
//! let second = Duration::from_secs(1);
//! let load = Load::new([Phase::new(100.0, second)]);
//! // A server that answers at the end of each second, whenever it was asked.
//! let started = tokio::time::Instant::now();
//! let report = run(&load, || {
//!     let answered = tokio::time::sleep_until(started + second);
//!     (Profile::Hammer, async move {
//!         answered.await;
//!         Outcome::Wanted
//!     })
//! })
//! .await;
//! let phase = &report.phases[0];
//! assert_eq!((phase.offered, phase.wanted), (100, 100));
//! // Half of the calls waited for more than half a second.
//! assert!((499.0..=511.0).contains(&phase.p50_ms));
//! # }
//! ```
//!
//! [`Callers`] makes the calls of six profiles in both eras of the protocol; [`find_knees`] finds the
//! highest rate that servers sustain.
//!
//! # What it does not do
//! It speaks plain HTTP/1.1, from one thread: measure beside the server, or inside of what ends TLS. Timers
//! have a resolution of one millisecond, which is part of each latency; [`Summary::late_p99_ms`] shows it.

mod callers;
mod client;
mod knee;
mod message;
mod output;
mod profile;
mod record;
mod run;
mod schedule;
mod script;

pub use callers::{Callers, Settings};
pub use client::Unreachable;
pub use knee::{Knee, Objective, Verdict, find_knees};
pub use message::{Endpoint, Era};
pub use output::{knee_table, report_table};
pub use profile::{Mix, Profile};
pub use record::{Outcome, Report, Summary};
pub use run::{Load, run};
pub use schedule::{Arrivals, Phase};
