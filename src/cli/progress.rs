//! A counter on a terminal, log lines elsewhere.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

/// Shows how far long work has come; nothing where stderr is no terminal.
#[derive(Clone)]
pub struct Progress {
    bar: ProgressBar,
}

impl Progress {
    /// Begins; with `shown` false nothing is drawn.
    pub fn start(shown: bool) -> Progress {
        let bar = if shown { ProgressBar::new_spinner() } else { ProgressBar::hidden() };
        if let Ok(style) = ProgressStyle::with_template("{spinner} {elapsed_precise} {msg}") {
            bar.set_style(style);
        }
        bar.enable_steady_tick(Duration::from_millis(120));
        Progress { bar }
    }

    /// Says what is going on.
    pub fn say(&self, message: String) {
        self.bar.set_message(message);
    }

    /// Ends and leaves nothing behind.
    pub fn finish(&self) {
        self.bar.finish_and_clear();
    }
}
