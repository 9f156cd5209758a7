//! Is an audit file what its writer wrote?
//!
//! ```text
//! cargo run --example audit_verify -- FILE [--key-file KEY] [SEGMENT...]
//! ```
//!
//! Checks FILE, the complete segments beside it and its checkpoint, and prints what they hold. Exit
//! status 0: all is as it was written; 1: the first bad record is named on stderr; 2: the command
//! line is wrong, or there is no key. The key is in KEY, or in FILE.key. Where segments lie
//! elsewhere, they are all given in their order, FILE itself included.

use std::{path::PathBuf, process::ExitCode};

use mcp_layers::audit::{Key, verify, verify_files};

fn main() -> ExitCode {
    let (file, key, segments) = match arguments() {
        Ok(arguments) => arguments,
        Err(problem) => {
            eprintln!("audit_verify: {problem}");
            eprintln!("usage: audit_verify FILE [--key-file KEY] [SEGMENT...]");
            return ExitCode::from(2);
        }
    };
    let verified = if segments.is_empty() {
        verify(&file, &key)
    } else {
        verify_files(&file, &segments, &key)
    };
    match verified {
        Ok(verified) => {
            println!(
                "{}: {} records in {} lines of {} segments, {} dropped, {} calls refused, {} torn \
                 tails cut off; the checkpoint vouches for line {}",
                file.display(),
                verified.records,
                verified.lines,
                verified.segments,
                verified.dropped,
                verified.refused,
                verified.repairs,
                verified.vouched,
            );
            ExitCode::SUCCESS
        }
        Err(bad) => {
            eprintln!("audit_verify: {bad}");
            ExitCode::FAILURE
        }
    }
}

fn arguments() -> Result<(PathBuf, Key, Vec<PathBuf>), String> {
    let (mut paths, mut key) = (Vec::new(), None);
    let mut arguments = std::env::args_os().skip(1);
    while let Some(argument) = arguments.next() {
        if argument == "--key-file" {
            key = Some(arguments.next().ok_or("--key-file needs a value")?.into());
        } else {
            paths.push(PathBuf::from(argument));
        }
    }
    if paths.is_empty() {
        return Err("no file is given".to_owned());
    }
    let segments = paths.split_off(1);
    let file = paths.remove(0);
    let key: PathBuf = key.unwrap_or_else(|| {
        let mut beside = file.clone().into_os_string();
        beside.push(".key");
        beside.into()
    });
    let secret = std::fs::read(&key).map_err(|error| format!("{}: {error}", key.display()))?;
    let key = Key::new(secret).map_err(|error| format!("{}: {error}", key.display()))?;
    Ok((file, key, segments))
}
