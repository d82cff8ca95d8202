//! A secret is named in the configuration and read when it is used; its value is never printed.

use std::fmt;
use std::path::{Path, PathBuf};

/// The variable with systemd's folder of credentials.
const CREDENTIALS: &str = "CREDENTIALS_DIRECTORY";

/// Where a secret is to be had.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret {
    origin: Origin,
    /// Where the configuration names it.
    pub place: String,
}

#[derive(Clone, PartialEq, Eq)]
enum Origin {
    File(PathBuf),
    Env(String),
    /// A file of that name in systemd's folder of credentials.
    Credential(String),
    /// It is no secret in itself and stands in the configuration.
    Given(String),
}

/// A secret that is not to be had. The message names the place, never the value.
#[derive(Debug, thiserror::Error)]
#[error("{place}: {message}")]
pub struct SecretError {
    place: String,
    message: String,
}

impl Secret {
    /// A secret in a file.
    pub fn file(path: PathBuf, place: String) -> Secret {
        Secret { origin: Origin::File(path), place }
    }

    /// A secret in an environment variable.
    pub fn env(name: String, place: String) -> Secret {
        Secret { origin: Origin::Env(name), place }
    }

    /// A credential that systemd hands to the service (`LoadCredential=`).
    pub fn credential(name: String, place: String) -> Secret {
        Secret { origin: Origin::Credential(name), place }
    }

    /// A name that a secret goes with, and that stands in the configuration.
    pub fn given(text: String, place: String) -> Secret {
        Secret { origin: Origin::Given(text), place }
    }

    /// The value. A file's trailing newline is cut.
    ///
    /// # Errors
    /// A file that cannot be read, a variable that is not set, or nothing in either.
    pub fn reveal(&self) -> Result<String, SecretError> {
        let error = |message| SecretError { place: self.place.clone(), message };
        let read = |path: &Path| {
            std::fs::read_to_string(path).map_err(|cause| {
                error(format!("the secret's file {} cannot be read: {cause}", path.display()))
            })
        };
        let value = match &self.origin {
            Origin::File(path) => read(path)?,
            Origin::Credential(name) => {
                let folder = std::env::var_os(CREDENTIALS).ok_or_else(|| {
                    error(format!(
                        "the credential {name} is systemd's to give, and {CREDENTIALS} is not set: \
                         write `LoadCredential={name}:/path/to/it` into the unit"
                    ))
                })?;
                read(&Path::new(&folder).join(name))?
            }
            Origin::Given(text) => text.clone(),
            Origin::Env(name) => std::env::var(name)
                .map_err(|_| error(format!("the environment variable {name} is not set")))?,
        };
        let value = value.strip_suffix('\n').unwrap_or(&value);
        let value = value.strip_suffix('\r').unwrap_or(value);
        if value.is_empty() {
            return Err(error("the secret is empty".into()));
        }
        Ok(value.to_owned())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.origin {
            Origin::File(path) => write!(f, "Secret(file {})", path.display()),
            Origin::Env(name) => write!(f, "Secret(env {name})"),
            Origin::Credential(name) => write!(f, "Secret(credential {name})"),
            Origin::Given(_) => write!(f, "Secret(given)"),
        }
    }
}
