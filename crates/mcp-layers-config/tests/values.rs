//! Values with a unit: what is read, what is refused, what is written.

#![allow(clippy::unwrap_used)]

use std::{fs, os::unix::fs::PermissionsExt, str::FromStr, time::Duration};

use mcp_layers_config::{ByteSize, Percent, Rate, Secret, TimeSpan};

#[track_caller]
fn refused<T: FromStr<Err = mcp_layers_core::ConfigError> + std::fmt::Debug>(texts: &[&str]) {
    for text in texts {
        let error = text.parse::<T>().unwrap_err().to_string();
        assert!(text.len() < 6 || !error.contains(text), "{error}");
    }
}

#[test]
fn durations() {
    for (text, millis, written) in [
        ("30s", 30_000, "30s"),
        ("500ms", 500, "500ms"),
        ("1h 30m", 5_400_000, "1h 30m"),
        ("90m", 5_400_000, "1h 30m"),
        ("24h", 86_400_000, "24h"),
        ("0s", 0, "0s"),
        ("1.5s", 1_500, "1s 500ms"),
    ] {
        let span: TimeSpan = text.parse().unwrap();
        assert_eq!(span.get(), Duration::from_millis(millis), "{text}");
        assert_eq!(span.to_string(), written);
    }
    refused::<TimeSpan>(&[
        "30", "1.5", "", "s", "-30s", "30s ago", "00:00:30", "1d", "1 month", "soonish",
    ]);
}

#[test]
fn sizes() {
    for (text, bytes, written) in [
        ("4MiB", 4 << 20, "4MiB"),
        ("4 MiB", 4 << 20, "4MiB"),
        ("512KiB", 512 << 10, "512KiB"),
        ("1MB", 1_000_000, "1000000B"),
        ("3000B", 3_000, "3000B"),
        ("2048B", 2_048, "2KiB"),
        ("0B", 0, "0B"),
    ] {
        let size: ByteSize = text.parse().unwrap();
        assert_eq!((size.get(), &*size.to_string()), (bytes, written), "{text}");
    }
    refused::<ByteSize>(&[
        "4096",
        "",
        "MiB",
        "4M",
        "4mib",
        "-4MiB",
        "+4MiB",
        "1.5MiB",
        "99999999999GiB",
    ]);
}

#[test]
fn shares() {
    assert_eq!("50%".parse::<Percent>().unwrap(), Percent::new(50));
    assert_eq!(Percent::new(7).to_string(), "7%");
    refused::<Percent>(&["50", "0.5", "", "%", "+5%", "-5%", "1.5%", "99999%"]);
}

#[test]
fn quotas() {
    let rate: Rate = "100/min burst 20".parse().unwrap();
    assert_eq!((rate.calls.get(), rate.burst.unwrap().get()), (100, 20));
    for text in ["10/s", "100/min", "2/h", "5/day", "100/min burst 20"] {
        assert_eq!(text.parse::<Rate>().unwrap().to_string(), text);
    }
    refused::<Rate>(&[
        "100",
        "",
        "0/s",
        "10/w",
        "10",
        "/s",
        "10/s burst",
        "10/s burst 0",
        "+1/s",
        "10/s burst +5",
    ]);
}

#[cfg(feature = "rate-limit")]
#[test]
fn quotas_are_those_of_governor() {
    use mcp_layers_rate_limit::Quota;
    let n = |n| std::num::NonZeroU32::new(n).unwrap();
    for (text, quota) in [
        ("10/s", Quota::per_second(n(10))),
        ("100/min", Quota::per_minute(n(100))),
        ("2/h", Quota::per_hour(n(2))),
        (
            "100/min burst 20",
            Quota::per_minute(n(100)).allow_burst(n(20)),
        ),
        (
            "2/day",
            Quota::with_period(Duration::from_secs(43_200))
                .unwrap()
                .allow_burst(n(2)),
        ),
    ] {
        assert_eq!(
            text.parse::<Rate>().unwrap().quota().unwrap(),
            quota,
            "{text}"
        );
    }
    assert!("4000000000/s".parse::<Rate>().unwrap().quota().is_err());
}

#[test]
fn secrets_are_references() {
    assert_eq!("env:KEY".parse::<Secret>().unwrap(), Secret::env("KEY"));
    assert_eq!(
        "file:/etc/key".parse::<Secret>().unwrap(),
        Secret::file("/etc/key")
    );
    assert_eq!(format!("{:?}", Secret::env("KEY")), "Secret(env:KEY)");
    refused::<Secret>(&["hunter2", "", "env:", "file:", "vault:secret", "ENV:KEY"]);
    assert!(Secret::env("MCP_LAYERS_TEST_NOT_SET").read().is_err());
}

#[test]
fn a_secret_is_read_from_a_private_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("key");
    let secret = Secret::file(&path);
    assert!(secret.read().is_err());
    for (content, read) in [
        ("hunter2", "hunter2"),
        ("hunter2\n", "hunter2"),
        ("a b\r\n", "a b"),
        ("a\n\n", "a\n"),
    ] {
        fs::write(&path, content).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        assert_eq!(secret.read().unwrap(), read);
        assert_eq!(secret.bytes().unwrap(), content.as_bytes());
    }
    for mode in [0o644, 0o640, 0o660, 0o602] {
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        let error = secret.read().unwrap_err().to_string();
        assert!(error.contains(&format!("its mode {mode:o}")), "{error}");
    }
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    fs::write(&path, "").unwrap();
    assert!(secret.read().is_err());
    assert!(Secret::file(folder.path()).read().is_err());
}
