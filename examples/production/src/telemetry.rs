//! The log on standard error, as JSON with the ids of the trace, and spans by OTLP over HTTP.

use mcp_layers::{BoxError, trace::current_ids};
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig};
use opentelemetry_sdk::trace::SdkTracerProvider;
use std::{env, io};
use tracing::{Event, Subscriber, level_filters::LevelFilter};
use tracing_subscriber::{
    Layer,
    filter::Targets,
    fmt::{
        self, FmtContext, FormatEvent, FormatFields,
        format::{Format, Json, JsonFields, Writer},
    },
    layer::SubscriberExt,
    registry::LookupSpan,
    util::SubscriberInitExt,
};

/// The variable with the endpoint for spans; `OTEL_SERVICE_NAME` and the other variables of the SDK are read too.
const ENDPOINT: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";

/// The exporter of spans, if there is an endpoint.
pub(crate) struct Telemetry(Option<SdkTracerProvider>);

/// Logs from now on. `TraceLayer` finds the exporter as the global tracer provider.
pub(crate) fn start() -> Result<Telemetry, BoxError> {
    let log = fmt::layer()
        .with_writer(io::stderr)
        // Whoever reads the log may have ended; that is no reason to panic.
        .log_internal_errors(false)
        .fmt_fields(JsonFields::new())
        .event_format(WithTrace(Format::default().json()));
    // rmcp has several lines for each request without a session.
    let levels = Targets::new()
        .with_default(LevelFilter::INFO)
        .with_target("rmcp", LevelFilter::WARN);
    tracing_subscriber::registry()
        .with(log.with_filter(levels))
        .try_init()?;
    // Compose files set it to nothing where it is not wanted.
    if env::var_os(ENDPOINT).is_none_or(|endpoint| endpoint.is_empty()) {
        return Ok(Telemetry(None));
    }
    let spans = SpanExporter::builder()
        .with_http()
        .with_protocol(Protocol::HttpBinary)
        .build()?;
    let provider = SdkTracerProvider::builder()
        .with_batch_exporter(spans)
        .build();
    opentelemetry::global::set_tracer_provider(provider.clone());
    Ok(Telemetry(Some(provider)))
}

impl Telemetry {
    /// Exports the spans that are left.
    pub(crate) fn close(self) {
        if let Some(Err(error)) = self.0.map(|provider| provider.shutdown()) {
            tracing::warn!(%error, "not every span was exported");
        }
    }
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
    ) -> std::fmt::Result {
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
