//! One record: its properties packed into two allocations, and the history of what has changed.

/// One value that a property has had, and from when on.
#[derive(Debug, Clone)]
pub(super) struct Version {
    /// The value; none when it was cleared.
    pub(super) value: Option<Box<str>>,
    /// When it was set, in milliseconds since 1970.
    pub(super) at_ms: i64,
}

/// The history of one property; `None` is told as JSON null, as the vendor does at times.
pub(super) type Versions = Option<Vec<Version>>;

/// A record in a compact layout: a million of them must fit into memory.
#[derive(Debug, Clone)]
pub(super) struct Record {
    /// The vendor's id.
    pub(super) id: u64,
    /// The top-level `createdAt`.
    pub(super) created_ms: i64,
    /// The modified stamp.
    pub(super) modified_ms: i64,
    /// When it was really written, which dates the first history entries.
    pub(super) born_ms: i64,
    /// When it was archived, if it is.
    pub(super) archived_ms: Option<i64>,
    /// Property name and the end of its value in `text`, sorted by name.
    index: Box<[(u16, u32)]>,
    text: Box<str>,
    /// Only properties that changed since the record's birth are here.
    history: Vec<(u16, Versions)>,
}

impl Record {
    /// A record without properties.
    pub(super) fn new(id: u64, at_ms: i64) -> Record {
        Record {
            id,
            created_ms: at_ms,
            modified_ms: at_ms,
            born_ms: at_ms,
            archived_ms: None,
            index: Box::default(),
            text: Box::default(),
            history: Vec::new(),
        }
    }

    /// The value of a property.
    pub(super) fn get(&self, name: u16) -> Option<&str> {
        let at = self.index.binary_search_by_key(&name, |e| e.0).ok()?;
        let start = if at == 0 { 0 } else { self.index[at - 1].1 as usize };
        self.text.get(start..self.index[at].1 as usize)
    }

    /// Every property that has a value.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u16, &str)> {
        let starts = std::iter::once(0).chain(self.index.iter().map(|e| e.1 as usize));
        self.index.iter().zip(starts).map(|(&(name, end), start)| {
            (name, self.text.get(start..end as usize).unwrap_or_default())
        })
    }

    /// Packs the properties anew; the pairs need not be sorted, and the last of a name wins.
    pub(super) fn pack(&mut self, mut pairs: Vec<(u16, String)>) {
        pairs.reverse();
        pairs.sort_by_key(|p| p.0);
        pairs.dedup_by_key(|p| p.0);
        let mut text = String::with_capacity(pairs.iter().map(|p| p.1.len()).sum());
        let mut index = Vec::with_capacity(pairs.len());
        for (name, value) in pairs.into_iter().filter(|p| !p.1.is_empty()) {
            text.push_str(&value);
            index.push((name, u32::try_from(text.len()).unwrap_or(u32::MAX)));
        }
        self.index = index.into_boxed_slice();
        self.text = text.into_boxed_str();
    }

    /// Changes properties and remembers in the history what each was before.
    pub(super) fn change(&mut self, changes: Vec<(u16, Option<String>)>, at_ms: i64) {
        let mut pairs: Vec<(u16, String)> =
            self.iter().map(|(name, value)| (name, value.to_owned())).collect();
        for (name, value) in changes {
            let value = value.filter(|v| !v.is_empty());
            if self.get(name) == value.as_deref() {
                continue;
            }
            let mut versions = self.versions(name).unwrap_or_default();
            versions.push(Version { value: value.clone().map(String::into_boxed_str), at_ms });
            self.set_versions(name, Some(versions));
            pairs.push((name, value.unwrap_or_default()));
        }
        self.pack(pairs);
    }

    /// The history of a property, oldest first; one that never changed has what it was born with.
    pub(super) fn versions(&self, name: u16) -> Versions {
        if let Some(kept) = self.history.iter().find(|h| h.0 == name) {
            return kept.1.clone();
        }
        let first = self.get(name);
        Some(
            first
                .map(|v| Version { value: Some(v.into()), at_ms: self.born_ms })
                .into_iter()
                .collect(),
        )
    }

    /// Replaces the history of a property.
    pub(super) fn set_versions(&mut self, name: u16, versions: Versions) {
        match self.history.iter_mut().find(|h| h.0 == name) {
            Some(kept) => kept.1 = versions,
            None => self.history.push((name, versions)),
        }
    }
}
