//! Tamper-evident append-only log file: a hash chain of HMACs, durable group commit, rotation, crash
//! repair and a verifier.
//!
//! [`LogOptions`] opens an [`AuditLog`] that appends lines of any kind; [`verify`](verify()) checks
//! that a log is what its writer wrote. The crate knows nothing about what the lines mean, and it is
//! no logging framework: it has no levels, filters or formats.
//!
//! # Example
//!
//! ```
//! use mcp_layers_audit_log::{Key, LogOptions, verify};
//! use std::{fs, time::Duration};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let folder = tempfile::tempdir()?;
//! # let path = folder.path().join("payments.log");
//! let key = Key::new("a secret kept where the file is not")?;
//! let log = LogOptions::new(&key).open(&path)?;
//! log.append("Ada paid 10".to_owned())?;
//! log.append("Bob paid 20".to_owned())?;
//! log.flush(Duration::from_secs(5))?;
//! assert_eq!(verify(&path, &key)?.records, 2);
//!
//! log.close(Duration::from_secs(5));
//! let text = fs::read_to_string(&path)?;
//! fs::write(&path, text.replace("Bob paid 20", "Bob paid 99"))?;
//! let error = verify(&path, &key).unwrap_err();
//! assert!(error.to_string().contains("record 4: was changed"));
//! # Ok(())
//! # }
//! ```
//!
//! # Rules
//!
//! 1. Each line is `{"n":N,"mac":"M","record":R}` with `M = HMAC-SHA-256(k, M' || N || R)`, where `M'` is
//!    the MAC of the previous line. Lines of the log itself have a `kind`: `segment`, `opened`,
//!    `closed`, `end`, `gap`, `repair`, `moved`, `truncated` and `pruned`.
//! 2. A checkpoint file beside the log vouches for the latest line, so that a cut tail is noticed.
//! 3. A writer that was killed leaves a torn tail at most. It is cut off at the next start, kept in
//!    `FILE.torn-N`, and noted in the chain. Any other damage stops the start.
//! 4. One writer at a time has a log, by a lock of the operating system.
//! 5. The chain continues over rotated segments. A segment that leaves for an archive is noted by a
//!    `pruned` line first; the rest still verifies.
//! 6. A file that is renamed or truncated by another program (logrotate's `copytruncate`) is noted,
//!    and the chain continues in a new segment.
//! 7. Records that found no room are counted by a `gap` line where they are missing.
//!
//! # Cost
//!
//! Appending reserves a place in a bounded queue and wakes the writer's thread, which encodes, chains,
//! writes and syncs. With [`SyncPolicy::Batch`] all waiting records share one sync.
#![cfg_attr(docsrs, feature(doc_cfg))]

mod chain;
mod checkpoint;
mod control;
mod create;
mod digest;
mod fault;
mod files;
mod hex;
mod key;
mod log;
mod options;
mod scan;
mod segment;
mod shared;
#[doc(hidden)]
pub mod throttle;
mod verify;
mod writer;

pub use chain::Position;
pub use digest::{Digest, Digester};
pub use fault::{Fault, VerifyError};
pub use key::Key;
pub use log::AuditLog;
pub use options::{LogOptions, SyncPolicy};
pub use shared::{Closed, Loss, Receipt};
#[doc(hidden)]
pub use verify::fuzz;
pub use verify::{Verified, Verifier, verify};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
