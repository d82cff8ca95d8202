//! Cuts a query into words, literals and signs.

use super::Refusal;

/// A piece of a query.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Token {
    /// A keyword or a name, with its dots.
    Word(String),
    /// A quoted text, without its escapes.
    Text(String),
    /// A number, a date or a date with a time.
    Bare(String),
    Sign(&'static str),
}

impl Token {
    /// The piece as an error shows it.
    pub(super) fn shown(&self) -> String {
        match self {
            Token::Word(text) | Token::Bare(text) => text.clone(),
            Token::Text(text) => format!("'{text}'"),
            Token::Sign(sign) => (*sign).to_owned(),
        }
    }
}

/// The longer ones stand before those with which they begin.
const SIGNS: [&str; 10] = ["!=", "<>", "<=", ">=", "=", "<", ">", "(", ")", ","];

/// A wildcard that is meant as itself keeps its escape, which matching resolves.
fn unescaped(c: char) -> Option<&'static str> {
    Some(match c {
        'n' | 'N' => "\n",
        'r' | 'R' => "\r",
        't' | 'T' => "\t",
        'b' | 'B' => "\u{7}",
        'f' | 'F' => "\u{c}",
        '"' => "\"",
        '\'' => "'",
        '\\' => "\\",
        '_' => "\\_",
        '%' => "\\%",
        _ => return None,
    })
}

/// The text up to the closing quote, and the length of what was read.
fn quoted(rest: &str) -> Result<(String, usize), Refusal> {
    let mut text = String::new();
    let mut chars = rest.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '\'' => return Ok((text, at + 1)),
            '\\' => {
                let escape = chars.next().map(|(_, c)| c);
                if escape == Some('u') {
                    let hex: String = chars.by_ref().take(4).map(|(_, c)| c).collect();
                    let code = u32::from_str_radix(&hex, 16).ok().and_then(char::from_u32);
                    text.push(code.ok_or_else(|| Refusal::malformed("Invalid unicode escape"))?);
                    continue;
                }
                let told = escape.and_then(unescaped).ok_or_else(|| {
                    Refusal::malformed("Illegal quoted string: unknown escape sequence")
                })?;
                text.push_str(told);
            }
            other => text.push(other),
        }
    }
    Err(Refusal::malformed("line 1: unterminated string, mismatched character '<EOF>'"))
}

/// The pieces of a query, each with the place where it begins.
pub(super) fn tokens(query: &str) -> Result<Vec<(usize, Token)>, Refusal> {
    let mut all = Vec::new();
    let mut at = 0;
    while let Some(c) = query[at..].chars().next() {
        let rest = &query[at..];
        let run = |fits: fn(char) -> bool| rest.find(|c| !fits(c)).unwrap_or(rest.len());
        let (token, length) = if c.is_whitespace() {
            at += c.len_utf8();
            continue;
        } else if c == '\'' {
            let (text, length) = quoted(&rest[1..])?;
            (Token::Text(text), length + 1)
        } else if c.is_ascii_alphabetic() || c == '_' {
            let length = run(|c| c.is_ascii_alphanumeric() || c == '_' || c == '.');
            (Token::Word(rest[..length].to_owned()), length)
        } else if c.is_ascii_digit() || ((c == '-' || c == '+') && rest.len() > 1) {
            let length = run(|c| c.is_ascii_alphanumeric() || ".:+-".contains(c));
            (Token::Bare(rest[..length].to_owned()), length)
        } else if let Some(sign) = SIGNS.into_iter().find(|sign| rest.starts_with(sign)) {
            (Token::Sign(sign), sign.len())
        } else {
            return Err(Refusal::malformed(format!("unexpected token: '{c}'")));
        };
        all.push((at, token));
        at += length;
    }
    Ok(all)
}
