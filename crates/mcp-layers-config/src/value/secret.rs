//! Secrets, by reference.

use std::{
    fmt,
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
    str::FromStr,
};

use mcp_layers_core::ConfigError;

use super::text::{Text, as_text};

/// A reference to a secret: `"env:NAME"` for an environment variable, `"file:/path"` for a file.
///
/// Settings never contain the secret itself. Anything else is refused, without being repeated in the
/// error. A secret is read when the layers are built, and again with each reload.
///
/// A file must not be readable or writable by everybody, nor writable by its group. The group may read
/// it if another user owns it, as with a mounted secret of Kubernetes, because it could not be read
/// otherwise.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Secret(Reference);

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Reference {
    Env(String),
    File(PathBuf),
}

impl Secret {
    /// A secret in an environment variable.
    pub fn env(name: impl Into<String>) -> Self {
        Self(Reference::Env(name.into()))
    }

    /// A secret in a file.
    pub fn file(path: impl Into<PathBuf>) -> Self {
        Self(Reference::File(path.into()))
    }

    /// Reads the secret as text, without a line break at its end.
    ///
    /// # Errors
    /// As [`Secret::bytes`], and if the secret is not UTF-8 or empty.
    pub fn read(&self) -> Result<String, ConfigError> {
        let text = String::from_utf8(self.bytes()?);
        let mut text = text.map_err(|_| self.problem("it is not UTF-8"))?;
        if text.ends_with('\n') {
            text.pop();
            if text.ends_with('\r') {
                text.pop();
            }
        }
        match text.is_empty() {
            true => Err(self.problem("it is empty")),
            false => Ok(text),
        }
    }

    /// Reads the secret as it is.
    ///
    /// # Errors
    /// If the variable is not set, or the file cannot be read or is open to others.
    pub fn bytes(&self) -> Result<Vec<u8>, ConfigError> {
        match &self.0 {
            Reference::Env(name) => match std::env::var_os(name) {
                Some(value) => Ok(value.into_encoded_bytes()),
                None => Err(self.problem("the variable is not set")),
            },
            Reference::File(path) => read_private(path).map_err(|error| self.problem(error)),
        }
    }

    fn problem(&self, problem: impl fmt::Display) -> ConfigError {
        ConfigError::new(format!("the secret {self} cannot be used: {problem}"))
    }
}

fn read_private(path: &Path) -> io::Result<Vec<u8>> {
    let mut file = File::open(path)?;
    check_permissions(&file)?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(unix)]
fn check_permissions(file: &File) -> io::Result<()> {
    use std::os::unix::fs::MetadataExt;
    let found = file.metadata()?;
    let is_own = found.uid() == rustix::process::geteuid().as_raw();
    let refused = if is_own { 0o077 } else { 0o027 };
    let problem = if !found.is_file() {
        "it is not a regular file".to_owned()
    } else if found.mode() & refused != 0 {
        let mode = found.mode() & 0o777;
        format!("its mode {mode:o} lets others read or write it; set it to 600")
    } else {
        return Ok(());
    };
    Err(io::Error::new(io::ErrorKind::PermissionDenied, problem))
}

#[cfg(not(unix))]
#[allow(clippy::unnecessary_wraps, reason = "there is nothing to check here")]
fn check_permissions(_: &File) -> io::Result<()> {
    Ok(())
}

impl FromStr for Secret {
    type Err = ConfigError;

    fn from_str(text: &str) -> Result<Self, ConfigError> {
        let reference = match text.split_once(':') {
            Some(("env", name)) if !name.is_empty() => Reference::Env(name.to_owned()),
            Some(("file", path)) if !path.is_empty() => Reference::File(path.into()),
            _ => return Err(ConfigError::new(Self::NUMBER)),
        };
        Ok(Self(reference))
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Reference::Env(name) => write!(f, "env:{name}"),
            Reference::File(path) => write!(f, "file:{}", path.display()),
        }
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secret({self})")
    }
}

impl Text for Secret {
    const EXPECTED: &'static str = "a reference to a secret, \"env:NAME\" or \"file:/path\"";
    const NUMBER: &'static str = "a secret is given by reference: write \"env:NAME\" or \"file:/path\", never the secret itself";
}

as_text!(Secret, r"^(env|file):.+$");
