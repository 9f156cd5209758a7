//! The audit and its flags.

use std::{error::Error, net::SocketAddr, sync::OnceLock, time::Duration};

use axum::{Router, extract::ConnectInfo, http::Extensions};
use mcp_layers::audit::{AuditHttpLayer, AuditLayer, FileSink, Key, LogOptions};

use super::{
    layers::{PutAround, put},
    settings::{Flag, Settings},
};

const FILE: Flag = Flag {
    name: "--audit-file",
    value: "FILE",
    help: "audit: append the records to this file; {pid} in it is the process id",
};

const KEY_FILE: Flag = Flag {
    name: "--audit-key-file",
    value: "FILE",
    help: "audit: the secret of the chain; FILE.key, created if needed, without it",
};

const OPENINGS: Flag = Flag {
    name: "--audit-openings",
    value: "yes",
    help: "audit: record the start of calls that may change something, before they run",
};

pub(super) const FLAGS: &[Flag] = &[FILE, KEY_FILE, OPENINGS];

/// The file and the layer of this process.
static AUDIT: OnceLock<(Option<FileSink>, AuditLayer)> = OnceLock::new();

/// Answers come after their record was synced; errors are recorded as they were.
///
/// # Errors
/// No file is given, or it cannot be opened.
pub(super) fn make(settings: &Settings) -> Result<PutAround, Box<dyn Error>> {
    let file = settings.get(&FILE).ok_or("audit needs --audit-file FILE")?;
    let key = match settings.get(&KEY_FILE) {
        Some(key) => Key::read(key)?,
        // Whoever can change the file can read a key beside it: good enough to try the audit.
        None => Key::read_or_create(format!("{file}.key"))?,
    };
    let file = FileSink::open(file, LogOptions::new(&key))?;
    let mut layer = AuditLayer::new(file.clone())?.key(&key).originals().sizes();
    if settings.get(&OPENINGS).is_some() {
        layer = layer.record_openings();
    }
    keep(settings, Some(file), layer)
}

/// Puts the layer into the stack, and keeps it and its file for the edge and the end.
pub(super) fn keep(
    settings: &Settings,
    file: Option<FileSink>,
    layer: AuditLayer,
) -> Result<PutAround, Box<dyn Error>> {
    let handle = layer.handle();
    settings.gauges(move |gauges| {
        let stats = handle.stats();
        gauges.set(
            "mcp_layers.audit.degraded",
            f64::from(u8::from(stats.degraded)),
        );
        gauges.set("mcp_layers.audit.dropped", stats.dropped as f64);
    });
    let (_, layer) = AUDIT.get_or_init(|| (file, layer));
    put(layer.clone())
}

/// Records what the edge of these routes refuses.
pub(super) fn around(router: Router) -> Router {
    match AUDIT.get() {
        Some((_, layer)) => {
            let peer =
                |extensions: &Extensions| Some(extensions.get::<ConnectInfo<SocketAddr>>()?.0.ip());
            router.layer(AuditHttpLayer::new(layer).client_address(peer))
        }
        None => router,
    }
}

/// Closes the file: on every way out of the process.
pub(crate) fn close() {
    if let Some((Some(file), _)) = AUDIT.get() {
        file.close(Duration::from_secs(5));
    }
}
