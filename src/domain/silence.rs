//! Somebody asked not to hear of something for a while.

use jiff::Timestamp;

/// What is not told, until when. What is absent means any.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Silence {
    /// Its number.
    pub id: i64,
    /// The rule.
    pub rule: Option<String>,
    /// The scope; one that ends with `*` stands for all that begin so.
    pub scope: Option<String>,
    /// The team that does not want to hear of it.
    pub team: Option<String>,
    /// Who asked for it.
    pub by: String,
    /// Why.
    pub why: String,
    /// From when.
    pub from: Timestamp,
    /// Until when.
    pub until: Timestamp,
}

impl Silence {
    /// Whether it is about a rule's scope, whoever hears of it.
    pub fn covers(&self, rule: &str, scope: &str) -> bool {
        let same_rule = self.rule.as_deref().is_none_or(|own| own == rule);
        same_rule
            && self.scope.as_deref().is_none_or(|own| match own.strip_suffix('*') {
                Some(start) => scope.starts_with(start),
                None => own == scope,
            })
    }

    /// Whether it holds at an instant.
    pub fn holds(&self, now: Timestamp) -> bool {
        self.from <= now && now < self.until
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_silence_is_about_a_rule_a_scope_or_what_begins_like_it() {
        let silence = |rule: Option<&str>, scope: Option<&str>| Silence {
            id: 1,
            rule: rule.map(str::to_owned),
            scope: scope.map(str::to_owned),
            team: None,
            by: "dana".into(),
            why: "a fair".into(),
            from: Timestamp::UNIX_EPOCH,
            until: Timestamp::MAX,
        };
        assert!(silence(None, None).covers("pace_behind", "goal:a/leads"));
        assert!(
            silence(Some("pace_behind"), Some("goal:a/*")).covers("pace_behind", "goal:a/leads")
        );
        assert!(!silence(None, Some("goal:a")).covers("pace_behind", "goal:a/leads"));
        assert!(!silence(Some("source_stale"), None).covers("pace_behind", "goal:a/leads"));
        assert!(!silence(None, None).holds(Timestamp::MAX));
    }
}
