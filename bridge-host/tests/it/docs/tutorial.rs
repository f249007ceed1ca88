//! docs/getting-started.md to the letter: every command runs, and prints what the
//! page shows. `BLESS=1` writes what was printed into the page.

use std::collections::BTreeMap;
use std::fs;
use std::time::{Duration, Instant};

use super::markdown::{Block, blocks, root};
use super::programs::{self, share_target};
use super::shown_output::matches;
use super::terminal_session::Session;
use crate::harness::{PATIENCE, ReservedAddress};

const PAGE: &str = "docs/getting-started.md";
const RENEW: &str = "renew it: BLESS=1 cargo xtask test tutorial";

/// Commands that may be repeated.
const QUERIES: [&str; 2] = ["$ bridge-host ledger", "$ bridge-host dead-letters list"];

/// When the page is renewed, a command that goes on has printed everything by then.
const SETTLED: Duration = Duration::from_secs(8);

#[test]
fn the_tutorial_prints_what_it_shows() {
    let page = fs::read_to_string(root().join(PAGE)).expect("the tutorial");
    let mut reader = Reader::new();
    let mut seen = Vec::new();
    for block in blocks(&page) {
        let text = reader.follow(&block);
        seen.push((block, text));
    }
    for (name, terminal) in &mut reader.terminals {
        assert!(
            !terminal.is_busy(),
            "the tutorial stops nothing in the terminal {name:?}"
        );
        let unshown = terminal.unread();
        assert!(unshown.is_empty(), "{name:?} also printed {unshown:#?}");
    }
    assert!(
        reader.commands > 15,
        "only {} commands ran",
        reader.commands
    );
    if std::env::var_os("BLESS").is_some() {
        fs::write(root().join(PAGE), renewed(&page, &seen)).expect("the tutorial is written");
    }
}

/// The page with other texts in its blocks.
fn renewed(page: &str, seen: &[(Block, String)]) -> String {
    let lines: Vec<_> = page.lines().collect();
    let (mut text, mut next) = (String::new(), 0);
    for (block, seen) in seen {
        for line in &lines[next..block.line] {
            text += &format!("{line}\n");
        }
        text += seen;
        next = block.line + block.text.lines().count();
    }
    for line in &lines[next..] {
        text += &format!("{line}\n");
    }
    text
}

/// Someone who does what the tutorial says. Only the two addresses are replaced,
/// so that the test keeps to free ports.
struct Reader {
    folder: tempfile::TempDir,
    path: String,
    addresses: [(&'static str, ReservedAddress); 2],
    terminals: BTreeMap<String, Session>,
    commands: usize,
}

impl Reader {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let (programs, home) = (folder.path().join("bin"), folder.path().join("home"));
        fs::create_dir(&home).expect("a folder");
        let addresses = ["127.0.0.1:9000", "127.0.0.1:8484"];
        let addresses = addresses.map(|shown| (shown, ReservedAddress::new()));
        let [endpoint, intake] = addresses.each_ref().map(|(_, real)| real.address);
        programs::write(&programs, endpoint, intake);
        let path = std::env::var("PATH").expect("a path");
        Self {
            path: format!("{}:{path}", programs.display()),
            folder,
            addresses,
            terminals: BTreeMap::new(),
            commands: 0,
        }
    }

    /// Does what a block says, and returns its text as it should be shown.
    fn follow(&mut self, block: &Block) -> String {
        let (language, rest) = block.info.split_once(' ').unwrap_or((&block.info, ""));
        match language {
            "console" => self.type_in(rest, block),
            // Installation commands are not run: the test has the real binary.
            _ if rest.is_empty() => block.text.clone(),
            _ => {
                let file = self.terminal("").folder().join(rest);
                assert!(file.exists(), "{PAGE}:{}: nothing to replace", block.line);
                fs::write(file, &block.text).expect("the file is written");
                block.text.clone()
            }
        }
    }

    fn type_in(&mut self, terminal: &str, block: &Block) -> String {
        let mut seen = String::new();
        for (command, shown) in parts(&block.text) {
            if let Some(command) = &command {
                self.run(terminal, command);
                seen += &format!("{command}\n");
            }
            let mut printed = self.printed(terminal, &shown);
            // A delivery that was seen to arrive may be counted a moment later.
            let began = Instant::now();
            while let Some(command) = &command
                && QUERIES.contains(&command.as_str())
                && !matches(&shown, &printed)
                && began.elapsed() < SETTLED
            {
                self.run(terminal, command);
                printed = self.printed(terminal, &shown);
            }
            let is_same = matches(&shown, &printed);
            assert!(
                is_same || is_blessed(),
                "{PAGE}:{}: {command:?} printed\n{}\nand not\n{}\n{RENEW}",
                block.line,
                printed.join("\n"),
                shown.join("\n")
            );
            for line in if is_same { shown } else { printed } {
                seen += &format!("{line}\n");
            }
        }
        seen
    }

    /// Runs a line with its prompt, or `^C`.
    fn run(&mut self, terminal: &str, line: &str) {
        self.commands += 1;
        let real = self.with_real_addresses(line);
        let session = self.terminal(terminal);
        let Some(command) = real.strip_prefix("$ ") else {
            return session.interrupt();
        };
        session.start(command);
        if command.starts_with("cd ") {
            share_target(session.folder());
        }
        // Only the first terminal is needed again at once.
        let is_done = !terminal.is_empty() || session.wait();
        assert!(is_done, "{command} failed: {:#?}", session.unread());
    }

    /// What a terminal printed, with the addresses that the page shows; of a
    /// command that goes on, once it printed what is shown.
    fn printed(&mut self, terminal: &str, shown: &[String]) -> Vec<String> {
        let patience = if is_blessed() { SETTLED } else { PATIENCE };
        let began = Instant::now();
        loop {
            let session = self.terminal(terminal);
            let (printed, is_busy) = (session.unread(), session.is_busy());
            let printed = printed.iter().map(|line| self.with_shown_addresses(line));
            let printed: Vec<_> = printed.collect();
            let is_done = matches(shown, &printed) && !is_blessed();
            if !is_busy || is_done || began.elapsed() > patience {
                self.terminal(terminal).read(printed.len());
                return printed;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn with_real_addresses(&self, line: &str) -> String {
        let addresses = self.addresses.iter();
        addresses.fold(line.to_owned(), |line, (shown, real)| {
            line.replace(shown, &real.address.to_string())
        })
    }

    fn with_shown_addresses(&self, line: &str) -> String {
        let addresses = self.addresses.iter();
        addresses.fold(line.to_owned(), |line, (shown, real)| {
            line.replace(&real.address.to_string(), shown)
        })
    }

    fn terminal(&mut self, name: &str) -> &mut Session {
        let output = self.folder.path().join(format!("output-{name}"));
        let new = || Session::new(&self.folder.path().join("home"), &self.path, output);
        self.terminals.entry(name.into()).or_insert_with(new)
    }
}

fn is_blessed() -> bool {
    std::env::var_os("BLESS").is_some()
}

/// The commands of a block, or none for output that comes by itself, and the
/// lines that are shown below each.
fn parts(text: &str) -> Vec<(Option<String>, Vec<String>)> {
    let mut parts: Vec<(Option<String>, Vec<String>)> = Vec::new();
    for line in text.lines() {
        if line.starts_with("$ ") || line == "^C" {
            parts.push((Some(line.into()), Vec::new()));
            continue;
        }
        if parts.is_empty() {
            parts.push((None, Vec::new()));
        }
        let (_, shown) = parts.last_mut().expect("a part");
        shown.push(line.into());
    }
    parts
}
