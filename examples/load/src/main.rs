//! `load`: see its README.

mod flags;

use std::{error::Error, process::ExitCode};

use clap::Parser;
use flags::{Command, Common, Flags, KneeFlags, RunFlags};
use load::{
    Callers, Knee, Load, Objective, Phase, Report, Summary, Verdict, find_knees, knee_table,
    report_table, run,
};
use serde::Serialize;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let flags = Flags::parse();
    let done = match flags.command {
        Command::Run(flags) => run_once(&flags).await,
        Command::Knee(flags) => knees(&flags).await,
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("load: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run_once(flags: &RunFlags) -> Result<(), Box<dyn Error>> {
    let common = &flags.common;
    let callers = Callers::connect(common.endpoint(&flags.url)?, common.settings()).await?;
    let report = run(&common.limits(flags.phases()?), || callers.call()).await;
    print(common, &report, || report_table(&report))
}

/// The measurements of one server.
#[derive(Debug, Serialize)]
struct Server {
    url: String,
    knee: Knee,
    steps: Vec<Measured>,
}

#[derive(Debug, Serialize)]
struct Measured {
    rate: f64,
    verdict: Verdict,
    #[serde(flatten)]
    summary: Summary,
}

async fn knees(flags: &KneeFlags) -> Result<(), Box<dyn Error>> {
    let common = &flags.common;
    let objective = Objective {
        p99: flags.objective,
        failures: flags.failures,
    };
    let mut servers = Vec::new();
    for url in &flags.url {
        let callers = Callers::connect(common.endpoint(url)?, common.settings()).await?;
        servers.push((callers, Vec::new()));
    }
    let knees = find_knees(
        servers.len(),
        flags.from,
        flags.precision,
        async |server, rate| {
            let (callers, steps) = &mut servers[server];
            let load = common.limits([Phase::new(rate, flags.step)]);
            let Report { mut phases, .. } = run(&load, || callers.call()).await;
            let Some(summary) = phases.pop() else {
                return Verdict::Breaks;
            };
            let verdict = objective.judge(&summary);
            if !common.json {
                let (p99, failures) = (summary.p99_ms, 100.0 * summary.failures());
                let url = &flags.url[server];
                println!(
                    "{rate:9.0}/s  p99 {p99:8.2} ms  {failures:6.2} % failed  {verdict:?}  {url}"
                );
            }
            steps.push(Measured {
                rate,
                verdict,
                summary,
            });
            verdict
        },
    )
    .await;
    let found = flags.url.iter().zip(knees).zip(servers);
    let found = found.map(|((url, knee), (_, steps))| Server {
        url: url.clone(),
        knee,
        steps,
    });
    let found: Vec<_> = found.collect();
    print(common, &found, || {
        knee_table(found.iter().map(|server| (&*server.url, &server.knee)))
    })
}

fn print<T: Serialize>(
    common: &Common,
    result: &T,
    table: impl FnOnce() -> String,
) -> Result<(), Box<dyn Error>> {
    if common.json {
        println!("{}", serde_json::to_string(result)?);
    } else {
        print!("{}", table());
    }
    Ok(())
}

impl Common {
    /// The load of these phases, with the limits that the flags set.
    fn limits(&self, phases: impl IntoIterator<Item = Phase>) -> Load {
        Load::new(phases)
            .warm_up(self.warm_up)
            .arrivals(self.arrivals())
            .patience(self.patience)
            .max_in_flight(self.max_in_flight)
    }
}
