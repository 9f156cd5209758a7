//! Reading settings: strict keys, units, secrets, profiles; the same from every format.

#![cfg(feature = "timeout")]
#![allow(clippy::unwrap_used)]

use mcp_layers_config::{ConfigError, Profile, Settings, TimeSpan};

fn toml(text: &str) -> Result<Settings, ConfigError> {
    Settings::read(toml::Deserializer::parse(text).unwrap())
}

#[track_caller]
fn fault(text: &str) -> (String, String) {
    let error = toml(text).unwrap_err();
    (error.path().to_owned(), error.message().to_owned())
}

#[test]
fn a_number_without_a_unit_is_an_error_at_its_key() {
    let (path, message) = fault("[timeout]\nmaximum = 30");
    assert_eq!(path, "timeout.maximum");
    assert_eq!(message, "a number without a unit: write \"30s\"");
    let (path, _) = fault("[rate_limit.rules.per_tool]\nquota = \"100\"");
    assert_eq!(path, "rate_limit.rules.per_tool.quota");
}

#[test]
fn an_unknown_key_is_an_error_with_its_path() {
    let (path, message) = fault("[timeout]\nmaximum = \"30s\"\nmaximun = \"5s\"");
    assert_eq!(path, "timeout.maximun");
    assert!(message.contains("`maximum`"), "{message}");
    assert_eq!(fault("tiemout = 1").0, "tiemout");
    let text =
        "[timeout.tool.\"db.query\"]\nmaximum = \"1s\"\nidel = \"5s\"\n[timeout]\nmaximum = \"1s\"";
    assert_eq!(fault(text).0, "timeout.tool.\"db.query\".idel");
}

#[test]
fn a_key_without_a_default_is_required_unless_the_profile_has_one() {
    let (path, message) = fault("[timeout]\nidle = \"5s\"");
    assert_eq!(
        (&*path, &*message),
        ("timeout.maximum", "this key is required")
    );
    let settings = toml("profile = \"production\"\n[timeout]\nidle = \"5s\"").unwrap();
    assert_eq!(settings.profile, Some(Profile::Production));
    let timeout = settings.timeout.unwrap();
    assert_eq!(timeout.maximum, TimeSpan::from_secs(30));
    assert_eq!(timeout.idle, Some(TimeSpan::from_secs(5)));
}
