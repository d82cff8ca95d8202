//! A message on its way to people, in every form that a sink may want.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A rendered message. The text says everything that the other forms say.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Document {
    /// One line without line ends.
    pub subject: String,
    /// Plain text, lines of at most 80 columns where people's data allows.
    pub text: String,
    /// HTML that mail clients can show.
    pub html: String,
    /// Slack's Block Kit, with its fallback text in [`Document::subject`].
    pub blocks: Vec<Value>,
    /// What it is about, for programs.
    #[serde(default)]
    pub event: Event,
}

/// What a message is about, for programs.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// What kind of message it is.
    pub kind: EventKind,
    /// Whether everything that its thread told of is over.
    pub over: bool,
    /// The alerts that it tells of.
    pub alerts: Vec<AlertNote>,
}

/// What kind of message it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EventKind {
    /// Something that the operator should know.
    #[default]
    Notice,
    /// Alerts.
    Alert,
    /// A week's digest.
    Digest,
}

impl EventKind {
    /// The type of a webhook's event.
    pub fn name(self) -> &'static str {
        match self {
            EventKind::Notice => "paceline.notice",
            EventKind::Alert => "paceline.alert",
            EventKind::Digest => "paceline.digest",
        }
    }
}

/// An alert in a message, for programs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AlertNote {
    /// Its number.
    pub id: i64,
    /// The rule.
    pub rule: String,
    /// What it is about.
    pub scope: String,
    /// How it stands.
    pub state: String,
    /// How much it matters.
    pub severity: String,
    /// What was found, in a line.
    pub summary: String,
    /// The measured value.
    pub value: f64,
    /// What it is held against.
    pub threshold: f64,
}

/// A record that a message or an alert rests on.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct RecordRef {
    /// The source's key.
    pub source: String,
    /// The object.
    pub object: String,
    /// The vendor's id.
    pub id: String,
    /// A link to it.
    pub url: Option<String>,
}

/// Removes what a terminal, a log or a header would obey, from text that came from outside.
pub fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() || is_bidi_control(c) { ' ' } else { c }).collect()
}

/// Characters that turn the direction of what follows them.
fn is_bidi_control(c: char) -> bool {
    matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Escapes text for HTML.
pub fn html_escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in plain(text).chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

/// Escapes text for Slack's mrkdwn: `<!channel>` and links lose their power. The marks for bold and
/// struck out have no escape; a joiner before them breaks them.
///
/// Source: docs.slack.dev, "Formatting message text": only `&`, `<` and `>` are entities.
pub fn slack_escape(text: &str) -> String {
    let text = plain(text).replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    text.replace('*', "\u{2060}*").replace('~', "\u{2060}~")
}

/// Writes words within `columns`, continued lines below the first one's text.
pub fn wrap(out: &mut String, lead: &str, text: &str, columns: usize) {
    let indent = lead.chars().count();
    let mut current = lead.to_owned();
    let mut used = indent;
    for word in plain(text).split_whitespace() {
        let width = word.chars().count();
        if used > indent && used + 1 + width > columns {
            out.push_str(current.trim_end());
            out.push('\n');
            current = " ".repeat(indent);
            used = indent;
        }
        if used > indent {
            current.push(' ');
            used += 1;
        }
        current.push_str(word);
        used += width;
    }
    out.push_str(current.trim_end());
    out.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_campaign_called_channel_calls_nobody() {
        assert_eq!(slack_escape("<!channel> & more"), "&lt;!channel&gt; &amp; more");
        assert_eq!(html_escape("<b>\"x\"</b>"), "&lt;b&gt;&quot;x&quot;&lt;/b&gt;");
        assert_eq!(plain("red\u{1b}[31m\nline"), "red [31m line");
    }
}
