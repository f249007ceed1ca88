//! The messages that arrived, read from the log of the endpoint, which has a line
//! for each request.

use std::collections::HashMap;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::PathBuf;

use serde_json::Value;

use crate::Result;

/// What the endpoint has received so far.
pub struct Received {
    log: PathBuf,
    read: u64,
    /// How often each id was accepted, and the length of its data.
    pub accepted: HashMap<String, Arrival>,
    /// How many requests were answered with an error.
    pub refused: u64,
}

/// A message that arrived.
pub struct Arrival {
    /// 1, or more if the message was sent again.
    pub times: u64,
    /// The length of the data, in bytes.
    pub length: u64,
}

impl Received {
    /// Begins without messages. The endpoint may not have created its log yet.
    pub fn new(log: PathBuf) -> Self {
        Self {
            log,
            read: 0,
            accepted: HashMap::new(),
            refused: 0,
        }
    }

    /// Reads what the endpoint has written since the last call.
    pub fn update(&mut self) -> Result {
        let Ok(mut file) = File::open(&self.log) else {
            return Ok(());
        };
        let unreadable = |e| format!("cannot read {}: {e}", self.log.display());
        file.seek(SeekFrom::Start(self.read)).map_err(unreadable)?;
        let mut fresh = Vec::new();
        file.read_to_end(&mut fresh).map_err(unreadable)?;
        // The last line may be incomplete.
        let whole = fresh
            .iter()
            .rposition(|byte| *byte == b'\n')
            .map_or(0, |at| at + 1);
        self.read += whole as u64;
        for line in String::from_utf8_lossy(&fresh[..whole]).lines() {
            self.take(line)
                .ok_or_else(|| format!("not a request: {line}"))?;
        }
        Ok(())
    }

    fn take(&mut self, line: &str) -> Option<()> {
        let request: Value = serde_json::from_str(line).ok()?;
        let (status, length) = (request["status"].as_u64()?, request["length"].as_u64()?);
        if !(200..300).contains(&status) {
            self.refused += 1;
            return Some(());
        }
        let id = request["id"].as_str().unwrap_or_default().to_string();
        let arrival = self
            .accepted
            .entry(id)
            .or_insert(Arrival { times: 0, length });
        arrival.times += 1;
        Some(())
    }

    /// Returns how many different messages arrived.
    pub fn different(&self) -> usize {
        self.accepted.len()
    }

    /// Returns how many requests were accepted.
    pub fn requests(&self) -> u64 {
        self.accepted.values().map(|arrival| arrival.times).sum()
    }

    /// Returns how often a message arrived again, counting the ids for which
    /// `is_counted` is true.
    pub fn duplicates(&self, is_counted: impl Fn(&str) -> bool) -> u64 {
        let of = self.accepted.iter().filter(|(id, _)| is_counted(id));
        of.map(|(_, arrival)| arrival.times - 1).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_counted() {
        let mut received = Received::new(PathBuf::new());
        for (id, status) in [("a", 204), ("b", 503), ("b", 200), ("a", 200)] {
            let line = format!(r#"{{"id":"{id}","status":{status},"length":3}}"#);
            received.take(&line).unwrap();
        }
        assert_eq!(received.different(), 2);
        assert_eq!((received.duplicates(|_| true), received.refused), (1, 1));
        assert!(received.take("nonsense").is_none());
    }
}
