//! Tables for people.

use std::fmt::Write;

use crate::{
    knee::Knee,
    record::{Report, Summary},
};

const HEAD: &str = "  calls/s    goodput   failed       p50       p90       p99     p99.9       max   (ms)  late p99";

/// A report as a table: a line for each phase, and the outcomes of each profile.
#[must_use]
pub fn report_table(report: &Report) -> String {
    let mut table = format!("{HEAD}\n");
    for phase in &report.phases {
        line(&mut table, phase);
    }
    for (number, phase) in report.phases.iter().enumerate() {
        let _ = write!(table, "\noutcomes of phase {}:", number + 1);
        for (profile, outcomes) in &phase.outcomes {
            let _ = write!(table, "\n  {:<9}", profile.name());
            for (outcome, count) in outcomes {
                let _ = write!(table, " {outcome}: {count} ");
            }
        }
        table.push('\n');
    }
    table
}

/// The line of one summary.
fn line(table: &mut String, summary: &Summary) {
    let Summary {
        seconds,
        offered,
        goodput,
        p50_ms,
        p90_ms,
        p99_ms,
        p999_ms,
        max_ms,
        late_p99_ms,
        ..
    } = summary;
    let rate = *offered as f64 / seconds;
    let failed = 100.0 * summary.failures();
    let _ = writeln!(
        table,
        "{rate:9.0}  {goodput:9.0} {failed:6.2} %  {p50_ms:8.2}  {p90_ms:8.2}  {p99_ms:8.2}  \
         {p999_ms:8.2}  {max_ms:8.2}         {late_p99_ms:8.2}",
    );
}

/// The knees of several servers as a table.
#[must_use]
pub fn knee_table<'a>(knees: impl IntoIterator<Item = (&'a str, &'a Knee)>) -> String {
    let mut table = String::from("  holds  breaks at   (calls/s)\n");
    for (server, knee) in knees {
        let limited = if knee.limited_by_generator {
            "  (the generator is the limit)"
        } else {
            ""
        };
        let _ = writeln!(
            table,
            "{:7.0}  {:9.0}   {server}{limited}",
            knee.rate, knee.broken_at
        );
    }
    table
}
