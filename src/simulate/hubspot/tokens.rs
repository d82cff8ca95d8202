//! Matches of words, as the vendor's token operators do them.

/// The words that a filter asks for, in lower case; an asterisk stands for any text.
#[derive(Debug, Clone)]
pub(super) struct Words {
    all: Vec<String>,
}

/// The runs of letters and digits.
fn pieces(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_alphanumeric()).filter(|piece| !piece.is_empty())
}

impl Words {
    /// Reads the value of a filter; none when there is nothing in it to look for.
    pub(super) fn new(told: &str) -> Option<Words> {
        let told = told.to_lowercase();
        let mut all = Vec::new();
        for word in told.split_whitespace() {
            if word.contains('*') {
                all.push(word.to_owned());
            } else {
                all.extend(pieces(word).map(str::to_owned));
            }
        }
        (!all.is_empty()).then_some(Words { all })
    }

    /// Whether each word is among those of a text.
    pub(super) fn are_in(&self, text: &str) -> bool {
        let text = text.to_lowercase();
        self.all.iter().all(|wanted| {
            pieces(&text).chain(text.split_whitespace()).any(|have| matches(wanted, have))
        })
    }
}

/// Whether a text is a pattern in which asterisks stand for any text.
fn matches(pattern: &str, text: &str) -> bool {
    let Some((start, rest)) = pattern.split_once('*') else { return pattern == text };
    let Some(mut left) = text.strip_prefix(start) else { return false };
    let (middle, end) = rest.rsplit_once('*').unwrap_or(("", rest));
    // The first place for each part is the best: it leaves the most for the others.
    for part in middle.split('*') {
        let Some(at) = left.find(part) else { return false };
        left = &left[at + part.len()..];
    }
    left.ends_with(end)
}

#[cfg(test)]
mod tests {
    use super::Words;

    #[test]
    fn words_match_whole_and_asterisks_match_any_text() {
        let is_in = |wanted: &str, text: &str| Words::new(wanted).unwrap().are_in(text);
        assert!(is_in("*@example.test", "Ann.Lee@Example.test"));
        assert!(is_in("example.test", "ann@example.test"));
        assert!(is_in("LEE ann", "Ann-Lee Ox"));
        assert!(!is_in("exam", "ann@example.test"));
        assert!(is_in("exam*", "ann@example.test"));
        assert!(is_in("*n@*ple*t", "ann@example.test"));
        assert!(!is_in("*n@*ple*x", "ann@example.test"));
        assert!(!is_in("a*a", "a"));
        assert!(is_in("*", "a"));
        assert!(Words::new(" @ ").is_none());
    }
}
