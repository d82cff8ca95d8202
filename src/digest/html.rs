//! The digest as HTML that holds in mail clients: tables, inline styles, no images, no scripts.
//!
//! Gmail cuts a mail at about 102 KB, Outlook renders with Word's engine, and some clients block
//! images; so charts are table cells, and every one has its number in words beside it.

use minijinja::{AutoEscape, Environment, UndefinedBehavior, Value, context, value::Serde};

use super::Digest;
use crate::alerts::message::civil_day;
use crate::domain::notice::{Document, Event, EventKind, plain};

const TEMPLATE: &str = include_str!("templates/digest.html");
/// Width of the bar at 100 % of the plan, in pixels.
const BAR_PLAN_PX: f64 = 100.0;
/// Width of the longest bar.
const BAR_MAX_PX: f64 = 150.0;

/// Writes the digest.
///
/// # Errors
/// Only when the template is broken, which a test would show.
pub fn render(digest: &Digest) -> Result<String, minijinja::Error> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_auto_escape_callback(|_| AutoEscape::Html);
    environment.add_template("digest", TEMPLATE)?;
    let last = digest.to.yesterday().unwrap_or(digest.to);
    let bars: Vec<[i64; 2]> = digest
        .goals
        .iter()
        .map(|row| {
            let px = (row.pace.unwrap_or(0.0) * BAR_PLAN_PX).clamp(0.0, BAR_MAX_PX).round() as i64;
            [px, (BAR_PLAN_PX as i64 - px).max(0)]
        })
        .collect();
    let page = environment.get_template("digest")?.render(context! {
        digest => Value::from(Serde(digest)),
        bars => Value::from(Serde(&bars)),
        week => &digest.week[6..],
        first => civil_day(digest.from),
        last => civil_day(last),
    })?;
    // Escaping leaves control characters as they are, and a terminal that shows the source obeys them.
    Ok(page.lines().map(plain).collect::<Vec<_>>().join("\n"))
}

/// The digest in every form.
///
/// # Errors
/// As [`render`].
pub fn document(digest: &Digest) -> Result<Document, minijinja::Error> {
    let first = digest.actions.first();
    let first = first.map_or("nothing to do".to_owned(), |action| match digest.actions.len() {
        1 => format!("{}: {}", action.who, action.what),
        n => format!("{}: {} (and {} more)", action.who, action.what, n - 1),
    });
    let event = Event { kind: EventKind::Digest, ..Event::default() };
    Ok(Document {
        event,
        subject: plain(&format!("{} · week {}: {first}", digest.company, &digest.week[6..])),
        text: super::text::render(digest),
        html: render(digest)?,
        blocks: super::slack::blocks(digest),
    })
}
