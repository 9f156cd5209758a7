//! Shared parts of the example servers: flags, the stack of layers, transports.

pub(crate) mod audit;
pub(crate) mod auth;
pub(crate) mod cache;
pub(crate) mod concurrency_limit;
pub(crate) mod config;
pub(crate) mod drain;
pub(crate) mod error_mask;
pub(crate) mod layers;
pub(crate) mod log;
pub(crate) mod options;
pub(crate) mod rate_limit;
pub(crate) mod retry;
pub(crate) mod serve;
pub(crate) mod settings;
pub(crate) mod shed;
pub(crate) mod subscriptions;
pub(crate) mod trace;
pub(crate) mod wire;
