//! The digest's first screen as Slack blocks; the whole of it is in the mail.

use serde_json::{Value, json};

use super::Digest;
use crate::alerts::message::cut;
use crate::domain::notice::{plain, slack_escape};

/// Slack's limit for a header.
const HEADER_CHARS_MAX: usize = 150;

/// The blocks.
pub fn blocks(digest: &Digest) -> Vec<Value> {
    let section =
        |text: &str| json!({"type": "section", "text": {"type": "mrkdwn", "text": cut(text)}});
    let header: String = format!("{} · week {}", plain(&digest.company), &digest.week[6..])
        .chars()
        .take(HEADER_CHARS_MAX)
        .collect();
    let mut blocks =
        vec![json!({"type": "header", "text": {"type": "plain_text", "text": header}})];
    let complete = format!("Data complete to {}", digest.data_as_of_text);
    let mut context = vec![json!({"type": "mrkdwn", "text": slack_escape(&complete)})];
    let notes = digest.notes.iter().take(4);
    context.extend(notes.map(|note| json!({"type": "mrkdwn", "text": cut(&slack_escape(note))})));
    blocks.push(json!({"type": "context", "elements": context}));
    blocks.push(section(&actions(digest)));
    if !digest.goals.is_empty() {
        let lines: Vec<String> = digest
            .goals
            .iter()
            .map(|row| {
                format!(
                    "*{}* {}: {} of {} by now (pace {}), {}",
                    slack_escape(&row.goal),
                    slack_escape(&row.metric),
                    slack_escape(&row.actual),
                    slack_escape(&row.planned),
                    slack_escape(&row.pace_text),
                    slack_escape(&row.state)
                )
            })
            .chain(digest.outlooks.iter().map(|text| slack_escape(text)))
            .collect();
        blocks.push(section(&format!("*Goals*\n{}", lines.join("\n"))));
    }
    blocks.push(section(&format!("*Hand-offs*\n{}", slack_escape(&digest.followups.sentence))));
    let mut changed: Vec<String> =
        digest.changed.iter().map(|text| format!("• {}", slack_escape(text))).collect();
    changed
        .extend(digest.restated.iter().map(|text| format!("• restated: {}", slack_escape(text))));
    blocks.push(section(&format!("*Changed*\n{}", changed.join("\n"))));
    blocks
}

fn actions(digest: &Digest) -> String {
    if digest.actions.is_empty() {
        return "*This week*\nNothing to do: nobody is behind, and every hand-off was followed up."
            .into();
    }
    let lines: Vec<String> = digest
        .actions
        .iter()
        .enumerate()
        .map(|(index, action)| {
            let worth = if action.worth.is_empty() {
                String::new()
            } else {
                format!("; {}", slack_escape(&action.worth))
            };
            format!(
                "{}. *{}*: {}, {}{worth}",
                index + 1,
                slack_escape(&action.who),
                slack_escape(&action.what),
                slack_escape(&action.by)
            )
        })
        .collect();
    format!("*This week*\n{}", lines.join("\n"))
}
