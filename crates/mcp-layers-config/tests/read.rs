//! Reading settings: strict keys, units, secrets, profiles; the same from every format.

#![cfg(feature = "full")]
#![allow(clippy::unwrap_used)]

use config::{File, FileFormat};
use figment::{
    Figment, Jail,
    providers::{Env, Format, Toml},
};
use mcp_layers_config::{ConfigError, Profile, Settings, TimeSpan};
use serde_json::{Value, json};

fn toml(text: &str) -> Result<Settings, ConfigError> {
    Settings::read(toml::Deserializer::parse(text).unwrap())
}

/// The same settings from every format.
fn from_all(value: &Value) -> Vec<Result<Settings, ConfigError>> {
    let text = toml::to_string(value).unwrap();
    let json = value.to_string();
    let config = config::Config::builder().add_source(File::from_str(&text, FileFormat::Toml));
    let figment = Figment::from(Toml::string(&text));
    vec![
        toml(&text),
        Settings::read(text.parse::<toml::Table>().unwrap()),
        Settings::read(&mut serde_json::Deserializer::from_str(&json)),
        Settings::read(value.clone()),
        Settings::read(config.build().unwrap()),
        Settings::read(figment.extract::<Value>().unwrap()),
    ]
}

#[track_caller]
fn fault(value: &Value) -> (String, String) {
    let mut errors = from_all(value).into_iter().map(Result::unwrap_err);
    let first = errors.next().unwrap();
    for error in errors {
        assert_eq!(error, first);
    }
    (first.path().to_owned(), first.message().to_owned())
}

#[test]
fn a_number_without_a_unit_is_an_error_at_its_key() {
    let (path, message) = fault(&json!({ "timeout": { "maximum": 30 } }));
    assert_eq!(path, "timeout.maximum");
    assert_eq!(message, "a number without a unit: write \"30s\"");
    let (path, message) = fault(&json!({ "cache": { "max_capacity": "4096" } }));
    assert_eq!(path, "cache.max_capacity");
    assert!(message.starts_with("a number without a unit"), "{message}");
    let rules = json!({ "per_tool": { "quota": 100 } });
    let (path, _) = fault(&json!({ "rate_limit": { "rules": rules } }));
    assert_eq!(path, "rate_limit.rules.per_tool.quota");
}

#[test]
fn an_unknown_key_is_an_error_with_its_path() {
    let (path, message) = fault(&json!({ "timeout": { "maximum": "30s", "maximun": "5s" } }));
    assert_eq!(path, "timeout.maximun");
    assert!(
        message.starts_with("unknown key") && message.contains("`maximum`"),
        "{message}"
    );
    assert_eq!(fault(&json!({ "tiemout": 1 })).0, "tiemout");
    let tool = json!({ "db.query": { "maximum": "1s", "idel": "5s" } });
    let (path, _) = fault(&json!({ "timeout": { "maximum": "1s", "tool": tool } }));
    assert_eq!(path, "timeout.tool.\"db.query\".idel");
}

#[test]
fn a_literal_secret_is_refused_without_being_repeated() {
    const LITERAL: &str = "sk-hunter2";
    for (settings, at) in [
        (
            json!({ "authenticate": { "api_keys": { "robot": { "key": LITERAL } } } }),
            "authenticate.api_keys.robot.key",
        ),
        // In the place of a table, and of a value that is no secret.
        (
            json!({ "authenticate": { "api_keys": { "robot": LITERAL } } }),
            "authenticate.api_keys.robot",
        ),
        (
            json!({ "authenticate": { "api_keys": LITERAL } }),
            "authenticate.api_keys",
        ),
        (
            json!({ "timeout": { "maximum": LITERAL } }),
            "timeout.maximum",
        ),
        (json!({ "profile": LITERAL }), "profile"),
        (
            json!({ "retry": { "attempts": LITERAL } }),
            "retry.attempts",
        ),
        (json!({ "audit": { "key": LITERAL } }), "audit.key"),
        (
            json!({ "trace": { "session_id": [LITERAL] } }),
            "trace.session_id",
        ),
        (
            json!({ "circuit_breaker": { "window": { "time": LITERAL } } }),
            "circuit_breaker.window.time",
        ),
    ] {
        let (path, message) = fault(&settings);
        assert_eq!(path, at, "{message}");
        assert!(!message.contains("hunter2"), "{message}");
    }
    // A key that is a number, which serde would show.
    let (_, message) = fault(&json!({ "audit": { "key": 8_675_309 } }));
    assert!(
        message.contains("by reference") && !message.contains("8675309"),
        "{message}"
    );
}

#[test]
fn what_cannot_be_parsed_is_not_shown() {
    let json = "{ \"audit\": { \"key\": \"sk-hunter2\" ";
    let error = Settings::read(&mut serde_json::Deserializer::from_str(json)).unwrap_err();
    assert!(!error.to_string().contains("hunter2"), "{error}");
}

#[test]
fn a_key_without_a_default_is_required_unless_the_profile_has_one() {
    let (path, message) = fault(&json!({ "timeout": { "idle": "5s" } }));
    assert_eq!(
        (&*path, &*message),
        ("timeout.maximum", "this key is required")
    );
    for settings in from_all(&json!({ "profile": "production", "timeout": { "idle": "5s" } })) {
        let settings = settings.unwrap();
        assert_eq!(settings.profile, Some(Profile::Production));
        let timeout = settings.timeout.unwrap();
        assert_eq!(timeout.maximum, TimeSpan::from_secs(30));
        assert_eq!(timeout.idle, Some(TimeSpan::from_secs(5)));
        assert_eq!(settings.error_mask, Settings::production().error_mask);
    }
}

#[test]
fn a_table_that_is_null_is_absent() {
    let settings = Settings::read(json!({ "profile": "production", "rate_limit": null })).unwrap();
    assert_eq!(
        settings,
        Settings {
            rate_limit: None,
            ..Settings::production()
        }
    );
}

#[test]
fn files_profiles_and_variables_are_merged_by_figment() {
    let read = |profile: &str| {
        let layers = Figment::new()
            .merge(Toml::file("mcp.toml").nested())
            .merge(Env::prefixed("MCP_LAYERS_").split("__").global())
            .select(profile);
        Settings::read(
            layers
                .extract::<Value>()
                .map_err(|error| ConfigError::new("", error))?,
        )
    };
    Jail::expect_with(|jail| {
        jail.create_file(
            "mcp.toml",
            r#"
                [default]
                profile = "production"
                [default.rate_limit.rules.per_tool]
                quota = "100/min"
                tools = ["db_*"]
                [staging.timeout]
                maximum = "60s"
            "#,
        )?;
        jail.set_env("MCP_LAYERS_RATE_LIMIT__RULES__PER_TOOL__QUOTA", "5/s");
        jail.set_env("MCP_LAYERS_RETRY__ATTEMPTS", "4");
        let settings = read("staging").unwrap();
        let rule = &settings.rate_limit.unwrap().rules["per_tool"];
        assert_eq!(rule.quota, "5/s".parse().unwrap());
        assert_eq!(rule.tools.as_deref(), Some(&["db_*".to_owned()][..]));
        assert_eq!(settings.retry.unwrap().attempts.get(), 4);
        assert_eq!(settings.timeout.unwrap().maximum, TimeSpan::from_secs(60));
        assert_eq!(
            read("default").unwrap().timeout.unwrap().maximum,
            TimeSpan::from_secs(30)
        );

        jail.set_env("MCP_LAYERS_RETRY__ATEMPTS", "4");
        assert_eq!(read("default").unwrap_err().path(), "retry.atempts");
        Ok(())
    });
}

#[test]
fn variables_are_read_by_config() {
    let read = |variables: &[(&str, &str)]| {
        let variables = variables
            .iter()
            .map(|(name, value)| (String::from(*name), String::from(*value)));
        let variables = config::Environment::with_prefix("MCP_LAYERS")
            .prefix_separator("_")
            .separator("__")
            .try_parsing(true)
            .source(Some(variables.collect()));
        let file = File::from_str("[timeout]\nmaximum = \"5s\"", FileFormat::Toml);
        let merged = config::Config::builder()
            .add_source(file)
            .add_source(variables);
        Settings::read(merged.build().unwrap())
    };
    let settings = read(&[
        ("MCP_LAYERS_TIMEOUT__MAXIMUM", "7s"),
        ("MCP_LAYERS_RETRY__ATTEMPTS", "4"),
        ("MCP_LAYERS_CACHE__REPORT_IN_META", "true"),
    ]);
    let settings = settings.unwrap();
    assert_eq!(settings.timeout.unwrap().maximum, TimeSpan::from_secs(7));
    assert_eq!(settings.retry.unwrap().attempts.get(), 4);
    assert!(settings.cache.unwrap().report_in_meta);
    let error = read(&[("MCP_LAYERS_TIMEOUT__MAXIMUN", "7s")]).unwrap_err();
    assert_eq!(error.path(), "timeout.maximun");
}
