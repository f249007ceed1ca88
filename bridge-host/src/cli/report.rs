//! Prints errors for all commands to standard error, in colour on a terminal. No other
//! module formats errors.

use std::error::Error;
use std::io::{self, IsTerminal};
use std::process::ExitCode;

use super::output;
use crate::config::{Environment, Fault, ProcessEnvironment, SourceLocation};
use crate::printable::{beginning, printable, printable_lines};

/// The command failed.
const FAILED: u8 = 1;
/// The arguments are wrong.
const USAGE: u8 = 2;
/// The config has errors (`EX_CONFIG`).
const BAD_CONFIG: u8 = 78;

/// Prints an error with its causes.
pub(super) fn failure(error: &dyn Error) -> ExitCode {
    output::note(&Style::of_stderr().failure(error));
    ExitCode::from(FAILED)
}

/// Prints an error about the arguments.
pub(super) fn refusal(error: &dyn Error) -> ExitCode {
    output::note(&Style::of_stderr().failure(error));
    ExitCode::from(USAGE)
}

/// Prints all errors of a config.
pub(super) fn faults(faults: &[Fault]) -> ExitCode {
    output::note(&Style::of_stderr().faults(faults));
    bad_config()
}

/// Prints all errors of a command's arguments.
pub(super) fn arguments(command: &str, faults: &[Fault]) -> ExitCode {
    let style = Style::of_stderr();
    for fault in faults {
        output::note(&format!("{}\n", style.fault(fault)));
    }
    let more = format!("For more information, try 'bridge-host {command} --help'.\n");
    output::note(&more);
    ExitCode::from(USAGE)
}

/// Returns the exit code for a config with errors that were printed otherwise.
pub(super) fn bad_config() -> ExitCode {
    ExitCode::from(BAD_CONFIG)
}

/// The style of the output: with or without colour.
struct Style {
    colour: bool,
}

impl Style {
    fn of_stderr() -> Self {
        let unwanted = ProcessEnvironment
            .variable("NO_COLOR")
            .is_some_and(|value| !value.is_empty());
        Self {
            colour: io::stderr().is_terminal() && !unwanted,
        }
    }

    fn failure(&self, error: &dyn Error) -> String {
        let mut text = self.headline(&error.to_string());
        let mut above = error.to_string();
        let mut cause = error.source();
        while let Some(error) = cause {
            let reason = error.to_string();
            // Some errors contain the text of their cause.
            if !above.contains(&reason) {
                text.push_str(&self.note("because", &reason, ""));
            }
            above = reason;
            cause = error.source();
        }
        text
    }

    fn faults(&self, faults: &[Fault]) -> String {
        let mut text = String::new();
        for fault in faults {
            text.push_str(&self.fault(fault));
            text.push('\n');
        }
        let count = match faults.len() {
            1 => "1 error".into(),
            many => format!("{many} errors"),
        };
        text + &self.headline(&format!("{count} found"))
    }

    fn fault(&self, fault: &Fault) -> String {
        let (what, details) = match fault.what.split_once('\n') {
            Some((what, details)) => (what, Some(details)),
            None => (fault.what.as_str(), None),
        };
        let mut text = self.headline(what);
        let margin = match &fault.location {
            Some(location) => {
                text.push_str(&self.excerpt(location));
                " ".repeat(location.line.to_string().len() + 1)
            }
            None => " ".into(),
        };
        for detail in details.into_iter().flat_map(str::lines) {
            text.push_str(&format!(
                "{margin}{} {}\n",
                self.blue("|"),
                harmless(detail)
            ));
        }
        if let Some(help) = &fault.help {
            text.push_str(&self.note("help", help, &margin));
        }
        text
    }

    /// Returns the line with carets below the location.
    fn excerpt(&self, location: &SourceLocation) -> String {
        let number = location.line.to_string();
        let margin = " ".repeat(number.len());
        let bar = self.blue("|");
        format!(
            "{margin}{} {}:{}:{}\n{margin} {bar}\n{} {bar} {}\n{margin} {bar} {}{}\n",
            self.blue("-->"),
            printable(&location.file),
            location.line,
            location.column,
            self.blue(&number),
            location.shown,
            " ".repeat(location.indent),
            self.red(&"^".repeat(location.width)),
        )
    }

    fn headline(&self, what: &str) -> String {
        format!("{}: {}\n", self.red("error"), harmless(what))
    }

    fn note(&self, kind: &str, text: &str, margin: &str) -> String {
        let sign = if margin.is_empty() { " " } else { "=" };
        let under = format!("\n{margin}   ");
        let text = harmless(text).replace('\n', &under);
        format!("{margin}{} {kind}: {text}\n", self.blue(sign))
    }

    fn red(&self, text: &str) -> String {
        self.paint("1;31", text)
    }

    fn blue(&self, text: &str) -> String {
        self.paint("1;34", text)
    }

    fn paint(&self, code: &str, text: &str) -> String {
        match self.colour {
            true => format!("\x1b[{code}m{text}\x1b[0m"),
            false => text.into(),
        }
    }
}

/// The most characters of one text that are printed.
const LONGEST_SHOWN: usize = 4000;

/// Returns a text that may come from outside, shortened and safe to print.
fn harmless(text: &str) -> String {
    printable_lines(&beginning(text, LONGEST_SHOWN)).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("cannot start")]
    struct Outer(#[source] Inner);

    #[derive(Debug, thiserror::Error)]
    #[error("the disk is full")]
    struct Inner;

    const PLAIN: Style = Style { colour: false };

    #[test]
    fn causes_follow() {
        assert_eq!(
            PLAIN.failure(&Outer(Inner)),
            "error: cannot start\n  because: the disk is full\n"
        );
    }

    #[test]
    fn a_fault_shows_its_line() {
        let location = SourceLocation {
            line: 12,
            column: 5,
            file: "bridge.toml".into(),
            shown: "a = 7".into(),
            indent: 4,
            width: 1,
        };
        let fault = Fault::new(Some(location), "`a` is a string\n  not 7", Some("quote it"));
        let expected = "error: `a` is a string
  --> bridge.toml:12:5
   |
12 | a = 7
   |     ^
   |   not 7
   = help: quote it
";
        assert_eq!(PLAIN.fault(&fault), expected);
        let colourful = Style { colour: true }.fault(&fault);
        assert!(colourful.contains("\x1b[1;31m^\x1b[0m"), "{colourful}");
    }
}
