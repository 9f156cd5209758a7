//! Medians, ratios and budgets.

use std::fmt::Write;

use serde_json::{Value, json};

pub(crate) struct Measured {
    pub(crate) name: &'static str,
    pub(crate) rounds: Vec<Round>,
}

pub(crate) struct Round {
    /// Server CPU per request, in microseconds.
    pub(crate) cpu_us: f64,
    pub(crate) per_second: f64,
}

/// The most CPU per request and the least throughput, as multiples of the bare server's.
fn budget(name: &str) -> (Option<f64>, Option<f64>) {
    match name {
        "layers" => (Some(1.08), None),
        "secured" => (Some(1.2), Some(0.75)),
        _ => (None, None),
    }
}

impl Measured {
    pub(crate) fn new(name: &'static str) -> Self {
        Self {
            name,
            rounds: Vec::new(),
        }
    }

    fn cpu_us(&self) -> f64 {
        median(self.rounds.iter().map(|round| round.cpu_us))
    }

    fn per_second(&self) -> f64 {
        median(self.rounds.iter().map(|round| round.per_second))
    }

    /// The medians of the ratios to the bare server in the same round.
    fn ratios(&self, bare: &Self) -> (f64, f64) {
        let both = || self.rounds.iter().zip(&bare.rounds);
        (
            median(both().map(|(own, bare)| own.cpu_us / bare.cpu_us)),
            median(both().map(|(own, bare)| own.per_second / bare.per_second)),
        )
    }
}

/// A table for people.
pub(crate) fn to_table(measured: &[Measured]) -> String {
    let mut table = String::from("server           CPU/request   of bare   requests/s   of bare\n");
    for one in measured {
        let (cpu, per_second) = one.ratios(&measured[0]);
        let (most, least) = budget(one.name);
        let is_over = most.is_some_and(|most| cpu > most);
        let is_under = least.is_some_and(|least| per_second < least);
        let verdict = if is_over || is_under {
            "  OVER BUDGET"
        } else {
            ""
        };
        let (own_cpu, own_rate) = (one.cpu_us(), one.per_second());
        let name = one.name;
        writeln!(
            table,
            "{name:15}{own_cpu:11.1} us{cpu:10.3}{own_rate:13.0}{per_second:10.3}{verdict}",
        )
        .unwrap();
    }
    table
}

/// The data of the table and the plot.
pub(crate) fn to_json(
    connections: usize,
    requests: usize,
    handlers: &[(&str, Vec<Measured>)],
) -> String {
    let handlers = handlers
        .iter()
        .map(|(handler, measured)| json!({ "handler": handler, "servers": servers(measured) }));
    let handlers: Vec<_> = handlers.collect();
    let all = json!({ "connections": connections, "requests": requests, "handlers": handlers });
    format!("{all:#}\n")
}

fn servers(measured: &[Measured]) -> Vec<Value> {
    let servers = measured.iter().map(|one| {
        let (cpu, per_second) = one.ratios(&measured[0]);
        let (most, least) = budget(one.name);
        json!({
            "name": one.name,
            "cpu_us": one.rounds.iter().map(|round| round.cpu_us).collect::<Vec<_>>(),
            "per_second": one.rounds.iter().map(|round| round.per_second).collect::<Vec<_>>(),
            "median_cpu_us": one.cpu_us(),
            "median_per_second": one.per_second(),
            "cpu_of_bare": cpu,
            "per_second_of_bare": per_second,
            "budget_cpu": most,
            "budget_per_second": least,
        })
    });
    servers.collect()
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<_> = values.collect();
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    if values.len().is_multiple_of(2) {
        (values[middle - 1] + values[middle]) / 2.0
    } else {
        values[middle]
    }
}
