//! A sorted set that tells a key's rank quickly, so that a search's `total` and its pages need no
//! walk over what lies between.

/// Above this many keys a chunk is split.
const CHUNK_KEYS: usize = 1024;

/// Sorted keys in chunks; a rank costs one pass over the chunks' lengths.
#[derive(Debug, Clone)]
pub(super) struct RankedSet<K> {
    chunks: Vec<Vec<K>>,
}

impl<K: Ord + Copy> RankedSet<K> {
    /// A set without keys.
    pub(super) fn new() -> Self {
        RankedSet { chunks: Vec::new() }
    }

    /// The chunk whose last key is the first not below `key`.
    fn chunk_of(&self, key: &K) -> usize {
        self.chunks.partition_point(|c| c.last().is_some_and(|last| last < key))
    }

    /// Adds a key; one that is there already stays single.
    pub(super) fn insert(&mut self, key: K) {
        let at = self.chunk_of(&key);
        if at == self.chunks.len() {
            // Bulk loads come in order: the last chunk is filled up before another is begun.
            match self.chunks.last_mut() {
                Some(last) if last.len() < CHUNK_KEYS => last.push(key),
                _ => self.chunks.push(vec![key]),
            }
            return;
        }
        let chunk = &mut self.chunks[at];
        if let Err(place) = chunk.binary_search(&key) {
            chunk.insert(place, key);
            if chunk.len() > CHUNK_KEYS {
                let upper = chunk.split_off(CHUNK_KEYS / 2);
                self.chunks.insert(at + 1, upper);
            }
        }
    }

    /// Removes a key, if it is there.
    pub(super) fn remove(&mut self, key: &K) {
        let at = self.chunk_of(key);
        let Some(chunk) = self.chunks.get_mut(at) else { return };
        if let Ok(place) = chunk.binary_search(key) {
            chunk.remove(place);
            if chunk.is_empty() {
                self.chunks.remove(at);
            }
        }
    }

    /// How many keys are below `key`.
    pub(super) fn rank(&self, key: &K) -> usize {
        let at = self.chunk_of(key);
        let before: usize = self.chunks[..at].iter().map(Vec::len).sum();
        before + self.chunks.get(at).map_or(0, |c| c.partition_point(|k| k < key))
    }

    /// The keys from the given rank on, in order.
    pub(super) fn skip_to(&self, rank: usize) -> impl Iterator<Item = K> + '_ {
        let (mut at, mut left) = (0, rank);
        while at < self.chunks.len() && left >= self.chunks[at].len() {
            left -= self.chunks[at].len();
            at += 1;
        }
        let skip = left;
        self.chunks[at..].iter().flatten().skip(skip).copied()
    }
}
