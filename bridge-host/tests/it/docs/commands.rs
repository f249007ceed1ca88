//! Every `bridge-host` command of the documentation parses: in blocks of shell
//! as a whole, in inline code as far as its names go.

use clap::Command;
use clap::error::ErrorKind;

use super::markdown::{Block, blocks, inline_code, pages, prose, root};
use super::shell_words;

#[test]
fn every_command_of_a_block_parses() {
    let mut faults = Vec::new();
    let mut found = 0;
    for (path, text) in pages() {
        for (line, command) in in_blocks(&text) {
            found += 1;
            let page = path.strip_prefix(root()).expect("a page of ours").display();
            let fault = parse_error(&command).map(|why| format!("{page}:{line}: {why}"));
            faults.extend(fault);
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    assert!(found > 40, "only {found} commands were found");
}

#[test]
fn every_command_in_inline_code_exists() {
    let mut faults = Vec::new();
    let mut found = 0;
    for (path, text) in pages() {
        for (line, prose) in prose(&text) {
            for code in inline_code(prose).filter(|code| code.starts_with("bridge-host ")) {
                found += 1;
                let page = path.strip_prefix(root()).expect("a page of ours").display();
                let fault = unknown_name(code).map(|why| format!("{page}:{line}: {why}"));
                faults.extend(fault);
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    assert!(found > 20, "only {found} commands were found");
}

#[test]
fn a_command_that_does_not_exist_is_found() {
    let page = "```console\n$ bridge-host publish a b | bridge-host frobnicate\noutput\n```\n    \
                $ bridge-host check --nonsense\n";
    let commands = in_blocks(page);
    let lines: Vec<_> = commands.iter().map(|(line, _)| *line).collect();
    assert_eq!(lines, [2, 2, 5]);
    let errors: Vec<_> = commands.iter().map(|(_, it)| parse_error(it)).collect();
    assert_eq!(errors[0], None);
    assert!(
        errors[1]
            .as_ref()
            .is_some_and(|why| why.contains("frobnicate"))
    );
    assert!(
        errors[2]
            .as_ref()
            .is_some_and(|why| why.contains("--nonsense"))
    );

    assert_eq!(unknown_name("bridge-host ledger forget NAME --yes"), None);
    assert_eq!(unknown_name("bridge-host new NAME --kind a|b"), None);
    assert!(unknown_name("bridge-host frobnicate").is_some());
    assert!(unknown_name("bridge-host ledger forgt").is_some());
    assert!(unknown_name("bridge-host check --nonsense").is_some());
}

/// The commands of the host in blocks of shell, with their lines.
fn in_blocks(text: &str) -> Vec<(usize, Vec<String>)> {
    let mut lines = Vec::new();
    for block in blocks(text) {
        let language = block.info.split(' ').next().unwrap_or_default();
        let numbered = whole_lines(&block).into_iter();
        match language {
            "sh" | "bash" => lines.extend(numbered),
            "console" => lines.extend(numbered.filter_map(after_prompt)),
            _ => {}
        }
    }
    let indented = prose(text)
        .into_iter()
        .filter(|(_, line)| line.starts_with("    "));
    let indented = indented.map(|(at, line)| (at, line.trim_start().to_owned()));
    lines.extend(indented.filter_map(after_prompt));
    let commands = lines.iter().flat_map(|(line, text)| {
        let commands = shell_words::commands(text).into_iter();
        commands.map(|command| (*line, command))
    });
    commands
        .filter(|(_, words)| words[0] == "bridge-host")
        .collect()
}

/// The lines of a block with their numbers; a line that ends with a backslash has
/// the next one with it.
fn whole_lines(block: &Block) -> Vec<(usize, String)> {
    let mut lines: Vec<(usize, String)> = Vec::new();
    for (at, line) in block.text.lines().enumerate() {
        match lines.last_mut() {
            Some((_, before)) if before.ends_with('\\') => *before += &format!("\n{line}"),
            _ => lines.push((block.line + 1 + at, line.to_owned())),
        }
    }
    lines
}

fn after_prompt((at, line): (usize, String)) -> Option<(usize, String)> {
    let command = line.strip_prefix("$ ")?;
    Some((at, command.to_owned()))
}

/// Why the command line does not take these words, if it does not.
fn parse_error(words: &[String]) -> Option<String> {
    let error = bridge_host::cli::command()
        .try_get_matches_from(words)
        .err()?;
    let is_help = matches!(
        error.kind(),
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion
    );
    let why = error.to_string();
    let why = why.lines().next().unwrap_or_default();
    (!is_help).then(|| format!("`{}`: {why}", words.join(" ")))
}

/// The first subcommand or option of this code that does not exist. Arguments
/// may be placeholders, such as NAME.
fn unknown_name(code: &str) -> Option<String> {
    let mut command = bridge_host::cli::command();
    command.build();
    let mut is_value = false;
    for word in code.split_whitespace().skip(1) {
        let option = word.trim_start_matches('[').strip_prefix("--");
        let option = option.map(|it| it.split(['=', ']']).next().unwrap_or(it));
        let known = match (option, command.find_subcommand(word)) {
            (Some(option), _) => has_option(&command, option),
            (None, Some(next)) => {
                command = next.clone();
                true
            }
            (None, None) => {
                let is_placeholder = word.chars().all(|c| c.is_ascii_uppercase());
                is_placeholder || is_value || command.get_positionals().next().is_some()
            }
        };
        if !known {
            return Some(format!("`{code}`: {word} does not exist"));
        }
        is_value = option.is_some();
    }
    None
}

fn has_option(command: &Command, option: &str) -> bool {
    let mut options = command.get_arguments().filter_map(clap::Arg::get_long);
    options.any(|known| known == option)
}
