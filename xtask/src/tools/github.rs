//! The webhook payloads that GitHub shows in its documentation, from the npm
//! package that collects them: target/fixtures/github.ndjson, one message a
//! line, each payload letter for letter but for the space between its tokens.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::value::RawValue;

use super::need;
use crate::Result;
use crate::workspace::{self, say};

const PACKAGE: &str = "@octokit/webhooks-examples@7.6.1";

/// How many payloads this version holds.
const PAYLOADS: usize = 329;

/// One kind of event: its name, its examples and more.
type Event<'a> = BTreeMap<&'a str, &'a RawValue>;

/// Fetches the package where its messages are missing.
pub fn ensure(root: &Path) -> Result {
    let fixtures = root.join("target/fixtures");
    let messages = fixtures.join("github.ndjson");
    if messages.is_file() {
        return Ok(());
    }
    let remedy = "the tests need npm (Debian: apt-get install npm; or from nodejs.org)";
    need("npm", &["--version"], remedy)?;
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
    let unlike = |e: serde_json::Error| format!("{PACKAGE} does not look as it did: {e}");
    let events: Vec<Event> = serde_json::from_str(index).map_err(unlike)?;
    let mut lines = Vec::new();
    for event in events {
        let field = |name| event.get(name).map_or("null", |raw: &&RawValue| raw.get());
        let name: String = serde_json::from_str(field("name")).map_err(unlike)?;
        let examples: Vec<&RawValue> = serde_json::from_str(field("examples")).map_err(unlike)?;
        for (n, payload) in examples.iter().enumerate() {
            lines.push(format!(
                r#"{{"topic":"github.{name}","id":"github-{name}-{n}","content-type":"application/json","data":{}}}"#,
                one_line(payload.get())
            ));
        }
    }
    Ok(lines)
}

/// JSON without the space between its tokens, everything else untouched.
fn one_line(json: &str) -> String {
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
    fn only_space_between_tokens_goes() {
        let json = "{\n  \"a b\": [1.50, \"c \\\" d\\\\\"],\n  \"\\u00e9\": 1e3 }";
        assert_eq!(one_line(json), r#"{"a b":[1.50,"c \" d\\"],"\u00e9":1e3}"#);
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
