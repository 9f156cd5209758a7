//! Legacy sessions in a folder, from which another replica or the process after a restart takes them up.

use std::{fs, io, path::PathBuf, pin::Pin, sync::Arc};

use rmcp::transport::{
    StreamableHttpServerConfig,
    streamable_http_server::session::{SessionState, SessionStore, SessionStoreError},
};

use crate::shared::{auth, settings::Settings};

/// The settings of the transport: with `--sessions`, sessions are kept in the folder.
pub(crate) fn config(settings: Option<&Settings>) -> StreamableHttpServerConfig {
    let mut config = StreamableHttpServerConfig::default();
    let folder = settings.and_then(|settings| settings.get(&auth::SESSIONS));
    if let Some(folder) = folder {
        config.session_store = Some(Arc::new(Folder(folder.into())));
    }
    config
}

/// One file for each session: the parameters of its `initialize`.
struct Folder(PathBuf);

type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T, SessionStoreError>> + Send + 'a>>;

impl Folder {
    /// `None` for an id that the transport did not make.
    fn file(&self, id: &str) -> Option<PathBuf> {
        let is_own = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        id.bytes().all(is_own).then(|| self.0.join(id))
    }

    fn read(&self, id: &str) -> Result<Option<SessionState>, SessionStoreError> {
        let Some(file) = self.file(id) else {
            return Ok(None);
        };
        match fs::read(file) {
            Ok(text) => Ok(Some(serde_json::from_slice(&text)?)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}

// The files are small and near: no thread of their own is worth it here.
impl SessionStore for Folder {
    fn load<'a, 'b, 'c>(&'a self, id: &'b str) -> Answer<'c, Option<SessionState>>
    where
        'a: 'c,
        'b: 'c,
        Self: 'c,
    {
        Box::pin(async move { self.read(id) })
    }

    fn store<'a, 'b, 'd, 'c>(&'a self, id: &'b str, state: &'d SessionState) -> Answer<'c, ()>
    where
        'a: 'c,
        'b: 'c,
        'd: 'c,
        Self: 'c,
    {
        Box::pin(async move {
            if let Some(file) = self.file(id) {
                fs::write(file, serde_json::to_vec(state)?)?;
            }
            Ok(())
        })
    }

    fn delete<'a, 'b, 'c>(&'a self, id: &'b str) -> Answer<'c, ()>
    where
        'a: 'c,
        'b: 'c,
        Self: 'c,
    {
        Box::pin(async move {
            if let Some(file) = self.file(id) {
                fs::remove_file(file)?;
            }
            Ok(())
        })
    }
}
