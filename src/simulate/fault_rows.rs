//! What the faults files of all simulated vendors share: which requests a row hits, and how what goes wrong is named.

use serde::Deserialize;

/// An answer by its name, or a number that stands for itself.
#[derive(Deserialize)]
#[serde(untagged)]
pub(super) enum Told {
    Text(String),
    Number(u16),
}

impl Told {
    /// The kind of answer: one of the numbers, or one of the names; the error names all of them.
    pub(super) fn kind<K: Copy>(
        &self,
        numbers: &[u16],
        of_number: impl FnOnce(u16) -> K,
        names: &[(&str, K)],
    ) -> Result<K, String> {
        let (number, name) = match self {
            Told::Number(number) => (Some(*number), number.to_string()),
            Told::Text(text) => (text.parse().ok(), text.clone()),
        };
        if let Some(number) = number.filter(|number| numbers.contains(number)) {
            return Ok(of_number(number));
        }
        names.iter().find(|known| known.0 == name).map(|known| known.1).ok_or_else(|| {
            let numbers = numbers.iter().map(u16::to_string);
            let names = names.iter().map(|known| known.0.to_owned());
            let allowed: Vec<String> = numbers.chain(names).collect();
            format!("answer = {name:?} is none of {}", allowed.join(", "))
        })
    }
}

/// The operation of a name; none for `any`.
pub(super) fn operation<O: Copy>(name: &str, all: &[(O, &str)]) -> Result<Option<O>, String> {
    if name == "any" {
        return Ok(None);
    }
    all.iter().find(|known| known.1 == name).map(|known| Some(known.0)).ok_or_else(|| {
        let allowed: Vec<&str> = all.iter().map(|known| known.1).collect();
        format!("on = {name:?} is none of any, {}", allowed.join(", "))
    })
}

/// A row: whom it concerns, after how many requests it hits, how many, and what happens then.
#[derive(Debug, Clone)]
pub(super) struct Row<W, F> {
    whom: W,
    skip: u64,
    times: u64,
    seen: u64,
    fault: F,
}

impl<W, F: Clone> Row<W, F> {
    /// A row that was not met yet; it hits once where it does not say how often.
    pub(super) fn new(whom: W, skip: u64, times: Option<u64>, fault: F) -> Row<W, F> {
        Row { whom, skip, times: times.unwrap_or(1), seen: 0, fault }
    }

    /// Reads the rows of a file; an error says of which.
    pub(super) fn read_all<T>(
        rows: Vec<T>,
        read: impl Fn(T) -> Result<Row<W, F>, String>,
    ) -> Result<Vec<Row<W, F>>, String> {
        let numbered = rows.into_iter().enumerate();
        numbered.map(|(at, row)| read(row).map_err(|e| format!("fault {}: {e}", at + 1))).collect()
    }

    /// The fault that hits a request, if one does. The first row that is due hits, and the rows after it do not
    /// count that request.
    pub(super) fn hit(rows: &mut [Row<W, F>], concerns: impl Fn(&W) -> bool) -> Option<F> {
        for row in rows.iter_mut().filter(|row| concerns(&row.whom)) {
            row.seen += 1;
            if row.seen > row.skip && (row.times == 0 || row.seen <= row.skip + row.times) {
                return Some(row.fault.clone());
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_lets_some_pass_and_then_hits_so_often() {
        let mut rows = [
            Row::new("list", 1, Some(2), "busy"),
            Row::new("list", 0, None, "once"),
            Row::new("get", 0, Some(0), "always"),
        ];
        let mut met = |whom: &str| Row::hit(&mut rows, |own| *own == whom);
        let told: Vec<_> = (0..5).map(|_| met("list")).collect();
        assert_eq!(told, [Some("once"), Some("busy"), Some("busy"), None, None]);
        assert_eq!([met("get"), met("get"), met("other")], [Some("always"), Some("always"), None]);
    }

    #[test]
    fn an_error_names_what_is_allowed() {
        let kind = |told: Told| told.kind(&[503], |_| 'n', &[("slow", 's')]);
        assert_eq!(kind(Told::Number(503)), Ok('n'));
        assert_eq!(kind(Told::Text("503".into())), Ok('n'));
        assert_eq!(kind(Told::Text("slow".into())), Ok('s'));
        let error = kind(Told::Number(504)).unwrap_err();
        assert_eq!(error, "answer = \"504\" is none of 503, slow");
        let error = operation("gets", &[('g', "get")]).unwrap_err();
        assert_eq!(error, "on = \"gets\" is none of any, get");
    }
}
