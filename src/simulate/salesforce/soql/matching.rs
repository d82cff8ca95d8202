//! Patterns of LIKE: a percent sign is any text, an underscore any one character, and case does not
//! count.

#[derive(Debug, Clone, Copy, PartialEq)]
enum Piece {
    Any,
    One,
    Just(char),
}

/// A pattern of LIKE.
#[derive(Debug, Clone)]
pub(super) struct Pattern(Vec<Piece>);

impl Pattern {
    /// Reads a pattern, in which a backslash makes a wildcard mean itself.
    pub(super) fn new(told: &str) -> Pattern {
        let mut pieces = Vec::new();
        let lower = told.to_lowercase();
        let mut chars = lower.chars().peekable();
        while let Some(c) = chars.next() {
            pieces.push(match c {
                '\\' if matches!(chars.peek(), Some('_' | '%')) => {
                    chars.next().map_or(Piece::Just('\\'), Piece::Just)
                }
                '%' => Piece::Any,
                '_' => Piece::One,
                other => Piece::Just(other),
            });
        }
        Pattern(pieces)
    }

    /// Whether a text is like that.
    pub(super) fn matches(&self, text: &str) -> bool {
        let text: Vec<char> = text.to_lowercase().chars().collect();
        let (mut piece, mut at) = (0, 0);
        // Where to go on when the present attempt fails: behind the last wildcard, one further on.
        let mut back: Option<(usize, usize)> = None;
        while at < text.len() {
            match self.0.get(piece) {
                Some(Piece::Any) => {
                    back = Some((piece + 1, at));
                    piece += 1;
                }
                Some(Piece::One) => (piece, at) = (piece + 1, at + 1),
                Some(Piece::Just(c)) if *c == text[at] => (piece, at) = (piece + 1, at + 1),
                _ => match back {
                    Some((after, from)) => {
                        back = Some((after, from + 1));
                        (piece, at) = (after, from + 1);
                    }
                    None => return false,
                },
            }
        }
        self.0[piece..].iter().all(|left| *left == Piece::Any)
    }
}
