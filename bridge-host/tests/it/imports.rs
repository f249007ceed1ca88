//! The imports of components: the host links what it provides, and `check`, `inspect`, `compose`
//! and `run` report the same missing ones.

use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::contract::dummy::{END, over, published};
use crate::harness::{Bridge, Config, binary, guest};

/// Runs a command. Returns whether it succeeded, and the text of both outputs.
fn run_command(arguments: &[&str], file: &Path) -> (bool, String) {
    let mut command = Command::new(binary());
    command.args(arguments).arg(file);
    command.current_dir(file.parent().expect("a folder"));
    let output = command.output().expect("the tool runs");
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8(text).expect("text");
    (output.status.success(), text)
}

fn write(folder: &TempDir, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
    let path = folder.path().join(name);
    std::fs::write(&path, content).expect("a file");
    path
}

/// Returns a config with one subscription, which has these lines.
fn config(lines: &str) -> String {
    let data = "[intake]\naddress = \"127.0.0.1:0\"\n";
    format!("{data}[[subscriptions]]\nname = \"s\"\ntopics = [\"s\"]\n{lines}\n")
}

/// Packages with an interface that the host does not provide.
const MISSING: [(&str, &str, &str); 4] = [
    (
        "wasi:keyvalue/store@0.2.0-draft",
        "package wasi:keyvalue@0.2.0-draft; interface store { get: func(key: string) -> string; }",
        "no key-value store",
    ),
    (
        "spin:sqlite/sqlite",
        "package spin:sqlite; interface sqlite { resource connection; }",
        "only Spin",
    ),
    (
        "wasi:cli/environment@0.2.0-rc-2023-12-05",
        "package wasi:cli@0.2.0-rc-2023-12-05; interface environment { get: func() -> string; }",
        "build the component again with current tools",
    ),
    (
        "wasi:clocks/timezone@0.2.12",
        "package wasi:clocks@0.2.12; interface timezone { get: func() -> string; }",
        "does not provide this interface",
    ),
];

#[test]
fn a_missing_interface_is_named_by_every_command() {
    let http = "package wasi:http@0.2.3; interface incoming-handler { handle: func(); }";
    for (import, package, meaning) in MISSING {
        let folder = tempfile::tempdir().expect("a folder");
        let handler = format!("import {import}; {END}");
        let handler = over(&[&published(), package], &handler);
        let handler = write(&folder, "handler.wasm", handler);
        let service = format!("import {import}; export wasi:http/incoming-handler@0.2.3;");
        write(&folder, "service.wasm", over(&[http, package], &service));
        let component = config("component = \"handler.wasm\"");
        let component = write(&folder, "component.toml", component);
        let to = config("to = { component = \"service.wasm\" }");
        let to = write(&folder, "to.toml", to);
        for (arguments, file, succeeds) in [
            (&["check"][..], &component, false),
            (&["run"], &component, false),
            (&["check"], &to, false),
            (&["run"], &to, false),
            (&["inspect"], &handler, true),
            (&["compose", "-o", "out.wasm"], &handler, true),
        ] {
            let (success, text) = run_command(arguments, file);
            assert_eq!(success, succeeds, "{arguments:?}: {text}");
            for words in [import, meaning, "cannot start"] {
                assert!(text.contains(words), "{arguments:?}, {words:?}: {text}");
            }
            if arguments == ["inspect"] {
                assert!(text.contains("nothing in bridge-host"), "{text}");
            }
        }
    }
}

#[test]
fn inspect_shows_where_an_http_middleware_goes() {
    let auth = guest("auth");
    let (_, text) = run_command(&["inspect"], &auth);
    let line = format!("to = {{ component = \"handler.wasm\", middleware = [{auth:?}] }}");
    assert!(text.contains(&line), "{text}");
    assert!(!text.contains("not provided"), "{text}");
    let (_, text) = run_command(&["inspect"], &guest("async-orders"));
    assert!(!text.contains("middleware ="), "{text}");
}

#[test]
fn the_error_for_a_misplaced_component_names_the_right_key() {
    let [orders, auth, filter] = ["orders", "auth", "filter"].map(guest);
    let url = "to = \"http://127.0.0.1:9000/\"";
    let behind = |middleware: &PathBuf| {
        let handler = guest("async-orders");
        format!("to = {{ component = {handler:?}, middleware = [{middleware:?}] }}")
    };
    for (lines, words) in [
        (
            format!("chain = [{orders:?}]\n{url}"),
            format!("give it as the endpoint, `to = {{ component = {orders:?}, path = \"/\" }}`"),
        ),
        (
            format!("chain = [{auth:?}]\n{url}"),
            format!("`to = {{ component = \"handler.wasm\", middleware = [{auth:?}] }}`"),
        ),
        (
            format!("chain = [{filter:?}, {orders:?}]"),
            "give it as the endpoint".into(),
        ),
        (
            format!("chain = [{filter:?}]"),
            "set `to`, the endpoint that the chain's messages go to".into(),
        ),
        (
            behind(&filter),
            "`middleware` needs components that import and export wasi:http/handler@0.3".into(),
        ),
        (
            behind(&guest("async-orders")),
            "`middleware` needs components that import and export wasi:http/handler@0.3".into(),
        ),
    ] {
        let folder = tempfile::tempdir().expect("a folder");
        let file = write(&folder, "bridge.toml", config(&lines));
        let (success, text) = run_command(&["check"], &file);
        assert!(!success && text.contains(&words), "{lines}\n{text}");
    }
}

#[test]
fn another_messaging_interface_is_rejected() {
    let folder = tempfile::tempdir().expect("a folder");
    let other = published().replace("@0.2.0-draft", "@0.3.0");
    let end = END.replace("@0.2.0-draft", "@0.3.0");
    let file = write(&folder, "other.wasm", over(&[&other], &end));
    let (_, text) = run_command(&["inspect"], &file);
    assert!(!text.contains("uses the published"), "{text}");
    assert!(
        text.contains("uses wasi:messaging/incoming-handler@0.3.0"),
        "{text}"
    );
    assert!(text.contains("build it from wit/deps/messaging"), "{text}");
}

/// The host also links the names that settings and logging have in other hosts.
#[tokio::test(flavor = "multi_thread")]
async fn drafts_of_settings_and_log_are_linked() {
    let config = Config::subscription("notary", "deeds")
        .component(guest("notary"))
        .lines("settings = { seal = \"wax\", place = \"desk\" }");
    let bridge = Bridge::start(&config).await;
    let id = bridge.accept("deeds", &[], "to be witnessed").await;
    let letter = bridge.dead_letter(&id).await;
    assert_eq!(letter.reason, "wax 2");
    let log = bridge.log();
    let line = |it: &String| it.contains("warn: deeds: to be witnessed") && it.contains("notary");
    assert!(log.iter().any(line), "{log:#?}");
}
