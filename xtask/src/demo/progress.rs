//! The progress display: one line that changes on a terminal, and otherwise one
//! line per second.

use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

use super::bridge::Ledger;

/// The progress display.
pub struct Progress {
    began: Instant,
    shown: Option<Instant>,
    terminal: bool,
}

impl Progress {
    /// Creates a display that counts time from `began`.
    pub fn new(began: Instant) -> Self {
        Self {
            began,
            shown: None,
            terminal: io::stdout().is_terminal(),
        }
    }

    /// Shows the progress, if it is time to.
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

    /// Prints a line that stays.
    pub fn say(&mut self, text: &str) {
        self.print(&format!(
            "{:5.1} s  {text}",
            self.began.elapsed().as_secs_f64()
        ));
        self.end();
    }

    /// Ends the display, and leaves its last line.
    pub fn end(&mut self) {
        if self.terminal {
            println!();
        }
    }

    fn print(&self, line: &str) {
        if self.terminal {
            print!("\r\x1b[2K{line}");
            // A failure to print must not end the demo.
            _ = io::stdout().flush();
        } else {
            println!("{line}");
        }
    }
}
