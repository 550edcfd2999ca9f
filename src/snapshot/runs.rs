//! Entries of the journal, brought into the order of the log in bounded memory.
//!
//! The log is read account by account, and a journal is read event by event. What does not fit into
//! memory is written to the disk in sorted runs, which are merged: an external sort.

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, VecDeque},
    fs::File,
    io::{BufRead as _, BufReader, BufWriter, Lines, Write as _},
    path::{Path, PathBuf},
};

use daybook_projections::journal::entry::Entry;

use super::SnapshotError;

/// How many entries are sorted in memory: some hundred megabytes at most.
const IN_MEMORY: usize = 100_000;

/// Entries that are being gathered.
#[derive(Debug)]
pub(super) struct Runs {
    dir: PathBuf,
    room: usize,
    gathered: Vec<Entry>,
    runs: Vec<PathBuf>,
}

/// Entries in the order of the log.
#[derive(Debug)]
pub(super) struct Sorted {
    runs: Vec<Run>,
    // The first entry of each run that has one left.
    heads: BinaryHeap<Reverse<(Option<i64>, usize)>>,
    entries: Vec<Option<Entry>>,
}

#[derive(Debug)]
enum Run {
    Memory(VecDeque<Entry>),
    Disk(PathBuf, Lines<BufReader<File>>),
}

impl Runs {
    /// Nothing yet; runs go into a folder.
    pub(super) fn new(dir: &Path) -> Self {
        Self::with_room(dir, IN_MEMORY)
    }

    fn with_room(dir: &Path, room: usize) -> Self {
        Self { dir: dir.to_owned(), room, gathered: Vec::new(), runs: Vec::new() }
    }

    /// Adds an entry.
    ///
    /// # Errors
    /// A disk that refuses.
    pub(super) fn add(&mut self, entry: Entry) -> Result<(), SnapshotError> {
        self.gathered.push(entry);
        if self.gathered.len() < self.room { Ok(()) } else { self.spill() }
    }

    fn spill(&mut self) -> Result<(), SnapshotError> {
        let path = self.dir.join(format!(".run-{}", self.runs.len()));
        let on = |error| SnapshotError::writing(&path, error);
        self.gathered.sort_by_key(|entry| entry.position);
        let mut file = BufWriter::new(File::create_new(&path).map_err(on)?);
        for entry in self.gathered.drain(..) {
            serde_json::to_writer(&mut file, &entry).map_err(|error| on(error.into()))?;
            file.write_all(b"\n").map_err(on)?;
        }
        file.flush().map_err(on)?;
        self.runs.push(path);
        Ok(())
    }

    /// All of them, in the order of the log. Entries of one event stay in their own order.
    ///
    /// # Errors
    /// A disk that refuses.
    pub(super) fn sorted(mut self) -> Result<Sorted, SnapshotError> {
        self.gathered.sort_by_key(|entry| entry.position);
        let mut runs = Vec::with_capacity(self.runs.len() + 1);
        for path in self.runs {
            let file = File::open(&path).map_err(|error| SnapshotError::writing(&path, error))?;
            runs.push(Run::Disk(path, BufReader::new(file).lines()));
        }
        runs.push(Run::Memory(self.gathered.into()));
        let mut sorted = Sorted { entries: vec![None; runs.len()], runs, heads: BinaryHeap::new() };
        (0..sorted.runs.len()).try_for_each(|nth| sorted.refill(nth))?;
        Ok(sorted)
    }
}

impl Sorted {
    fn refill(&mut self, nth: usize) -> Result<(), SnapshotError> {
        let next = match &mut self.runs[nth] {
            Run::Memory(entries) => entries.pop_front(),
            Run::Disk(path, lines) => {
                let on = |error: std::io::Error| SnapshotError::writing(path, error);
                let line = lines.next().transpose().map_err(on)?;
                let entry = line.map(|line| serde_json::from_str(&line)).transpose();
                let entry = entry.map_err(|error| on(error.into()))?;
                if entry.is_none() {
                    std::fs::remove_file(&*path).map_err(on)?;
                }
                entry
            }
        };
        if let Some(entry) = &next {
            self.heads.push(Reverse((entry.position, nth)));
        }
        self.entries[nth] = next;
        Ok(())
    }
}

impl Iterator for Sorted {
    type Item = Result<Entry, SnapshotError>;

    fn next(&mut self) -> Option<Self::Item> {
        let Reverse((_, nth)) = self.heads.pop()?;
        let entry = self.entries[nth].take()?;
        Some(self.refill(nth).map(|()| entry))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(position: i64, kind: &str) -> Entry {
        Entry {
            position: Some(position),
            posting_on: "2026-05-01".parse().unwrap(),
            kind: kind.to_owned(),
            account_id: None,
            reference: None,
            description: String::new(),
            postings: Vec::new(),
        }
    }

    #[test]
    fn entries_come_out_in_the_order_of_the_log_however_they_are_cut() {
        let positions = [7, 1, 9, 3, 3, 8, 2, 6, 5, 4, 10];
        for room in 1..=12 {
            let dir = tempfile::tempdir().unwrap();
            let mut runs = Runs::with_room(dir.path(), room);
            for (nth, position) in positions.into_iter().enumerate() {
                runs.add(entry(position, &nth.to_string())).unwrap();
            }
            let sorted: Vec<_> = runs.sorted().unwrap().map(Result::unwrap).collect();
            let found: Vec<_> = sorted.iter().filter_map(|entry| entry.position).collect();
            assert_eq!(found, [1, 2, 3, 3, 4, 5, 6, 7, 8, 9, 10], "room for {room}");
            let same: Vec<_> = sorted.iter().filter(|it| it.position == Some(3)).collect();
            assert_eq!((same[0].kind.as_str(), same[1].kind.as_str()), ("3", "4"));
            assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
        }
    }
}
