//! The topics that components returned at the last start, saved beside the local store.
//! With them, the intake accepts messages before the components are compiled and their
//! `subscribe` can be called.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::message::TopicPattern;

/// The file in the folder of the local store.
const FILE: &str = "subscribe.json";

/// The topics of components, by a digest of the component and its settings.
pub(super) struct KnownTopics {
    path: PathBuf,
    previous: BTreeMap<String, Vec<String>>,
    current: BTreeMap<String, Vec<String>>,
}

impl KnownTopics {
    /// Reads the saved topics. A file that cannot be read counts as empty.
    pub(super) fn read(folder: &Path) -> Self {
        let path = folder.join(FILE);
        let text = std::fs::read(&path).unwrap_or_default();
        Self {
            previous: serde_json::from_slice(&text).unwrap_or_default(),
            current: BTreeMap::new(),
            path,
        }
    }

    /// Returns the topics that this component returned at the last start.
    pub(super) fn of(&self, digest: &str) -> Option<Vec<TopicPattern>> {
        let topics = self.previous.get(digest)?.iter();
        let topics: Result<Vec<_>, _> = topics.map(|topic| TopicPattern::parse(topic)).collect();
        topics.ok().filter(|topics| !topics.is_empty())
    }

    /// Records the topics that a component returned at this start.
    pub(super) fn record(&mut self, digest: String, topics: &[TopicPattern]) {
        let topics = topics.iter().map(|topic| topic.as_str().to_owned());
        self.current.insert(digest, topics.collect());
    }

    /// Saves the recorded topics for the next start. An error is only logged, because
    /// without the file the intake merely accepts messages later.
    pub(super) fn save(self) {
        if self.current != self.previous
            && let Err(error) = write(&self.path, &self.current)
        {
            let path = self.path.display();
            tracing::warn!(%path, %error, "the topics that components returned cannot be saved: after the next start, publishing waits until the components are compiled");
        }
    }
}

/// Writes a temporary file beside the file, and renames it.
fn write(path: &Path, topics: &BTreeMap<String, Vec<String>>) -> io::Result<()> {
    let beside = path.with_extension("json.part");
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&beside)?;
    serde_json::to_writer(&mut file, topics)?;
    file.flush()?;
    file.sync_all()?;
    std::fs::rename(beside, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn topics_are_saved_for_each_component() {
        let folder = tempfile::tempdir().unwrap();
        let mut known = KnownTopics::read(folder.path());
        assert_eq!(known.of("a"), None);
        let topics = vec![TopicPattern::parse("orders.>").unwrap()];
        known.record("a".into(), &topics);
        known.save();
        let known = KnownTopics::read(folder.path());
        assert_eq!((known.of("a"), known.of("b")), (Some(topics), None));
        known.save();
        let known = KnownTopics::read(folder.path());
        assert_eq!(known.of("a"), None, "it was not recorded again");
        std::fs::write(folder.path().join(FILE), "[").unwrap();
        assert_eq!(KnownTopics::read(folder.path()).of("a"), None);
    }
}
