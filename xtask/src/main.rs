//! What cargo cannot do alone, as `cargo xtask …`: components, tests with the
//! tools they need, the demo. What belongs to the product stays out.

mod bench;
mod demo;
mod faults;
mod guests;
mod http;
mod memory;
mod process;
mod test;
mod tidy;
mod tools;
mod workspace;

use std::process::ExitCode;

/// What went wrong, as a sentence for whoever typed the command.
type Result<T = ()> = std::result::Result<T, String>;

const USAGE: &str = "\
Usage: cargo xtask <COMMAND>

  demo            messages through the real thing, killed in the middle, and what became of them
  test [FILTER]   everything that can be tested, with the tools it needs
  guests          builds every component to target/guests
  bench [ARG]…    the benchmark, beside a native forwarder
  faults          what NATS and the bridges on it go through, for a minute each, and what is lost
  memory [COUNT]  so many messages (200,000) through each durable broker, and the bridge's memory meanwhile
  memory composed [COUNT]
                  the same through a filter, the adapter, an HTTP middleware and a handler in one file
  tidy            the rules of the house, checked as text
";

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    // Cargo's own option, which lands here where it is written behind `xtask`.
    let words = words
        .iter()
        .map(String::as_str)
        .filter(|word| *word != "-q");
    let words: Vec<&str> = words.collect();
    let root = workspace::root();
    let result = match words.as_slice() {
        ["demo"] => demo::run(&root),
        ["test"] => test::run(&root, None),
        ["test", filter] => test::run(&root, Some(filter)),
        ["guests"] => guests::run(&root),
        ["bench", arguments @ ..] => bench::run(&root, arguments),
        ["faults"] => faults::run(&root),
        ["memory"] => memory::run(&root, "200000"),
        ["memory", "composed"] => memory::run_composed(&root, "200000"),
        ["memory", "composed", count] => memory::run_composed(&root, count),
        ["memory", count] => memory::run(&root, count),
        ["tidy"] => tidy::run(&root),
        ["help" | "--help" | "-h"] => {
            print!("{USAGE}");
            Ok(())
        }
        _ => {
            eprint!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            eprintln!("xtask: {reason}");
            ExitCode::FAILURE
        }
    }
}
