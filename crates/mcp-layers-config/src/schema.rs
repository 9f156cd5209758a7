//! The JSON Schema of settings.

use serde_json::Value;

use crate::settings::Settings;

impl Settings {
    /// The JSON Schema (draft 2020-12) of the tables whose features are on, with the defaults of keys.
    ///
    /// It describes settings that stand alone: a key that a profile has is required all the same.
    #[cfg_attr(docsrs, doc(cfg(feature = "schema")))]
    #[must_use]
    pub fn schema() -> Value {
        schemars::schema_for!(Self).to_value()
    }
}
