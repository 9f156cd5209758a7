//! Reloads.

use std::{
    fmt,
    hash::RandomState,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use crate::{
    diff::Keys,
    error::ConfigError,
    settings::{Layers, Live, Settings},
};

const TARGET: &str = "mcp_layers::config";

/// A handle that applies new settings to the layers while the server runs. Clones share it.
#[derive(Clone)]
pub struct ConfigHandle(Arc<Shared>);

struct Shared {
    live: Live,
    running: Mutex<Running>,
    generation: AtomicU64,
}

struct Running {
    /// The settings in force: those at the start, with the keys that were reloaded.
    settings: Settings,
    keys: Keys,
    hasher: RandomState,
    last_error: Option<ConfigError>,
}

/// The result of a reload: what was done about each key, by its path.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Report {
    /// The keys whose new values are in force.
    pub changed: Vec<String>,
    /// The keys whose values are those in force already.
    pub unchanged: Vec<String>,
    /// The keys whose new values need a restart. Until then the old ones are in force.
    pub needs_restart: Vec<String>,
    /// The generation that is in force now.
    pub generation: u64,
}

impl Settings {
    /// Builds the layers, and a handle that reloads their settings.
    ///
    /// This opens the file of the audit log, and reads all secrets.
    ///
    /// # Errors
    /// If a layer cannot be built, or the production profile has no audit log.
    pub fn build(&self) -> Result<(Layers, ConfigHandle), ConfigError> {
        self.check()?;
        let hasher = RandomState::new();
        let keys = Keys::of(self, &hasher)?;
        let (layers, live) = self.build_layers()?;
        let running = Running {
            settings: self.clone(),
            keys,
            hasher,
            last_error: None,
        };
        let shared = Shared {
            live,
            running: Mutex::new(running),
            generation: AtomicU64::new(1),
        };
        Ok((layers, ConfigHandle(Arc::new(shared))))
    }

    /// Checks the settings as [`Settings::build`] does, but opens no audit log.
    ///
    /// # Errors
    /// As [`Settings::build`].
    pub fn check(&self) -> Result<(), ConfigError> {
        if !self.has_required_audit() {
            let problem = "the production profile requires an audit log: add this table, and with it the \
                           feature `audit`";
            return Err(ConfigError::new("audit", problem));
        }
        self.check_tables()
    }
}

impl ConfigHandle {
    /// Applies new settings: all that can change while the layers run, or nothing if there is an error.
    ///
    /// Secrets are read again. What was spent, cached, opened or bound stays. Calls that are running
    /// end by the settings that they began with.
    ///
    /// # Errors
    /// If the new settings are invalid, or could not be combined with the values that need a restart.
    /// The settings in force and the generation stay, and [`ConfigHandle::last_error`] returns the
    /// error.
    pub fn reload(&self, settings: &Settings) -> Result<Report, ConfigError> {
        let mut running = self.running();
        let reloaded = self.try_reload(&mut running, settings);
        drop(running);
        match &reloaded {
            Ok(report) => tracing::info!(
                target: TARGET,
                generation = report.generation,
                changed = ?report.changed,
                needs_restart = ?report.needs_restart,
                "settings reloaded",
            ),
            Err(error) => self.not_read(error),
        }
        reloaded
    }

    /// Records that new settings could not even be read, as a reload that failed: by
    /// [`ConfigHandle::last_error`], a `tracing` event and the gauge.
    pub fn not_read(&self, error: &ConfigError) {
        self.running().last_error = Some(error.clone());
        tracing::error!(
            target: TARGET,
            generation = self.generation(),
            key = error.path(),
            error = error.message(),
            "settings not reloaded",
        );
    }

    fn try_reload(&self, running: &mut Running, new: &Settings) -> Result<Report, ConfigError> {
        new.check()?;
        let next = running.settings.with_live_keys_of(new);
        next.check()?;
        let new_keys = Keys::of(new, &running.hasher)?;
        let mut next_keys = Keys::of(&next, &running.hasher)?;
        let secrets = next.secrets().into_iter();
        let fixed = secrets.filter_map(|(path, _, reloads)| (!reloads).then_some(path));
        next_keys.keep(&running.keys, fixed);
        for change in next.prepare(&running.settings, &self.0.live)? {
            change();
        }
        let (changed, _) = running.keys.compare(&next_keys);
        let (needs_restart, _) = next_keys.compare(&new_keys);
        let (_, unchanged) = running.keys.compare(&new_keys);
        running.settings = next;
        running.keys = next_keys;
        running.last_error = None;
        Ok(Report {
            changed,
            unchanged,
            needs_restart,
            generation: self.0.generation.fetch_add(1, Relaxed) + 1,
        })
    }

    /// The generation of the settings in force: 1 at the start, and one more with each reload without an
    /// error.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.0.generation.load(Relaxed)
    }

    /// The error of the last reload, if it failed.
    #[must_use]
    pub fn last_error(&self) -> Option<ConfigError> {
        self.running().last_error.clone()
    }

    /// The settings in force: those at the start, with the keys that were reloaded.
    #[must_use]
    pub fn settings(&self) -> Settings {
        self.running().settings.clone()
    }

    /// The parts of the running layers that a reload changes.
    #[allow(dead_code)] // Only some tables have more to offer.
    pub(crate) fn live(&self) -> &Live {
        &self.0.live
    }

    fn running(&self) -> MutexGuard<'_, Running> {
        let running = &self.0.running;
        running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for ConfigHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConfigHandle")
            .field("generation", &self.generation())
            .finish_non_exhaustive()
    }
}
