//! Reloads of the settings on SIGHUP. A file with an error changes nothing.

use crate::{
    settings::{self, Server},
    stack::SharedLimit,
};
use mcp_layers::{BoxError, config::ConfigHandle};
use std::path::PathBuf;
use tokio::signal::unix::Signal;

/// The parts that a reload reads and changes.
pub(crate) struct Reload {
    pub(crate) file: PathBuf,
    pub(crate) config: ConfigHandle,
    pub(crate) server: Server,
    /// The rate limit in Redis, which `config` does not know.
    pub(crate) shared: Option<SharedLimit>,
}

impl Reload {
    /// Reads the file again after each signal.
    pub(crate) async fn on(self, mut signals: Signal) {
        while signals.recv().await.is_some() {
            match settings::read(&self.file) {
                // It logs what it has changed, and its errors.
                Ok(new) if self.config.reload(&new.layers).is_ok() => {
                    if let Err(error) = self.others(&new.server) {
                        tracing::error!(error, "settings not reloaded");
                    }
                }
                Ok(_) => {}
                Err(error) => self.config.not_read(&error),
            }
        }
    }

    /// Applies what the handle of the settings does not know.
    fn others(&self, server: &Server) -> Result<(), BoxError> {
        if let (Some(shared), Some(limits)) = (&self.shared, self.config.settings().rate_limit) {
            for (name, rule) in &limits.rules {
                shared.handle().set_quota(name, rule.quota.quota()?)?;
            }
        }
        if *server != self.server {
            tracing::warn!("the table `server` has changed: that needs a restart");
        }
        Ok(())
    }
}
