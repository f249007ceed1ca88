//! Compares the declarations of settings with the documentation and the JSON Schema that
//! are made of them. `BLESS=1` renews stale files.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use bridge_host::config::CONFIG;
use bridge_host::schema::{Kind, Table, markdown};

use crate::harness::binary;

const RENEW: &str = "renew it: BLESS=1 cargo xtask test settings";
const BEGIN: &str = "<!-- settings: ";
const END: &str = "<!-- end of settings -->\n";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn run(arguments: &[&str], folder: &Path) -> (Option<i32>, String, String) {
    let mut command = Command::new(binary());
    command.args(arguments).current_dir(folder);
    let Output {
        status,
        stdout,
        stderr,
    } = command.output().expect("the tool runs");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
    (status.code(), text(stdout), text(stderr))
}

/// Fails if a file differs from `made`; with `BLESS`, writes it.
#[track_caller]
fn is_current(file: &Path, made: &str) {
    if std::env::var_os("BLESS").is_some() {
        fs::write(file, made).expect("the file is written");
    }
    let found = fs::read_to_string(file).unwrap_or_default();
    assert!(found == made, "{} is stale; {RENEW}", file.display());
}

/// Returns the rows of a table; `a without b` leaves out the rows of b.
fn rows(name: &str) -> String {
    let (path, without) = match name.split_once(" without ") {
        Some((path, without)) => (path, CONFIG.at(without)),
        None => (name, None),
    };
    let table: &'static Table = CONFIG.at(path).expect(path);
    let others = without.map(markdown).unwrap_or_default();
    let others: Vec<_> = others.lines().skip(2).collect();
    let rows = markdown(table);
    let rows = rows.lines().filter(|row| !others.contains(row));
    rows.map(|row| format!("{row}\n")).collect()
}

#[test]
fn the_tables_of_the_documentation_are_those_of_the_declarations() {
    let file = root().join("docs/reference/configuration.md");
    let text = fs::read_to_string(&file).expect("the page");
    let mut made = String::new();
    let mut rest = text.as_str();
    let mut tables = 0;
    while let Some((before, after)) = rest.split_once(BEGIN) {
        let (name, after) = after.split_once(" -->\n").expect("a name");
        let (_, after) = after.split_once(END).expect("an end");
        made += &format!("{before}{BEGIN}{name} -->\n\n{}\n{END}", rows(name));
        rest = after;
        tables += 1;
    }
    assert!(tables >= 12, "{tables} tables are made");
    is_current(&file, &(made + rest));
}

/// Returns each setting whose value is one of a few words, as key, words and documentation.
fn choices(table: &'static Table) -> Vec<(&'static str, Vec<&'static str>, &'static str)> {
    let mut found = Vec::new();
    for setting in table.settings() {
        if let Kind::Choice(words) = setting.kind {
            found.push((setting.key, words(), setting.doc));
        }
        for inner in setting.kind.tables() {
            found.extend(choices(inner));
        }
    }
    found
}

#[test]
fn the_documentation_of_a_choice_has_all_of_its_words() {
    let choices = choices(CONFIG);
    assert!(choices.len() >= 8, "{choices:?}");
    for (key, words, doc) in choices {
        for word in words {
            assert!(doc.contains(&format!("\"{word}\"")), "{key}: {word}");
        }
    }
}

#[test]
fn the_schema_in_the_repository_is_that_of_the_declarations() {
    let (code, schema, _) = run(&["schema"], &root());
    assert_eq!(code, Some(0));
    is_current(&root().join("docs/bridge.schema.json"), &schema);
}

/// Returns all valid configs of the repository, and some invalid ones.
fn configs() -> (Vec<PathBuf>, Vec<PathBuf>) {
    let mut valid = Vec::new();
    for example in fs::read_dir(root().join("examples")).expect("examples") {
        let config = example.expect("an example").path().join("bridge.toml");
        valid.extend(config.is_file().then_some(config));
    }
    let cases = root().join("bridge-host/tests/config");
    for case in fs::read_dir(&cases).expect("cases") {
        let case = case.expect("a case").path();
        let name = case
            .file_name()
            .and_then(|name| name.to_str())
            .expect("UTF-8");
        let is_valid = name.contains("-valid") && name.ends_with(".toml");
        valid.extend(is_valid.then_some(case.clone()));
    }
    let wrong = [
        "01-unknown-key",
        "05-missing-name",
        "25-durations-and-sizes",
        "34-wrong-kinds",
        "41-flow",
        "51-nats",
        "55-threads",
    ];
    let wrong = wrong.map(|name| cases.join(name).with_extension("toml"));
    (valid, wrong.into())
}

/// Writes configs with keys of an HTTP handler on endpoints that cannot have them.
fn misplaced_handler_keys(folder: &Path) -> Vec<PathBuf> {
    let endpoints = [
        "to = { url = \"http://h/\", component = \"a.wasm\" }",
        "to = { url = \"http://h/\", reuse = true }",
        "to = { path = \"/orders\" }",
        "component = \"a.wasm\"\nendpoints = { shop = { component = \"b.wasm\" } }",
    ];
    let write = |(n, lines): (usize, &&str)| {
        let file = folder.join(format!("{n}.toml"));
        let text = format!("[[subscriptions]]\nname = \"a\"\ntopics = [\"a\"]\n{lines}\n");
        fs::write(&file, text).expect("a config");
        file
    };
    endpoints.iter().enumerate().map(write).collect()
}

/// Validates with the Python package jsonschema.
const VALIDATE: &str = r#"
import json, sys, tomllib
from jsonschema import Draft202012Validator
schema = json.load(open(sys.argv[1]))
Draft202012Validator.check_schema(schema)
for file in sys.argv[2:]:
    with open(file, "rb") as config:
        errors = list(Draft202012Validator(schema).iter_errors(tomllib.load(config)))
    print("wrong" if errors else "valid", file, "; ".join(e.message[:200] for e in errors))
"#;

#[test]
fn editors_accept_what_check_accepts() {
    let (valid, mut wrong) = configs();
    assert!(valid.len() >= 12, "{valid:?}");
    let starter = tempfile::tempdir().expect("a folder");
    wrong.extend(misplaced_handler_keys(starter.path()));
    run(&["init"], starter.path());
    let python = root().join("target/tools/python/bin/python");
    let output = Command::new(python)
        .args(["-c", VALIDATE])
        .arg(root().join("docs/bridge.schema.json"))
        .arg(starter.path().join("bridge.toml"))
        .args(&valid)
        .args(&wrong)
        .output()
        .expect("`cargo xtask test` brings Python and jsonschema");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{error}");
    let lines: Vec<_> = said.lines().collect();
    assert_eq!(lines.len(), 1 + valid.len() + wrong.len(), "{said}");
    let (first, last) = lines.split_at(1 + valid.len());
    assert!(
        first.iter().all(|line| line.starts_with("valid ")),
        "{said}"
    );
    assert!(last.iter().all(|line| line.starts_with("wrong ")), "{said}");
}

#[test]
fn init_writes_a_config_that_is_valid_and_leaves_others_alone() {
    let folder = tempfile::tempdir().expect("a folder");
    let (code, told, error) = run(&["init"], folder.path());
    assert_eq!(code, Some(0), "{error}");
    assert!(told.contains("bridge.toml\n"), "{told}");
    let (code, shown, error) = run(&["check"], folder.path());
    assert_eq!(code, Some(0), "{error}");
    assert!(shown.contains("subscription example"), "{shown}");

    let written = fs::read_to_string(folder.path().join("bridge.toml")).expect("a config");
    assert!(
        written.starts_with("#:schema bridge.schema.json\n"),
        "{written}"
    );
    assert!(written.contains("\n# max_in_flight = 64\n"), "{written}");
    for kind in bridge_host::broker::ALL {
        let section = match kind.name {
            "embedded" => "\n[connections.embedded]\n".to_owned(),
            name => format!("\n# type = \"{name}\"\n"),
        };
        assert!(written.contains(&section), "{section}");
    }
    let (_, schema, _) = run(&["schema"], folder.path());
    let beside = fs::read_to_string(folder.path().join("bridge.schema.json"));
    assert_eq!(beside.expect("a schema"), schema);

    fs::write(folder.path().join("bridge.toml"), "# mine\n").expect("a file");
    let (code, _, error) = run(&["init"], folder.path());
    assert_eq!(code, Some(1));
    assert!(error.contains("bridge.toml exists already"), "{error}");
    let kept = fs::read_to_string(folder.path().join("bridge.toml")).expect("a config");
    assert_eq!(kept, "# mine\n");
}

/// The starter shows the defaults of an empty config.
#[test]
fn the_starter_shows_the_defaults() {
    let folder = tempfile::tempdir().expect("a folder");
    run(&["init"], folder.path());
    let file = folder.path().join("bridge.toml");
    let starter = fs::read_to_string(&file).expect("a config");
    let before = run(&["check", "--json"], folder.path()).1;
    // The connections of other types are only examples.
    let (own, _) = starter
        .split_once("# A connection of the type")
        .expect("examples");
    let (_, subscription) = starter
        .split_once("[[subscriptions]]")
        .expect("a subscription");
    let is_default = |line: &str| {
        let setting = line
            .strip_prefix("# ")
            .and_then(|line| line.split_once(" = "));
        setting.is_some_and(|(key, value)| {
            let is_key = key
                .chars()
                .all(|c| c.is_ascii_lowercase() || "_.".contains(c));
            is_key && !value.starts_with('…')
        })
    };
    let uncommented = |text: &str| {
        let lines: Vec<_> = text.lines().collect();
        let line = |(n, line): (usize, &&str)| {
            // An empty line follows a setting, but not its documentation.
            let is_setting = lines.get(n + 1).is_none_or(|next| next.is_empty());
            // These belong to [admin], which does not exist, or to an `order_key`.
            let is_missing = line.contains("127.0.0.1:8483") || line.contains("on_dead_letter");
            match is_setting && is_default(line) && !is_missing {
                true => line[2..].to_owned(),
                false => (*line).to_owned(),
            }
        };
        let lines: Vec<_> = lines.iter().enumerate().map(line).collect();
        lines.join("\n")
    };
    let all = format!(
        "{}\n[[subscriptions]]{}",
        uncommented(own),
        uncommented(subscription)
    );
    fs::write(&file, all).expect("a file");
    let (code, after, error) = run(&["check", "--json"], folder.path());
    assert_eq!(code, Some(0), "{after}{error}");
    assert_eq!(before, after);
}

#[test]
fn shells_complete_and_manual_pages_are_written() {
    let folder = tempfile::tempdir().expect("a folder");
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let (code, script, _) = run(&["completions", shell], folder.path());
        assert_eq!(code, Some(0), "{shell}");
        assert!(script.contains("dead-letters"), "{shell}: {script}");
    }
    let script = run(&["completions", "bash"], folder.path()).1;
    fs::write(folder.path().join("bash"), script).expect("a file");
    let read = Command::new("bash")
        .args(["-euc", ". ./bash; complete -p bridge-host"])
        .current_dir(folder.path())
        .output()
        .expect("bash runs");
    assert!(read.status.success(), "{read:?}");

    let (code, page, _) = run(&["man"], folder.path());
    assert_eq!(code, Some(0));
    assert!(page.contains(".TH bridge-host 1"), "{page}");
    let (code, ..) = run(&["man", "pages/man1"], folder.path());
    assert_eq!(code, Some(0));
    for page in ["bridge-host.1", "bridge-host-run.1", "bridge-host-init.1"] {
        let page = folder.path().join("pages/man1").join(page);
        let text = fs::read_to_string(&page).expect("a page");
        assert!(text.contains(".SH NAME"), "{text}");
    }
}

/// Starts a bridge with these options, and returns its log.
fn log(options: &[&str]) -> String {
    let folder = tempfile::tempdir().expect("a folder");
    let config = "[intake]\naddress = \"127.0.0.1:0\"\n[log]\nlevel = \"warn\"\n";
    fs::write(folder.path().join("bridge.toml"), config).expect("a config");
    let mut bridge = Command::new(binary())
        .args(options)
        .current_dir(folder.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the bridge runs");
    let mut banner = String::new();
    let stdout = bridge.stdout.take().expect("it was asked to be piped");
    let read = BufReader::new(stdout).read_line(&mut banner);
    read.expect("a line");
    assert!(banner.starts_with("bridge-host "), "{banner}");
    bridge.kill().expect("it is killed");
    let mut log = String::new();
    let mut stderr = bridge.stderr.take().expect("it was asked to be piped");
    stderr.read_to_string(&mut log).expect("UTF-8");
    bridge.wait().expect("it ends");
    log
}

#[test]
fn an_option_overrides_the_log_level() {
    let listens = "listening; starting";
    assert!(!log(&["run"]).contains(listens));
    assert!(log(&["run", "--log-level", "info"]).contains(listens));
    assert!(log(&["--log-level", "debug", "run"]).contains(listens));
    let (code, _, error) = run(&["run", "--log-level", "loud"], &root());
    assert_eq!(code, Some(2));
    assert!(
        error.contains("[possible values: error, warn, info, debug, trace]"),
        "{error}"
    );
}
