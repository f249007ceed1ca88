//! Counts responses, and shows the progress and a summary. Sending stays out.

use std::io::{IsTerminal, stderr};
use std::time::{Duration, Instant};

use serde::Serialize;
use serde_json::{Value, json};

use super::error::Error;
use crate::cli::output;
use crate::printable::printable;

/// The interval at which the line on the terminal is updated.
const INTERVAL: Duration = Duration::from_millis(100);

/// Counts and shows responses.
pub(super) struct Progress {
    began: Instant,
    many: bool,
    json: bool,
    live: bool,
    shown: Option<Instant>,
    accepted: u64,
    duplicates: u64,
    /// The id of the last message; shown if there is only one.
    id: Option<String>,
    failures: Vec<Failure>,
    failed: u64,
    /// Why publishing ended before all lines were read.
    ended: Option<String>,
}

#[derive(Serialize)]
struct Failure {
    line: u64,
    error: String,
}

/// The most failures in the JSON summary. Each failure is also printed at once.
const KEPT: usize = 1000;

impl Progress {
    /// Starts to count, for one message or for many.
    pub fn new(many: bool, json: bool) -> Self {
        Self {
            began: Instant::now(),
            many,
            json,
            live: many && !json && stderr().is_terminal(),
            shown: None,
            accepted: 0,
            duplicates: 0,
            id: None,
            failures: Vec::new(),
            failed: 0,
            ended: None,
        }
    }

    /// Counts a message that is durable.
    pub fn accept(&mut self, id: String, duplicate: bool) {
        match duplicate {
            true => self.duplicates += 1,
            false => self.accepted += 1,
        }
        self.id = Some(id);
        self.show();
    }

    /// Counts lines that were not sent for the same reason, after which no more lines are
    /// read. The caller prints the reason.
    pub fn abort(&mut self, lines: impl Iterator<Item = u64>, reason: &str) {
        for line in lines {
            self.count_failed(line, reason);
        }
        self.failures.sort_by_key(|failure| failure.line);
        self.ended = Some(reason.into());
    }

    /// Counts a line that was refused, and prints the reason.
    pub fn fail(&mut self, line: u64, reason: &str) {
        self.count_failed(line, reason);
        self.clear();
        if self.many {
            output::note(&format!("line {line}: {}\n", printable(reason)));
        }
    }

    fn count_failed(&mut self, line: u64, reason: &str) {
        self.failed += 1;
        if self.failures.len() < KEPT {
            self.failures.push(Failure {
                line,
                error: reason.into(),
            });
        }
    }

    fn show(&mut self) {
        let now = Instant::now();
        let recent = |shown: Instant| now.duration_since(shown) < INTERVAL;
        if self.live && !self.shown.is_some_and(recent) {
            output::note(&format!("\r\x1b[K{}", self.summary()));
            self.shown = Some(now);
        }
    }

    fn clear(&mut self) {
        if self.shown.take().is_some() {
            output::note("\r\x1b[K");
        }
    }

    /// Shows the summary. Returns an error if any message failed.
    pub fn end(mut self) -> Result<(), Error> {
        self.clear();
        let summary = match (self.json, self.many, &self.id) {
            (true, ..) => Some(output::json_text(&self.object(), false)),
            (false, true, _) => Some(self.summary() + "\n"),
            (false, false, Some(id)) => {
                let again = if self.duplicates > 0 {
                    " (a duplicate)"
                } else {
                    ""
                };
                Some(format!("{}{again}\n", printable(id)))
            }
            (false, false, None) => None,
        };
        if let Some(summary) = summary {
            output::text(&summary)?;
        }
        let all = self.accepted + self.duplicates + self.failed;
        match (self.failed, self.failures.pop()) {
            (0, _) => Ok(()),
            (_, Some(failure)) if !self.many => Err(Error::Refused(failure.error)),
            (failed, _) => Err(Error::Failed(failed, all)),
        }
    }

    fn summary(&self) -> String {
        let took = self.began.elapsed().as_secs_f64();
        let Self {
            accepted,
            duplicates,
            failed,
            ..
        } = self;
        format!(
            "{accepted} accepted, {duplicates} duplicates, {failed} failed, in {took:.2} s: {:.0} a second",
            self.rate(took)
        )
    }

    fn object(&self) -> Value {
        let took = self.began.elapsed().as_secs_f64();
        let mut object = json!({
            "accepted": self.accepted,
            "duplicates": self.duplicates,
            "failed": self.failed,
            "seconds": took,
            "rate": self.rate(took),
            "failures": self.failures,
        });
        if let (false, Some(id)) = (self.many, &self.id) {
            object["id"] = json!(id);
        }
        if let Some(why) = &self.ended {
            object["ended"] = json!(why);
        }
        object
    }

    fn rate(&self, took: f64) -> f64 {
        (self.accepted + self.duplicates) as f64 / took.max(0.001)
    }
}
