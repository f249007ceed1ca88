//! What a person sees while it runs: one line that changes on a terminal, a
//! line a second elsewhere.

use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

use super::bridge::Ledger;

/// The display.
pub struct Progress {
    began: Instant,
    shown: Option<Instant>,
    terminal: bool,
}

impl Progress {
    /// Counts time from `began`.
    pub fn new(began: Instant) -> Self {
        Self {
            began,
            shown: None,
            terminal: io::stdout().is_terminal(),
        }
    }

    /// Shows how far it is, where it is time to.
    pub fn show(&mut self, ledger: &Ledger) {
        let pause = Duration::from_secs(1);
        if !self.terminal && self.shown.is_some_and(|last| last.elapsed() < pause) {
            return;
        }
        self.shown = Some(Instant::now());
        let Ledger {
            accepted,
            delivered,
            filtered,
            dead_lettered,
            pending,
            ..
        } = ledger;
        // Short enough for 80 columns: a line that wraps cannot be overwritten.
        let line = format!(
            "{:5.1} s  {accepted} accepted = {delivered} delivered + {filtered} filtered + {dead_lettered} dead + {pending} pending",
            self.began.elapsed().as_secs_f64(),
        );
        self.print(&line);
    }

    /// A line that stays.
    pub fn say(&mut self, text: &str) {
        self.print(&format!(
            "{:5.1} s  {text}",
            self.began.elapsed().as_secs_f64()
        ));
        self.end();
    }

    /// Leaves the line as it is.
    pub fn end(&mut self) {
        if self.terminal {
            println!();
        }
    }

    fn print(&self, line: &str) {
        if self.terminal {
            print!("\r\x1b[2K{line}");
            // A display that cannot be written is no reason to stop.
            _ = io::stdout().flush();
        } else {
            println!("{line}");
        }
    }
}
