//! The settings of the layer.

use std::sync::Arc;

use http::HeaderName;
use mcp_layers_core::http::Challenge;

use super::{origin::Origins, reason::RefusalReason};
use crate::{
    metadata::ResourceMetadata,
    verify::{Refusal, Verify},
};

/// Everything that can be set, shared by all services of a layer.
#[derive(Clone)]
pub(super) struct Settings {
    pub(super) verifier: Arc<dyn Verify>,
    pub(super) api_key_header: Option<HeaderName>,
    pub(super) origins: Origins,
    pub(super) max_body: usize,
    pub(super) max_credential: usize,
    pub(super) keep_credential: bool,
    pub(super) metadata: Option<ResourceMetadata>,
    pub(super) challenge: Challenge,
    pub(super) on_refusal: Option<OnRefusal>,
}

/// The default maximum size of a body: 4 MiB.
pub(super) const MAX_BODY: usize = 4 * 1024 * 1024;
/// The default maximum length of a credential: 16 KiB.
pub(super) const MAX_CREDENTIAL: usize = 16 * 1024;

impl Settings {
    pub(super) fn new(verifier: impl Verify) -> Self {
        Self {
            verifier: Arc::new(verifier),
            api_key_header: None,
            origins: Origins::These(Vec::new()),
            max_body: MAX_BODY,
            max_credential: MAX_CREDENTIAL,
            keep_credential: false,
            metadata: None,
            challenge: Challenge::new(),
            on_refusal: None,
        }
    }
}

pub(super) type OnRefusal = Arc<dyn Fn(RefusalReason, Option<&Refusal>) + Send + Sync>;
