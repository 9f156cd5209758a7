//! Checks that an audit file is what its writer wrote.

use std::{path::PathBuf, process::ExitCode};

use mcp_layers::audit::{Key, Position, Verifier};

const HELP: &str = "\
Checks an audit file, its complete segments and its checkpoint.

usage: audit_verify FILE [--key-file KEY] [--from N:MAC] [SEGMENT...]

  FILE            the file that the server writes
  --key-file KEY  the key of the chain; FILE.key without it
  --from N:MAC    begin after this line: the last one of an archived part
  SEGMENT...      all segments in their order, FILE included, if they lie elsewhere
  --help          print this text

Exit status: 0 if all is as it was written; 1 if not, with the first bad record on stderr; 2 if the
command line is wrong or there is no key.";

fn main() -> ExitCode {
    if std::env::args_os().any(|argument| argument == "--help" || argument == "-h") {
        println!("{HELP}");
        return ExitCode::SUCCESS;
    }
    let (file, verifier) = match arguments() {
        Ok(arguments) => arguments,
        Err(problem) => {
            eprintln!("audit_verify: {problem}");
            eprintln!("usage: audit_verify FILE [--key-file KEY] [--from N:MAC] [SEGMENT...]");
            return ExitCode::from(2);
        }
    };
    match verifier.verify() {
        Ok(found) => {
            println!(
                "{}: {} records in {} lines of {} segments, {} dropped, {} calls refused, {} torn tails \
                 cut off; the checkpoint vouches for line {}",
                file.display(),
                found.records,
                found.lines,
                found.segments,
                found.dropped,
                found.refused,
                found.repairs,
                found.vouched,
            );
            println!(
                "{} calls were opened and never closed; {} writers opened the file, {} closed it; {} \
                 segments were archived, {} truncated",
                found.unfinished, found.opened, found.closed, found.pruned, found.truncated,
            );
            println!("last line {}", found.end);
            ExitCode::SUCCESS
        }
        Err(bad) => {
            eprintln!("audit_verify: {bad}");
            ExitCode::FAILURE
        }
    }
}

fn arguments() -> Result<(PathBuf, Verifier), String> {
    let (mut paths, mut key, mut from) = (Vec::new(), None, None);
    let mut arguments = std::env::args_os().skip(1);
    while let Some(argument) = arguments.next() {
        if argument == "--key-file" {
            key = Some(arguments.next().ok_or("--key-file needs a value")?.into());
        } else if argument == "--from" {
            let value = arguments.next().ok_or("--from needs a value")?;
            let position = value.to_string_lossy().parse::<Position>();
            from = Some(position.map_err(|error| format!("--from: {error}"))?);
        } else {
            paths.push(PathBuf::from(argument));
        }
    }
    let (file, segments) = paths.split_first().ok_or("no file is given")?;
    let beside = || PathBuf::from(format!("{}.key", file.display()));
    let key: PathBuf = key.unwrap_or_else(beside);
    let key = Key::read(&key).map_err(|error| format!("{}: {error}", key.display()))?;
    let mut verifier = Verifier::new(file, &key);
    if !segments.is_empty() {
        verifier = verifier.files(segments);
    }
    if let Some(from) = from {
        verifier = verifier.from(from);
    }
    Ok((file.clone(), verifier))
}
