//! What is shown while messages are published, and at the end.

use std::io::{IsTerminal, Write, stderr, stdout};
use std::time::{Duration, Instant};

use serde::Serialize;
use serde_json::{Value, json};

use super::Error;
use super::answer::Answer;

/// The line on the terminal is written again this often.
const INTERVAL: Duration = Duration::from_millis(100);

/// Counts answers, and shows them.
pub(super) struct Progress {
    began: Instant,
    many: bool,
    json: bool,
    live: bool,
    shown: Option<Instant>,
    accepted: u64,
    duplicates: u64,
    /// Of one message alone.
    id: Option<String>,
    failures: Vec<Failure>,
    failed: u64,
}

#[derive(Serialize)]
struct Failure {
    line: u64,
    error: String,
}

/// So many failures are kept for the JSON summary; all are told as they come.
const KEPT: usize = 1000;

impl Progress {
    /// Of one message, or of many.
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
        }
    }

    /// Counts one answer.
    pub fn take(&mut self, line: u64, answer: Answer) {
        match answer {
            Answer::Accepted { id, duplicate } => {
                match duplicate {
                    true => self.duplicates += 1,
                    false => self.accepted += 1,
                }
                self.id = Some(id);
                self.show();
            }
            Answer::Refused { reason, .. } => self.fail(line, &reason),
        }
    }

    /// Counts a line that did not make it, and tells why.
    pub fn fail(&mut self, line: u64, reason: &str) {
        self.failed += 1;
        if self.failures.len() < KEPT {
            self.failures.push(Failure {
                line,
                error: reason.into(),
            });
        }
        self.clear();
        if self.many {
            eprintln!("line {line}: {reason}");
        }
    }

    fn show(&mut self) {
        let now = Instant::now();
        let recent = |shown: Instant| now.duration_since(shown) < INTERVAL;
        if self.live && !self.shown.is_some_and(recent) {
            eprint!("\r\x1b[K{}", self.summary());
            // Progress that cannot be shown is no reason to stop.
            let _ = stderr().flush();
            self.shown = Some(now);
        }
    }

    fn clear(&mut self) {
        if self.shown.take().is_some() {
            eprint!("\r\x1b[K");
        }
    }

    /// Shows the summary. Anything that failed is an error.
    pub fn end(mut self) -> Result<(), Error> {
        self.clear();
        let told = match (self.json, self.many, &self.id) {
            (true, ..) => Some(self.object().to_string()),
            (false, true, _) => Some(self.summary()),
            (false, false, Some(id)) if self.duplicates > 0 => Some(format!("{id} (a duplicate)")),
            (false, false, id) => id.clone(),
        };
        if let Some(told) = told {
            // A reader that went away does not undo what was published.
            let _ = writeln!(stdout(), "{told}");
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
        object
    }

    fn rate(&self, took: f64) -> f64 {
        (self.accepted + self.duplicates) as f64 / took.max(0.001)
    }
}
