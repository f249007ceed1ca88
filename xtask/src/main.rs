//! The tasks that cargo cannot do alone, as `cargo xtask …`: components, tests
//! with their tools, the demo. No code of the product is here.

mod bench;
mod demo;
mod diagrams;
mod faults;
mod guests;
mod http;
mod memory;
mod process;
mod test;
mod tidy;
mod tools;
mod workspace;

use std::path::Path;
use std::process::ExitCode;

/// An error is a sentence for the user who typed the command.
type Result<T = ()> = std::result::Result<T, String>;

const USAGE: &str = "\
Usage: cargo xtask <COMMAND>

  demo            send messages through the real bridge, kill it in the middle, and show that none is lost
  test [FILTER]   install the tools that tests need, and run the tests whose names contain FILTER
  guests          build every component to target/guests
  bench           compare the bridge with a native forwarder
  bench threads   the same with a subscription on two threads
  bench handler   compare the ways to reach an HTTP handler
  bench peers     compare the bridge with a Node and a Python forwarder, on JetStream
  faults          run the fault tests on JetStream and Redis with outages of realistic length
  memory [COUNT]  send COUNT messages (200,000) through each durable broker, and watch the bridge's memory
  memory composed [COUNT]
                  the same through a filter, the adapter, an HTTP middleware and a handler in one file
  diagrams        render the sources in docs/diagrams to SVG
  tidy            check the rules of this repository
";

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    // Cargo's own option, which arrives here if it follows `xtask`.
    let words = words
        .iter()
        .map(String::as_str)
        .filter(|word| *word != "-q");
    let words: Vec<&str> = words.collect();
    let Some(task) = task(&words) else {
        eprint!("{USAGE}");
        return ExitCode::from(2);
    };
    match task(&workspace::root()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            eprintln!("xtask: {reason}");
            ExitCode::FAILURE
        }
    }
}

/// A command of this program, for the root of the repository.
type Task<'a> = Box<dyn FnOnce(&Path) -> Result + 'a>;

/// Returns what these words ask for.
fn task<'a>(words: &'a [&'a str]) -> Option<Task<'a>> {
    Some(match words {
        ["demo"] => Box::new(demo::run),
        ["test"] => Box::new(|root| test::run(root, None)),
        ["test", filter] => Box::new(|root| test::run(root, Some(filter))),
        ["guests"] => Box::new(guests::run),
        ["bench", arguments @ ..] => Box::new(|root| bench::run(root, arguments)),
        ["faults"] => Box::new(faults::run),
        ["memory"] => Box::new(|root| memory::run(root, "200000")),
        ["memory", "composed"] => Box::new(|root| memory::run_composed(root, "200000")),
        ["memory", "composed", count] => Box::new(|root| memory::run_composed(root, count)),
        ["memory", count] => Box::new(|root| memory::run(root, count)),
        ["diagrams"] => Box::new(diagrams::run),
        ["tidy"] => Box::new(tidy::run),
        ["help" | "--help" | "-h"] => Box::new(|_| {
            print!("{USAGE}");
            Ok(())
        }),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The words behind `cargo xtask` in a text, up to the end of the code.
    fn commands(text: &str) -> Vec<Vec<&str>> {
        let ends = ['`', '\n', '#', ')', '"', ':', ',', '.', '…'];
        let rest = text.split("cargo xtask ").skip(1);
        let command = rest.map(|rest| rest.split(ends).next().unwrap_or_default());
        command.map(|it| it.split_whitespace().collect()).collect()
    }

    #[test]
    fn every_command_of_the_documentation_exists() {
        let mut found = 0;
        for source in tidy::pages(&workspace::root()).unwrap() {
            for words in commands(&source.text) {
                found += 1;
                let exists = words.is_empty() || task(&words).is_some();
                assert!(exists, "{}: cargo xtask {}", source.path, words.join(" "));
            }
        }
        assert!(found > 10, "only {found} commands were found");
        assert!(task(&["frobnicate"]).is_none());
        assert_eq!(commands("run `cargo xtask test x` or"), [["test", "x"]]);
    }
}
