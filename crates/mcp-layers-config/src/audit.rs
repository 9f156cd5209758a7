//! The table `audit`.

use std::{collections::BTreeMap, path::PathBuf};

use mcp_layers_audit::{
    AllowList, AuditLayer, Cef, FileSink, Json, Key, LogOptions, Ocsf, OverflowPolicy, Sink,
    SyncPolicy, TracingSink,
};
use serde::{Deserialize, Serialize};

use crate::{
    error::{ConfigError, at},
    handle::ConfigHandle,
    table::{Table, switch_on},
    value::{
        ByteSize, Secret, TimeSpan,
        defaults::{bytes, millis, number, secs},
    },
};

/// Settings of an [`AuditLayer`]: `[audit]`. It needs `file`, `tracing` or both.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct AuditSettings {
    /// Records to a file; none by default.
    pub file: Option<AuditFileSettings>,
    /// Records to `tracing`, in this format; not by default.
    pub tracing: Option<Format>,
    /// The treatment of requests while a sink takes no records.
    pub on_overflow: OverflowSettings,
    /// The requests of one caller under way; by default a quarter of the room of the smallest sink.
    pub max_per_caller: Option<usize>,
    /// Refuses calls of tools with a result that has `isError: true`.
    pub as_tool_error: bool,
    /// The key of digests of arguments; by default arguments are not digested.
    pub key: Option<Secret>,
    /// Digests results.
    pub digest_results: bool,
    /// The argument values that are recorded.
    pub arguments: ArgumentSettings,
    /// Records the start of each call that may change something.
    pub record_openings: bool,
    /// Records errors as they were before they were masked.
    pub originals: bool,
    /// Records the sizes of arguments and answers.
    pub sizes: bool,
}

/// A log file that shows when it was changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct AuditFileSettings {
    /// The path. `{pid}` is replaced by the id of the process.
    pub path: PathBuf,
    /// The key of the chain of records.
    pub key: Secret,
    /// The format of records.
    #[serde(default)]
    pub format: Format,
    /// The time at which records are safe on the disk.
    #[serde(default)]
    pub sync: SyncSettings,
    /// The size at which the file is rotated.
    #[serde(default = "bytes::<{ 64 << 20 }>")]
    pub max_bytes: ByteSize,
    /// The age at which the file is rotated; no limit by default.
    #[serde(default)]
    pub max_age: Option<TimeSpan>,
    /// The number of old files that are kept; all by default.
    #[serde(default)]
    pub keep_segments: Option<usize>,
    /// The number of records that may wait to be written.
    #[serde(default = "number::<8_192>")]
    pub capacity: usize,
    /// The time between two writes of the checkpoint.
    #[serde(default = "secs::<1>")]
    pub checkpoint_every: TimeSpan,
    /// The time before a failed write is tried again.
    #[serde(default = "millis::<250>")]
    pub retry_every: TimeSpan,
    /// The longest time that closing the file takes.
    #[serde(default = "secs::<5>")]
    pub close_within: TimeSpan,
}

/// The argument values that are recorded: none by default.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct ArgumentSettings {
    /// The top-level arguments of each tool or prompt.
    pub allow: BTreeMap<String, Vec<String>>,
    /// The maximum length of each value.
    pub max_bytes: ByteSize,
}

/// The format of records.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Format {
    /// JSON.
    #[default]
    Json,
    /// Common Event Format.
    Cef,
    /// Open Cybersecurity Schema Framework.
    Ocsf,
}

/// The treatment of requests while a sink takes no records: `"refuse"`, `"drop"` or `{ wait = "5s" }`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum OverflowSettings {
    /// Requests are refused.
    #[default]
    Refuse,
    /// Requests run, and their answers wait this long at most for room.
    Wait(TimeSpan),
    /// Requests run, and their records are dropped.
    Drop,
}

/// The time at which records are safe on the disk: `"each"`, `"batch"` or `{ interval = "1s" }`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum SyncSettings {
    /// Each record is synced separately before its request is answered.
    Each,
    /// Waiting records are synced together before their requests are answered.
    #[default]
    Batch,
    /// Records are synced this often, and requests do not wait for it.
    Interval(TimeSpan),
}

impl Default for ArgumentSettings {
    fn default() -> Self {
        Self {
            allow: BTreeMap::new(),
            max_bytes: ByteSize::new(256),
        }
    }
}

impl AuditFileSettings {
    /// A path and a key, and the defaults of the log.
    pub fn new(path: impl Into<PathBuf>, key: Secret) -> Self {
        Self {
            path: path.into(),
            key,
            format: Format::default(),
            sync: SyncSettings::default(),
            max_bytes: bytes::<{ 64 << 20 }>(),
            max_age: None,
            keep_segments: None,
            capacity: number::<8_192>(),
            checkpoint_every: secs::<1>(),
            retry_every: millis::<250>(),
            close_within: secs::<5>(),
        }
    }

    /// The options of the log.
    ///
    /// # Errors
    /// If the key cannot be read or is shorter than 16 bytes.
    pub fn options(&self) -> Result<LogOptions, ConfigError> {
        let mut options = LogOptions::new(&key("audit.file.key", &self.key)?)
            .sync(match self.sync {
                SyncSettings::Each => SyncPolicy::Each,
                SyncSettings::Batch => SyncPolicy::Batch,
                SyncSettings::Interval(interval) => SyncPolicy::Interval(interval.get()),
            })
            .max_bytes(self.max_bytes.get())
            .capacity(self.capacity)
            .checkpoint_every(self.checkpoint_every.get())
            .retry_every(self.retry_every.get())
            .close_within(self.close_within.get());
        if let Some(age) = self.max_age {
            options = options.max_age(age.get());
        }
        if let Some(segments) = self.keep_segments {
            options = options.keep_segments(segments);
        }
        Ok(options)
    }

    fn open(&self) -> Result<FileSink, ConfigError> {
        let (path, options) = (&self.path, self.options()?);
        let opened = match self.format {
            Format::Json => FileSink::open(path, options),
            Format::Cef => FileSink::open_with(path, options, Cef),
            Format::Ocsf => FileSink::open_with(path, options, Ocsf),
        };
        opened.map_err(at("audit.file.path"))
    }
}

impl AuditSettings {
    /// Opens the file, and builds the layer. Close the file on every way out of the process.
    ///
    /// # Errors
    /// If there is neither a file nor `tracing`; as the setters of [`AuditLayer`], and if a secret cannot
    /// be read or the file cannot be opened.
    pub fn layer(&self) -> Result<(AuditLayer, Option<FileSink>), ConfigError> {
        let file = self
            .file
            .as_ref()
            .map(AuditFileSettings::open)
            .transpose()?;
        let layer = match (&file, self.tracing) {
            (Some(file), None) => self.with_sink(file.clone()),
            (Some(file), Some(format)) => {
                let layer = self.with_sink(file.clone())?;
                Ok(match format {
                    Format::Json => layer.also(TracingSink::new()),
                    Format::Cef => layer.also(TracingSink::new().encoder(Cef)),
                    Format::Ocsf => layer.also(TracingSink::new().encoder(Ocsf)),
                })
            }
            (None, Some(Format::Json)) => self.with_sink(TracingSink::new().encoder(Json)),
            (None, Some(Format::Cef)) => self.with_sink(TracingSink::new().encoder(Cef)),
            (None, Some(Format::Ocsf)) => self.with_sink(TracingSink::new().encoder(Ocsf)),
            (None, None) => Err(no_sink()),
        };
        Ok((layer?, file))
    }

    fn with_sink(&self, sink: impl Sink) -> Result<AuditLayer, ConfigError> {
        let mut layer = AuditLayer::new(sink).map_err(at("audit"))?;
        layer = layer.on_overflow(match self.on_overflow {
            OverflowSettings::Refuse => OverflowPolicy::Refuse,
            OverflowSettings::Wait(time) => OverflowPolicy::Wait(time.get()),
            OverflowSettings::Drop => OverflowPolicy::Drop,
        });
        if let Some(max) = self.max_per_caller {
            let limited = layer.max_per_caller(max);
            layer = limited.map_err(at("audit.max_per_caller"))?;
        }
        if let Some(secret) = &self.key {
            layer = layer.key(&key("audit.key", secret)?);
        }
        if self.arguments != ArgumentSettings::default() {
            let list = AllowList::new().max_bytes(self.arguments.max_bytes.in_memory());
            let list = list.map_err(at("audit.arguments.max_bytes"))?;
            let fields = self.arguments.allow.iter();
            let fields = fields.flat_map(|(tool, fields)| fields.iter().map(move |f| (tool, f)));
            let list = fields.fold(list, |list, (tool, field)| {
                list.allow(tool.as_str(), field.as_str())
            });
            layer = layer.arguments(list);
        }
        Ok(switch_on(
            layer,
            [
                (self.as_tool_error, AuditLayer::as_tool_error),
                (self.digest_results, AuditLayer::digest_results),
                (self.record_openings, AuditLayer::record_openings),
                (self.originals, AuditLayer::originals),
                (self.sizes, AuditLayer::sizes),
            ],
        ))
    }
}

fn no_sink() -> ConfigError {
    ConfigError::new("audit", "nothing is recorded: set `file` or `tracing`")
}

fn key(path: &str, secret: &Secret) -> Result<Key, ConfigError> {
    Key::new(secret.bytes().map_err(at(path))?).map_err(at(path))
}

impl Table for AuditSettings {
    type Layer = AuditLayer;
    type Live = Option<FileSink>;

    fn build(&self) -> Result<(AuditLayer, Option<FileSink>), ConfigError> {
        self.layer()
    }

    /// Without opening the file, which the running layer has open.
    fn check(&self) -> Result<(), ConfigError> {
        if let Some(file) = &self.file {
            file.options()?;
            let zero = [
                ("audit.file.capacity", file.capacity == 0),
                ("audit.file.max_bytes", file.max_bytes.get() == 0),
                (
                    "audit.file.max_age",
                    file.max_age == Some(TimeSpan::default()),
                ),
            ];
            if let Some((path, _)) = zero.iter().find(|(_, is_zero)| *is_zero) {
                return Err(ConfigError::new(*path, "it must not be zero"));
            }
        } else if self.tracing.is_none() {
            return Err(no_sink());
        }
        self.with_sink(TracingSink::new()).map(drop)
    }

    fn secrets(&self) -> Vec<(String, &Secret)> {
        let file = self.file.as_ref().map(|file| &file.key);
        let secrets = [("audit.file.key", file), ("audit.key", self.key.as_ref())];
        let set = secrets.into_iter();
        set.filter_map(|(path, secret)| Some((path.to_owned(), secret?)))
            .collect()
    }
}

impl ConfigHandle {
    /// The file of the audit log, to flush and close it. `None` without the table `audit.file`.
    #[cfg_attr(docsrs, doc(cfg(feature = "audit")))]
    #[must_use]
    pub fn audit_file(&self) -> Option<&FileSink> {
        self.live().audit.as_ref()?.as_ref()
    }
}
