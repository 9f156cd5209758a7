//! Redaction of hostile texts: 1 MB of any repeated text costs less than 15 times 100 kB. Prints the
//! time of this thread on the processor, and fails where the ratio is larger.
#![allow(missing_docs, reason = "a bench has no API")]

use std::{hint::black_box, process::ExitCode, time::Duration};

use cpu_time::ThreadTime;
use mcp_layers_redact::{Redactor, redact_uri};

/// The largest ratio for ten times as much text.
const MAX_RATIO: f64 = 15.0;

/// Beginnings of what a rule looks for, without an end, and texts that cost quadratic time once.
const PIECES: &[&str] = &[
    "eyJaaaaa-hf_aaaaaaaaaaaaaaaaaaaa-",
    "localhost-",
    "00-00-",
    "eyJaaaaa.",
    "eyJ",
    "hf_aaaaaaaaaaaaaaaaaaaa-",
    "sk-a-",
    "123456789:",
    "-----BEGIN PRIVATE KEY-----",
    "-----BEGIN ",
    "bearer ",
    "password",
    "password=",
    "password: a ",
    "password=\"",
    "password=\\\"",
    "password=(",
    "password={'",
    "password: |\n",
    "password,",
    "token:",
    "--password ",
    "<password>",
    "<password ",
    "name: password ",
    "Cookie: ",
    "Authorization: a=\"",
    "http://",
    "http://a:",
    "http://a@",
    "a@tcp(",
    "a@a.",
    "a",
    " ",
    "\\",
    "\"",
    "'",
    "(",
    "[",
    "{\"",
    "{\"a\":",
    "[[",
    "/a",
    "C:\\",
    "\\\\a",
    "a.rs:",
    "a:",
    "::",
    "1.",
    "at x(\n",
    "0: a\n",
    "  File \"",
    "\u{200b}a",
    "\u{fe0f}",
    "\u{1b}[",
    "\u{1b}]",
    "&quot;",
    "${",
];

type Redact = fn(&str);

fn main() -> ExitCode {
    let rules: [(&str, Redact); 4] = [
        ("credentials", |text| {
            black_box(Redactor::credentials().redact(text));
        }),
        ("internals", |text| {
            black_box(Redactor::internals().emails().random_words().redact(text));
        }),
        ("cut to 8 kB", |text| {
            black_box(Redactor::internals().redact_cut(text, 8 << 10));
        }),
        ("uri", |text| {
            black_box(redact_uri(text));
        }),
    ];
    let mut worst = 0.0_f64;
    println!(
        "{:12} {:36} {:>10} {:>10} {:>6}",
        "rules", "text", "100 kB", "1 MB", "ratio"
    );
    for (name, redact) in rules {
        for piece in PIECES {
            let [short, long] = [100_000, 1_000_000].map(|bytes| time(redact, piece, bytes));
            // Below the resolution of the clock a ratio says nothing.
            let ratio = long.as_secs_f64() / short.max(Duration::from_micros(20)).as_secs_f64();
            worst = worst.max(ratio);
            println!("{name:12} {piece:36?} {short:>10.1?} {long:>10.1?} {ratio:>6.1}");
        }
    }
    println!("largest ratio {worst:.1}, allowed {MAX_RATIO}");
    if worst > MAX_RATIO {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    }
}

/// The shortest of three runs.
fn time(redact: Redact, piece: &str, bytes: usize) -> Duration {
    let text = piece.repeat(bytes / piece.len());
    let run = || {
        let start = ThreadTime::now();
        redact(&text);
        start.elapsed()
    };
    run().min(run()).min(run())
}
