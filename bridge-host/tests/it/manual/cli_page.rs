//! docs/reference/cli.md, which consists of the `--help` of each command. `BLESS=1`
//! renews it.

use std::fs;
use std::process::Command;

use super::root;
use crate::harness::binary;

const INTRODUCTION: &str = "\
# Command line

Every command of `bridge-host` and its options, as `bridge-host COMMAND --help` prints them. `bridge-host man` writes the same as
manual pages, and `bridge-host completions` writes completions for shells. [Deployment](../deployment.md#stopping-signals-and-exit-codes)
lists the exit codes.
";

/// Returns what `--help` prints for the command with these names.
fn help(names: &[&str]) -> String {
    let mut command = Command::new(binary());
    command.args(names).arg("--help").env_remove("COLUMNS");
    let output = command.output().expect("the binary runs");
    assert!(output.status.success(), "{names:?}: {output:?}");
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    let lines = text.lines().map(|line| format!("{}\n", line.trim_end()));
    lines.collect()
}

/// Returns the names of the subcommands that a help text lists.
fn subcommands(help: &str) -> Vec<String> {
    let lines = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    let lines = lines.take_while(|line| !line.is_empty());
    let names = lines.filter(|line| line.starts_with("  ") && !line.starts_with("   "));
    let names = names.filter_map(|line| line.split_whitespace().next());
    names
        .filter(|name| *name != "help")
        .map(str::to_owned)
        .collect()
}

/// Appends the section of a command, and the sections of its subcommands.
fn append(page: &mut String, names: &[&str]) {
    let help = help(names);
    let title = ["bridge-host"].iter().chain(names);
    let title: Vec<_> = title.copied().collect();
    *page += &format!("\n## {}\n\n```text\n{help}```\n", title.join(" "));
    for name in subcommands(&help) {
        let names: Vec<_> = names.iter().copied().chain([&*name]).collect();
        append(page, &names);
    }
}

#[test]
fn the_page_of_commands_is_what_help_prints() {
    let mut made = INTRODUCTION.to_owned();
    append(&mut made, &[]);
    let sections = made.matches("\n## bridge-host").count();
    assert!(sections >= 18, "{sections} commands");
    let file = root().join("docs/reference/cli.md");
    if std::env::var_os("BLESS").is_some() {
        fs::write(&file, &made).expect("the page is written");
    }
    let found = fs::read_to_string(&file).unwrap_or_default();
    assert!(
        found == made,
        "docs/reference/cli.md is stale; renew it: BLESS=1 cargo xtask test manual"
    );
}
