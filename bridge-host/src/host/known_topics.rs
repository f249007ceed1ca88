//! The topics that components asked for at the last start, kept beside the
//! local store: with them, messages are taken before the components are
//! compiled again and can be asked.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::message::TopicPattern;

/// In the folder of the local store.
const FILE: &str = "subscribe.json";

/// What is kept, by the digest of a component and of the settings that it
/// reads: another component may ask for other topics.
pub(super) struct KnownTopics {
    path: PathBuf,
    before: BTreeMap<String, Vec<String>>,
    now: BTreeMap<String, Vec<String>>,
}

impl KnownTopics {
    /// Reads what is kept. What cannot be read is asked for again.
    pub(super) fn read(folder: &Path) -> Self {
        let path = folder.join(FILE);
        let text = std::fs::read(&path).unwrap_or_default();
        Self {
            before: serde_json::from_slice(&text).unwrap_or_default(),
            now: BTreeMap::new(),
            path,
        }
    }

    /// The topics that this component asked for last time.
    pub(super) fn of(&self, digest: &str) -> Option<Vec<TopicPattern>> {
        let topics = self.before.get(digest)?.iter();
        let topics: Result<Vec<_>, _> = topics.map(|topic| TopicPattern::parse(topic)).collect();
        topics.ok().filter(|topics| !topics.is_empty())
    }

    /// Notes what a component asked for now.
    pub(super) fn note(&mut self, digest: String, topics: &[TopicPattern]) {
        let topics = topics.iter().map(|topic| topic.as_str().to_owned());
        self.now.insert(digest, topics.collect());
    }

    /// Keeps what was noted for the next start. Without it, that start takes
    /// messages later: no more than a line in the log.
    pub(super) fn keep(self) {
        if self.now != self.before
            && let Err(error) = write(&self.path, &self.now)
        {
            let path = self.path.display();
            tracing::warn!(%path, %error, "the topics that components asked for cannot be saved: after the next start, publishing waits until the components are compiled");
        }
    }
}

/// Writes beside the file and moves the whole there.
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
    fn topics_are_kept_for_the_same_component_alone() {
        let folder = tempfile::tempdir().unwrap();
        let mut known = KnownTopics::read(folder.path());
        assert_eq!(known.of("a"), None);
        let topics = vec![TopicPattern::parse("orders.>").unwrap()];
        known.note("a".into(), &topics);
        known.keep();
        let known = KnownTopics::read(folder.path());
        assert_eq!((known.of("a"), known.of("b")), (Some(topics), None));
        known.keep();
        let known = KnownTopics::read(folder.path());
        assert_eq!(known.of("a"), None, "it is in the config no more");
        std::fs::write(folder.path().join(FILE), "[").unwrap();
        assert_eq!(KnownTopics::read(folder.path()).of("a"), None);
    }
}
