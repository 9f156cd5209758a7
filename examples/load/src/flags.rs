//! The flags.

use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use jiff::SignedDuration;
use load::{Arrivals, Endpoint, Era, Mix, Phase, Settings};
use serde_json::{Map, Value};

/// An open-loop load generator for MCP servers over plain HTTP.
///
/// Calls arrive at a fixed rate, and the latency of each counts from the time at which it was to be sent.
#[derive(Debug, Parser)]
pub(crate) struct Flags {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Offer rates to a server, one after the other.
    Run(RunFlags),
    /// Find the highest rate that each server sustains.
    Knee(KneeFlags),
}

#[derive(Debug, Args)]
pub(crate) struct RunFlags {
    /// The server: http://HOST:PORT/mcp
    #[arg(long)]
    pub(crate) url: String,
    /// Calls a second; several rates are offered one after the other.
    #[arg(long, value_delimiter = ',', required = true, value_parser = rate)]
    rate: Vec<f64>,
    /// The time for which each rate is offered; one for each, or one for all.
    #[arg(long = "for", value_name = "TIME", value_delimiter = ',', default_value = "10s", value_parser = duration)]
    duration: Vec<Duration>,
    #[command(flatten)]
    pub(crate) common: Common,
}

impl RunFlags {
    pub(crate) fn phases(&self) -> Result<Vec<Phase>, String> {
        let (rates, durations) = (&self.rate, &self.duration);
        if durations.len() != rates.len() && durations.len() != 1 {
            return Err("--for needs one time for each rate, or one for all".to_owned());
        }
        let durations = durations.iter().cycle();
        let phases = rates.iter().zip(durations);
        Ok(phases
            .map(|(rate, duration)| Phase::new(*rate, *duration))
            .collect())
    }
}

#[derive(Debug, Args)]
pub(crate) struct KneeFlags {
    /// A server; may be repeated. Servers are measured in turns.
    #[arg(long, required = true)]
    pub(crate) url: Vec<String>,
    /// The highest 99th percentile of the latency.
    #[arg(long, default_value = "50ms", value_parser = duration)]
    pub(crate) objective: Duration,
    /// The largest share of calls that are not answered as wanted.
    #[arg(long, default_value_t = 0.001)]
    pub(crate) failures: f64,
    /// The first rate, in calls a second.
    #[arg(long, default_value = "100", value_parser = rate)]
    pub(crate) from: f64,
    /// The time for which each rate is offered.
    #[arg(long, default_value = "3s", value_parser = duration)]
    pub(crate) step: Duration,
    /// The distance between the rate that holds and the one that does not, as a share of the rate.
    #[arg(long, default_value_t = 0.05)]
    pub(crate) precision: f64,
    #[command(flatten)]
    pub(crate) common: Common,
}

#[derive(Debug, Args)]
pub(crate) struct Common {
    /// The shares of the profiles: agent, hammer, lister, listener, churn, hostile.
    #[arg(
        long,
        default_value = "agent=6,hammer=2,lister=1,listener=1,churn=1,hostile=1"
    )]
    profile: Mix,
    /// Protocol versions; callers are of each in turn.
    #[arg(long, value_delimiter = ',', default_value = "2025-11-25,2026-07-28")]
    era: Vec<Era>,
    /// The tool that is called.
    #[arg(long, default_value = "echo")]
    tool: String,
    /// Its arguments, as JSON.
    #[arg(long, default_value = r#"{"text":"hello"}"#, value_parser = arguments)]
    arguments: Value,
    /// A header of each request, such as `Authorization: Bearer KEY`; may be repeated.
    #[arg(long)]
    header: Vec<String>,
    /// Tool calls of an agent before it leaves, on average.
    #[arg(long, default_value_t = 20)]
    calls: usize,
    /// The pause of a caller between two requests; hammers have none.
    #[arg(long, default_value = "1s", value_parser = duration)]
    think: Duration,
    /// The most streams that listeners hold.
    #[arg(long, default_value_t = 100)]
    max_streams: usize,
    /// The most calls in flight; further ones are dropped, which is a failure.
    #[arg(long, default_value_t = 1000)]
    pub(crate) max_in_flight: usize,
    /// The time after which a call is given up.
    #[arg(long, default_value = "10s", value_parser = duration)]
    pub(crate) patience: Duration,
    /// The time before each measurement in which calls are sent and not counted.
    #[arg(long, default_value = "1s", value_parser = duration)]
    pub(crate) warm_up: Duration,
    /// Send calls at random times (a Poisson process) instead of fixed ones.
    #[arg(long)]
    poisson: bool,
    /// Seed of all random choices.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Print JSON instead of a table.
    #[arg(long)]
    pub(crate) json: bool,
}

impl Common {
    pub(crate) fn endpoint(&self, url: &str) -> Result<Endpoint, String> {
        let headers = self.header.iter();
        headers.fold(Endpoint::new(url), |endpoint, line| endpoint?.header(line))
    }

    pub(crate) fn settings(&self) -> Settings {
        Settings {
            mix: self.profile.clone(),
            eras: self.era.clone(),
            tool: self.tool.clone(),
            arguments: self.arguments.clone(),
            calls: self.calls,
            think: self.think,
            max_streams: self.max_streams,
            seed: self.seed,
        }
    }

    pub(crate) fn arrivals(&self) -> Arrivals {
        match self.poisson {
            true => Arrivals::Poisson { seed: self.seed },
            false => Arrivals::Fixed,
        }
    }
}

/// A time with a unit, such as `1m 30s` or `50ms`.
fn duration(text: &str) -> Result<Duration, String> {
    let duration: SignedDuration = text.parse().map_err(|error| format!("{error}"))?;
    Duration::try_from(duration).map_err(|_| "a time is not negative".to_owned())
}

/// A JSON object. `Value` alone would be read as a string.
fn arguments(text: &str) -> Result<Value, String> {
    let arguments: Map<String, Value> =
        serde_json::from_str(text).map_err(|error| error.to_string())?;
    Ok(arguments.into())
}

fn rate(text: &str) -> Result<f64, String> {
    let rate = text
        .parse()
        .ok()
        .filter(|rate| (0.001..=1e6).contains(rate));
    rate.ok_or_else(|| "a rate is 0.001 to 1000000 calls a second".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn run(flags: &[&str]) -> Result<RunFlags, clap::Error> {
        let fixed = ["load", "run", "--url", "http://127.0.0.1:8000/mcp"];
        let flags = Flags::try_parse_from(fixed.iter().chain(flags))?;
        match flags.command {
            Command::Run(flags) => Ok(flags),
            Command::Knee(_) => panic!("another command"),
        }
    }

    #[test]
    fn arguments_are_a_json_object() {
        let flags = run(&["--rate", "5", "--arguments", r#"{"ms":5}"#]).unwrap();
        assert_eq!(flags.common.settings().arguments, json!({ "ms": 5 }));
        let flags = run(&["--rate", "5"]).unwrap();
        assert_eq!(
            flags.common.settings().arguments,
            json!({ "text": "hello" })
        );
        for wrong in ["5", "[]", "{", "text"] {
            assert!(
                run(&["--rate", "5", "--arguments", wrong]).is_err(),
                "{wrong}"
            );
        }
    }

    #[test]
    fn each_rate_has_its_time_or_all_have_one() {
        let second = Duration::from_secs(1);
        let phases = |times| run(&["--rate", "5,50", "--for", times]).unwrap().phases();
        let all = [Phase::new(5.0, 2 * second), Phase::new(50.0, 2 * second)];
        assert_eq!(phases("2s").unwrap(), all);
        let each = [Phase::new(5.0, second), Phase::new(50.0, 3 * second)];
        assert_eq!(phases("1s,3s").unwrap(), each);
        assert!(phases("1s,2s,3s").is_err());
    }

    #[test]
    fn values_that_make_no_sense_are_errors() {
        for wrong in [
            &["--rate", "0"][..],
            &["--rate", "-1"],
            &["--rate", "NaN"],
            &["--rate", "5", "--for", "-1s"],
            &["--rate", "5", "--for", "10"],
            &["--rate", "5", "--era", "2024"],
            &["--rate", "5", "--profile", "nobody"],
        ] {
            assert!(run(wrong).is_err(), "{wrong:?}");
        }
    }
}
