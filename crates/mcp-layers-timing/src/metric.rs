//! Metrics: names, units and buckets.

/// The bucket boundaries of the operation histograms, in seconds (OpenTelemetry semantic
/// conventions for MCP, "Metrics").
pub const BUCKETS: [f64; 14] = [
    0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0,
];

/// The bucket boundaries of the subscription histograms, in seconds: from one second to one day.
/// Our own choice; the conventions have no such metric.
pub const SUBSCRIPTION_BUCKETS: [f64; 9] = [
    1.0, 10.0, 60.0, 300.0, 1_800.0, 3_600.0, 14_400.0, 43_200.0, 86_400.0,
];

/// A metric that the layers of this crate record. [`TimingLayer`](crate::TimingLayer) records the
/// three of its side.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Metric {
    /// `mcp.server.operation.duration`: duration of a request at the server.
    ServerOperationDuration,
    /// `mcp.client.operation.duration`: duration of a request at the client.
    ClientOperationDuration,
    /// `mcp.server.subscription.duration`: time for which a long-lived request was open. A metric
    /// of this crate's own: in the operation histogram it would hide the durations of work.
    ServerSubscriptionDuration,
    /// `mcp.client.subscription.duration`: the same at the client.
    ClientSubscriptionDuration,
    /// `mcp.server.active_requests`: number of requests in flight. A metric of this crate's own,
    /// named after the conventions' `http.server.active_requests`.
    ServerActiveRequests,
    /// `mcp.client.active_requests`: the same at the client.
    ClientActiveRequests,
    /// `mcp_layers.http.refused`: HTTP requests that were refused before they reached the MCP
    /// stack. A counter of this crate's own; the conventions have no such metric.
    HttpRefused,
}

impl Metric {
    /// Every metric.
    pub const ALL: &'static [Self] = &[
        Self::ServerOperationDuration,
        Self::ClientOperationDuration,
        Self::ServerSubscriptionDuration,
        Self::ClientSubscriptionDuration,
        Self::ServerActiveRequests,
        Self::ClientActiveRequests,
        Self::HttpRefused,
    ];

    /// The name in OpenTelemetry.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::ServerOperationDuration => "mcp.server.operation.duration",
            Self::ClientOperationDuration => "mcp.client.operation.duration",
            Self::ServerSubscriptionDuration => "mcp.server.subscription.duration",
            Self::ClientSubscriptionDuration => "mcp.client.subscription.duration",
            Self::ServerActiveRequests => "mcp.server.active_requests",
            Self::ClientActiveRequests => "mcp.client.active_requests",
            Self::HttpRefused => "mcp_layers.http.refused",
        }
    }

    /// The name in Prometheus: without dots, and with the unit where there is one.
    #[must_use]
    pub const fn prometheus_name(self) -> &'static str {
        match self {
            Self::ServerOperationDuration => "mcp_server_operation_duration_seconds",
            Self::ClientOperationDuration => "mcp_client_operation_duration_seconds",
            Self::ServerSubscriptionDuration => "mcp_server_subscription_duration_seconds",
            Self::ClientSubscriptionDuration => "mcp_client_subscription_duration_seconds",
            Self::ServerActiveRequests => "mcp_server_active_requests",
            Self::ClientActiveRequests => "mcp_client_active_requests",
            Self::HttpRefused => "mcp_layers_http_refused_total",
        }
    }

    /// The unit, as UCUM writes it: `s` or `{request}`.
    #[must_use]
    pub const fn unit(self) -> &'static str {
        match self {
            Self::ServerActiveRequests | Self::ClientActiveRequests | Self::HttpRefused => {
                "{request}"
            }
            _ => "s",
        }
    }

    /// A sentence for readers of a dashboard.
    #[must_use]
    pub const fn description(self) -> &'static str {
        match self {
            Self::ServerOperationDuration => {
                "Duration of requests at the MCP server, until the result or error."
            }
            Self::ClientOperationDuration => {
                "Duration of requests at the MCP client, until the result or error."
            }
            Self::ServerSubscriptionDuration | Self::ClientSubscriptionDuration => {
                "Time for which a long-lived MCP request was open."
            }
            Self::ServerActiveRequests | Self::ClientActiveRequests => {
                "Number of MCP requests in flight."
            }
            Self::HttpRefused => {
                "Number of HTTP requests refused before they reached the MCP server."
            }
        }
    }

    /// The bucket boundaries, in seconds; empty for metrics that are not histograms.
    #[must_use]
    pub const fn buckets(self) -> &'static [f64] {
        match self {
            Self::ServerOperationDuration | Self::ClientOperationDuration => &BUCKETS,
            Self::ServerSubscriptionDuration | Self::ClientSubscriptionDuration => {
                &SUBSCRIPTION_BUCKETS
            }
            Self::ServerActiveRequests | Self::ClientActiveRequests | Self::HttpRefused => &[],
        }
    }
}
