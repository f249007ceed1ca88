//! The webhook payloads from GitHub's documentation, taken from the npm package
//! that collects them. They go to target/fixtures/github.ndjson, one message in
//! each line, unchanged but for white space between tokens.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::value::RawValue;

use super::require;
use crate::Result;
use crate::workspace::{self, say};

const PACKAGE: &str = "@octokit/webhooks-examples@7.6.1";

/// How many payloads this version has.
const PAYLOADS: usize = 329;

/// A kind of event: its name, its examples and more.
type Event<'a> = BTreeMap<&'a str, &'a RawValue>;

/// Fetches the package if its messages are missing.
pub fn ensure(root: &Path) -> Result {
    let fixtures = root.join("target/fixtures");
    let messages = fixtures.join("github.ndjson");
    if messages.is_file() {
        return Ok(());
    }
    let remedy = "the tests need npm (Debian: apt-get install npm; or from nodejs.org)";
    require("npm", &["--version"], remedy)?;
    say(&format!("fetching {PACKAGE} to target/fixtures: once"));
    let unusable = |e| format!("cannot use {}: {e}", fixtures.display());
    fs::create_dir_all(&fixtures).map_err(unusable)?;
    let mut pack = Command::new("npm");
    pack.current_dir(&fixtures)
        .args(["pack", "--silent", PACKAGE]);
    let archive = workspace::output(&mut pack)?;
    let mut unpack = Command::new("tar");
    unpack.current_dir(&fixtures).args(["-xzf", archive.trim()]);
    workspace::run(&mut unpack)?;
    let index = fixtures.join("package/api.github.com/index.json");
    let text = fs::read_to_string(index).map_err(unusable)?;
    let lines = lines(&text)?;
    if lines.len() != PAYLOADS {
        return Err(format!(
            "{PACKAGE} holds {} payloads instead of {PAYLOADS}",
            lines.len()
        ));
    }
    fs::write(&messages, lines.join("\n") + "\n").map_err(unusable)
}

fn lines(index: &str) -> Result<Vec<String>> {
    let unexpected = |e: serde_json::Error| format!("{PACKAGE} has an unexpected format: {e}");
    let events: Vec<Event> = serde_json::from_str(index).map_err(unexpected)?;
    let mut lines = Vec::new();
    for event in events {
        let field = |name| event.get(name).map_or("null", |raw: &&RawValue| raw.get());
        let name: String = serde_json::from_str(field("name")).map_err(unexpected)?;
        let examples: Vec<&RawValue> =
            serde_json::from_str(field("examples")).map_err(unexpected)?;
        for (n, payload) in examples.iter().enumerate() {
            lines.push(format!(
                r#"{{"topic":"github.{name}","id":"github-{name}-{n}","content-type":"application/json","data":{}}}"#,
                minify(payload.get())
            ));
        }
    }
    Ok(lines)
}

/// Removes white space between tokens of JSON, and nothing else.
fn minify(json: &str) -> String {
    let (mut quoted, mut escaped) = (false, false);
    json.chars()
        .filter(|c| {
            let begins_or_ends = *c == '"' && !escaped;
            escaped = quoted && *c == '\\' && !escaped;
            quoted ^= begins_or_ends;
            quoted || !c.is_ascii_whitespace()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_white_space_between_tokens_is_removed() {
        let json = "{\n  \"a b\": [1.50, \"c \\\" d\\\\\"],\n  \"\\u00e9\": 1e3 }";
        assert_eq!(minify(json), r#"{"a b":[1.50,"c \" d\\"],"\u00e9":1e3}"#);
    }

    #[test]
    fn each_example_is_a_line() {
        let index = r#"[{"name":"push","actions":[],"examples":[{ "b": 1 },{}]},{"name":"ping","examples":[]}]"#;
        let lines = lines(index).unwrap();
        assert_eq!(lines.len(), 2);
        assert_eq!(
            lines[0],
            r#"{"topic":"github.push","id":"github-push-0","content-type":"application/json","data":{"b":1}}"#
        );
    }
}
