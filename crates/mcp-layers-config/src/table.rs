//! The contract between the settings of one layer and a reload.

// Each feature needs a part of it.
#![allow(dead_code, unused_imports, unused_macros)]

use crate::{error::ConfigError, value::Secret};

/// A change that was checked, and cannot fail.
pub(crate) type Change = Box<dyn FnOnce()>;

/// The settings of one layer.
pub(crate) trait Table: Clone + PartialEq {
    /// The layer.
    type Layer;
    /// The parts of the running layer that a reload changes.
    type Live;

    /// True if secrets that were read again take effect without a restart.
    const RELOADS_SECRETS: bool = false;

    /// Builds the layer.
    fn build(&self) -> Result<(Self::Layer, Self::Live), ConfigError>;

    /// Checks everything that [`Table::build`] checks, without effects outside of the process.
    fn check(&self) -> Result<(), ConfigError> {
        self.build().map(drop)
    }

    /// These settings, with the keys of `new` that can change while the layer runs.
    fn with_live_keys_of(&self, new: &Self) -> Self {
        let _ = new;
        self.clone()
    }

    /// Prepares the change of a running layer to these settings, which differ from the running ones in live
    /// keys alone.
    fn prepare(&self, running: &Self, live: &Self::Live) -> Result<Vec<Change>, ConfigError> {
        let _ = (running, live);
        Ok(Vec::new())
    }

    /// The secrets, with the paths of their keys.
    fn secrets(&self) -> Vec<(String, &Secret)> {
        Vec::new()
    }
}

/// The value of a key, and the setter that it stands for.
type Switch<T> = (bool, fn(T) -> T);

/// Calls the setters whose keys are true.
pub(crate) fn switch_on<T, const N: usize>(of: T, setters: [Switch<T>; N]) -> T {
    let on = setters.into_iter().filter(|(is_on, _)| *is_on);
    on.fold(of, |of, (_, set)| set(of))
}

/// The types of a [`Table`] whose layer is changed by its handle, and `build`.
macro_rules! with_handle {
    ($layer:ty, $handle:ty) => {
        type Layer = $layer;
        type Live = $handle;

        fn build(&self) -> Result<($layer, $handle), ConfigError> {
            let layer = self.layer()?;
            let handle = layer.handle();
            Ok((layer, handle))
        }
    };
}
pub(crate) use with_handle;

/// Implements [`Table`] for settings of which nothing can change while the layer runs.
macro_rules! fixed {
    ($settings:ty => $layer:ty) => {
        impl $crate::table::Table for $settings {
            type Layer = $layer;
            type Live = ();

            fn build(&self) -> Result<($layer, ()), ConfigError> {
                Ok((self.layer()?, ()))
            }
        }
    };
}
pub(crate) use fixed;
