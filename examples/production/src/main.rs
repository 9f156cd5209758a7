//! An MCP server for production, to copy: every layer from a settings file, API keys, metrics, spans,
//! reloads on SIGHUP, a graceful end on SIGTERM.
//!
//! ```text
//! production --config settings.toml
//! production --config settings.toml --check-config
//! ```

mod edge;
mod pages;
mod reload;
mod serve;
mod settings;
mod stack;
mod telemetry;
mod tools;

use mcp_layers::{BoxError, config::ConfigHandle};
use settings::Settings;
use std::{path::PathBuf, process::ExitCode, time::Duration};

const USAGE: &str = "\
usage: production --config FILE [--check-config]
  --config FILE    the settings; variables such as MCP_LAYERS_TIMEOUT__MAXIMUM win over it
  --check-config   print the settings in force, with secrets as references, and end";

/// The exit code is 2 for wrong flags and settings, and 1 for everything else that goes wrong.
fn main() -> ExitCode {
    let Some((file, check)) = flags(std::env::args().skip(1)) else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    let settings = match settings::read(&file) {
        Ok(settings) => settings,
        Err(error) => {
            eprintln!("production: {}: {error}", file.display());
            return ExitCode::from(2);
        }
    };
    let ended = if check {
        settings.to_toml().map(|text| print!("{text}"))
    } else {
        run(settings, file)
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("production: {error}");
            ExitCode::FAILURE
        }
    }
}

fn flags(mut arguments: impl Iterator<Item = String>) -> Option<(PathBuf, bool)> {
    let (mut file, mut check) = (None, false);
    while let Some(flag) = arguments.next() {
        match flag.as_str() {
            "--config" => file = Some(arguments.next()?.into()),
            "--check-config" => check = true,
            _ => return None,
        }
    }
    Some((file?, check))
}

fn run(settings: Settings, file: PathBuf) -> Result<(), BoxError> {
    let telemetry = telemetry::start()?;
    let runtime = tokio::runtime::Runtime::new()?;
    let ended = runtime.block_on(serve::serve(settings, file));
    // What is still running is dropped, and recorded.
    runtime.shutdown_timeout(Duration::from_secs(1));
    if let Some(file) = ended.as_ref().ok().and_then(ConfigHandle::audit_file) {
        file.close(Duration::from_secs(5));
    }
    telemetry.close();
    ended.map(drop)
}
