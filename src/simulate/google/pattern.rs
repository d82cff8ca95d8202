//! A small part of RE2, which the filters know: literals, `.`, sets, `\d \w \s`, groups, `|`, `* + ?`,
//! `^` and `$`. What else there is refuses the filter.

use std::iter::Peekable;
use std::str::Chars;

/// How many steps a match may take before it counts as none; patterns here are short.
const MAX_STEPS: usize = 100_000;

#[derive(Debug, Clone)]
enum Node {
    Any,
    One(char),
    Set { negated: bool, ranges: Vec<(char, char)> },
    Start,
    End,
    Group(Vec<Vec<Node>>),
    Repeat { node: Box<Node>, least: usize, most: usize },
}

/// A pattern, once it has been read.
#[derive(Debug, Clone)]
pub(super) struct Pattern {
    branches: Vec<Vec<Node>>,
}

const DIGITS: [(char, char); 1] = [('0', '9')];
const WORDS: [(char, char); 4] = [('0', '9'), ('A', 'Z'), ('a', 'z'), ('_', '_')];
const SPACES: [(char, char); 2] = [('\t', '\r'), (' ', ' ')];

fn class(letter: char) -> Option<Node> {
    let ranges = match letter.to_ascii_lowercase() {
        'd' => DIGITS.to_vec(),
        'w' => WORDS.to_vec(),
        's' => SPACES.to_vec(),
        _ => return None,
    };
    Some(Node::Set { negated: letter.is_ascii_uppercase(), ranges })
}

fn escaped(letter: char) -> Option<Node> {
    if letter.is_ascii_alphanumeric() { class(letter) } else { Some(Node::One(letter)) }
}

fn set(text: &mut Peekable<Chars>) -> Option<Node> {
    let negated = text.next_if_eq(&'^').is_some();
    let mut ranges = Vec::new();
    loop {
        let first = match text.next()? {
            ']' if !ranges.is_empty() => return Some(Node::Set { negated, ranges }),
            '\\' => match escaped(text.next()?)? {
                Node::One(letter) => letter,
                Node::Set { negated: false, ranges: more } => {
                    ranges.extend(more);
                    continue;
                }
                _ => return None,
            },
            letter => letter,
        };
        let mut ahead = text.clone();
        match (ahead.next(), ahead.next()) {
            (Some('-'), Some(last)) if last != ']' => {
                *text = ahead;
                ranges.push((first, last));
            }
            _ => ranges.push((first, first)),
        }
    }
}

fn branches(text: &mut Peekable<Chars>, inner: bool) -> Option<Vec<Vec<Node>>> {
    let mut all = vec![Vec::new()];
    loop {
        let node = match text.next() {
            None => return (!inner).then_some(all),
            Some(')') => return inner.then_some(all),
            Some('|') => {
                all.push(Vec::new());
                continue;
            }
            Some('(') => {
                let mut ahead = text.clone();
                if ahead.next() == Some('?') {
                    if ahead.next() != Some(':') {
                        return None;
                    }
                    *text = ahead;
                }
                Node::Group(branches(text, true)?)
            }
            Some('[') => set(text)?,
            Some('\\') => escaped(text.next()?)?,
            Some('.') => Node::Any,
            Some('^') => Node::Start,
            Some('$') => Node::End,
            Some('*' | '+' | '?' | '{') => return None,
            Some(letter) => Node::One(letter),
        };
        let (least, most) = match text.peek() {
            Some('*') => (0, usize::MAX),
            Some('+') => (1, usize::MAX),
            Some('?') => (0, 1),
            Some('{') => return None,
            _ => (1, 1),
        };
        let last = all.last_mut()?;
        if (least, most) == (1, 1) {
            last.push(node);
        } else {
            text.next();
            // Whether it is greedy does not change whether it matches.
            text.next_if_eq(&'?');
            last.push(Node::Repeat { node: Box::new(node), least, most });
        }
    }
}

struct Matcher<'t> {
    text: &'t [char],
    steps: usize,
}

impl Matcher<'_> {
    /// Where the nodes can end when they begin at a place.
    fn run(&mut self, nodes: &[Node], at: usize) -> Vec<usize> {
        let mut places = vec![at];
        for node in nodes {
            let mut next = Vec::new();
            for place in places {
                next.extend(self.step(node, place));
            }
            next.sort_unstable();
            next.dedup();
            places = next;
        }
        places
    }

    fn step(&mut self, node: &Node, at: usize) -> Vec<usize> {
        self.steps += 1;
        if self.steps > MAX_STEPS {
            return Vec::new();
        }
        let letter = self.text.get(at).copied();
        let good = match node {
            Node::Any => letter.is_some(),
            Node::One(wanted) => letter == Some(*wanted),
            Node::Set { negated, ranges } => letter.is_some_and(|letter| {
                ranges.iter().any(|range| range.0 <= letter && letter <= range.1) != *negated
            }),
            Node::Start => return if at == 0 { vec![at] } else { Vec::new() },
            Node::End => return if letter.is_none() { vec![at] } else { Vec::new() },
            Node::Group(all) => return all.iter().flat_map(|nodes| self.run(nodes, at)).collect(),
            Node::Repeat { node, least, most } => return self.repeat(node, (*least, *most), at),
        };
        if good { vec![at + 1] } else { Vec::new() }
    }

    fn repeat(&mut self, node: &Node, (least, most): (usize, usize), at: usize) -> Vec<usize> {
        let mut found = if least == 0 { vec![at] } else { Vec::new() };
        let mut fresh = vec![at];
        let mut count = 0;
        while !fresh.is_empty() && count < most {
            let mut next = Vec::new();
            for place in fresh {
                let ends = self.step(node, place);
                next.extend(ends.into_iter().filter(|end| !found.contains(end)));
            }
            next.sort_unstable();
            next.dedup();
            found.extend(&next);
            fresh = next;
            count += 1;
        }
        found
    }
}

impl Pattern {
    /// Reads a pattern; none where it is not one, or not one of those that are known here.
    pub(super) fn read(text: &str) -> Option<Pattern> {
        let branches = branches(&mut text.chars().peekable(), false)?;
        Some(Pattern { branches })
    }

    /// Whether the pattern is somewhere in a text, or is all of it.
    pub(super) fn matches(&self, text: &str, whole: bool) -> bool {
        let text: Vec<char> = text.chars().collect();
        let mut matcher = Matcher { text: &text, steps: 0 };
        let last_start = if whole { 0 } else { text.len() };
        (0..=last_start).any(|at| {
            self.branches.iter().any(|nodes| {
                let ends = matcher.run(nodes, at);
                if whole { ends.contains(&text.len()) } else { !ends.is_empty() }
            })
        })
    }
}
