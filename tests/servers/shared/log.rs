//! Warnings and errors, to stderr.

use std::{env, error::Error, fmt, io};

use mcp_layers::trace::current_ids;
use tracing::{Event, Subscriber, subscriber};
use tracing_subscriber::{
    filter::LevelFilter,
    fmt::{
        FmtContext, FormatEvent, FormatFields,
        format::{Format, Json, JsonFields, Writer},
    },
    registry::LookupSpan,
};

/// Logs from now on: as text, or as JSON with the ids of the trace where `LOG_FORMAT` is `json`.
///
/// # Errors
/// When there is a log already.
pub(crate) fn to_stderr() -> Result<(), Box<dyn Error>> {
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(LevelFilter::WARN)
        .with_writer(io::stderr)
        // Standard error is mostly a file or a pipe.
        .with_ansi(false)
        // Whoever started the server may have stopped reading; that is no reason to panic.
        .log_internal_errors(false);
    if env::var("LOG_FORMAT").is_ok_and(|format| format == "json") {
        let subscriber = subscriber.fmt_fields(JsonFields::new());
        let subscriber = subscriber.event_format(WithTrace(Format::default().json()));
        subscriber::set_global_default(subscriber.finish())?;
    } else {
        subscriber::set_global_default(subscriber.finish())?;
    }
    Ok(())
}

/// JSON that begins with the ids of the span of the call, if there is one.
struct WithTrace(Format<Json>);

impl<S, N> FormatEvent<S, N> for WithTrace
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut line = String::new();
        self.0
            .format_event(context, Writer::new(&mut line), event)?;
        match (current_ids(), line.strip_prefix('{')) {
            (Some((trace, span)), Some(rest)) => {
                write!(
                    writer,
                    r#"{{"trace_id":"{trace}","span_id":"{span}",{rest}"#
                )
            }
            _ => writer.write_str(&line),
        }
    }
}
