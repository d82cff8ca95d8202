//! A file that messages are appended to: for trying things out, and for those who read logs.

use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;

use super::{Boxed, Delivery, Outgoing, Sink};

/// Only its owner may read it.
const FILE_MODE: u32 = 0o600;

/// A file.
pub struct FileSink {
    path: PathBuf,
}

impl FileSink {
    /// A file at this path; it is made where there is none.
    pub fn new(path: PathBuf) -> FileSink {
        FileSink { path }
    }

    fn append(&self, text: &str) -> std::io::Result<()> {
        if let Some(parent) = self.path.parent().filter(|p| !p.as_os_str().is_empty()) {
            std::fs::create_dir_all(parent)?;
        }
        let mut file =
            OpenOptions::new().append(true).create(true).mode(FILE_MODE).open(&self.path)?;
        file.write_all(text.as_bytes())?;
        file.sync_data()
    }
}

impl Sink for FileSink {
    fn deliver<'a>(&'a self, message: Outgoing<'a>) -> Boxed<'a, Delivery> {
        let repeat = if message.may_repeat { " (may be a repeat)" } else { "" };
        let text = format!(
            "---- message {}{repeat} ----\n{}\n",
            message.id,
            message.document.text.trim_end()
        );
        Box::pin(async move {
            match self.append(&text) {
                Ok(()) => Delivery::Sent,
                Err(error) => {
                    Delivery::Failed(format!("{} cannot be written: {error}", self.path.display()))
                }
            }
        })
    }

    fn check<'a>(&'a self) -> Boxed<'a, Result<String, String>> {
        Box::pin(async {
            let was_there = self.path.exists();
            let written = self.append("");
            if written.is_ok() && !was_there {
                // A question leaves nothing behind; that it goes is of no account.
                let _ = std::fs::remove_file(&self.path);
            }
            written
                .map(|()| format!("{} can be written", self.path.display()))
                .map_err(|error| format!("{} cannot be written: {error}", self.path.display()))
        })
    }
}
