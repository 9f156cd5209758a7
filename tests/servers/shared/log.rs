//! Warnings and errors, to stderr.

use std::{error::Error, io};

use tracing_subscriber::{filter::LevelFilter, fmt};

/// Logs from now on.
///
/// # Errors
/// When there is a log already.
pub(crate) fn to_stderr() -> Result<(), Box<dyn Error>> {
    let subscriber = fmt()
        .with_max_level(LevelFilter::WARN)
        .with_writer(io::stderr)
        // Standard error is mostly a file or a pipe.
        .with_ansi(false)
        // Whoever started the server may have stopped reading; that is no reason to panic.
        .log_internal_errors(false)
        .finish();
    Ok(tracing::subscriber::set_global_default(subscriber)?)
}
