//! An instance with plain leads, for benchmarks.

use jiff::Timestamp;
use serde_json::json;

use super::super::rng::Rng;
use super::instance::Instance;

/// 2024-01-01T00:00:00Z.
const FIRST: i64 = 1_704_067_200;
/// Two years.
const SPAN: i64 = 2 * 365 * 86_400;
const SOURCES: [&str; 6] =
    ["Web", "Phone Inquiry", "Partner Referral", "Webinar", "Event", "Other"];
const PROGRAMS: usize = 80;

fn instant(secs: i64) -> Timestamp {
    Timestamp::from_second(secs).unwrap_or_default()
}

/// Leads in the order of their creation over two years from 2024 on: six sources, eighty acquisition programs
/// of which they are members, and 35 of 100 became marketing qualified (`leadStatus` is `MQL`).
pub fn generated(leads: usize, seed: u64) -> Instance {
    let mut instance = Instance::empty();
    let programs: Vec<u64> = (0..PROGRAMS)
        .map(|n| instance.add_program(&format!("program-{n:02}"), "Content", instant(FIRST)))
        .collect();
    let mut rng = Rng::of(seed, "leads", 0);
    let mut below = move |limit: usize| ((rng.unit() * limit as f64) as usize).min(limit - 1);
    for at in 0..leads {
        let share = i128::from(SPAN) * at as i128 / leads.max(1) as i128;
        let created = FIRST + i64::try_from(share).unwrap_or(0);
        let program = programs[below(PROGRAMS)];
        let fields = [
            ("email", json!(format!("person{at}@example.test"))),
            ("lastName", json!(format!("Last{at}"))),
            ("company", json!("Company")),
            ("leadSource", json!(SOURCES[below(SOURCES.len())])),
            ("leadStatus", json!("New")),
            ("segment", json!(["smb", "mid", "enterprise"][below(3)])),
            ("acquisitionProgramId", json!(program)),
        ];
        let lead = instance.create_lead(&fields, instant(created));
        instance.set_member(program, lead, "Member", instant(created));
        if below(100) < 35 {
            let mql = created + below(14 * 86_400) as i64;
            instance.change(lead, "leadStatus", json!("MQL"), instant(mql));
        }
    }
    instance.log.settle();
    instance
}
