//! The settings of the layer.

use std::{fmt, sync::Arc};

use http::HeaderName;
use mcp_layers_core::http::Challenge;

use super::{AuthenticateHandle, RefusalReason, origin::Origins};
use crate::{Refusal, ResourceMetadata, Verify};

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
    pub(super) handle: AuthenticateHandle,
}

impl Settings {
    pub(super) fn new(verifier: impl Verify) -> Self {
        Self {
            verifier: Arc::new(verifier),
            api_key_header: None,
            origins: Origins::These(Vec::new()),
            max_body: 4 * 1024 * 1024,
            max_credential: 16 * 1024,
            keep_credential: false,
            metadata: None,
            challenge: Challenge::new(),
            on_refusal: None,
            handle: AuthenticateHandle::default(),
        }
    }
}

pub(super) type OnRefusal = Arc<dyn Fn(RefusalReason, Option<&Refusal>) + Send + Sync>;

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("origins", &self.origins)
            .field("max_body", &self.max_body)
            .field("max_credential", &self.max_credential)
            .field("keep_credential", &self.keep_credential)
            .field("challenge", &self.challenge)
            .finish_non_exhaustive()
    }
}
