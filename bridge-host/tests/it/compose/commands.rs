//! The commands `compose`, `adapter` and `inspect`.

use std::path::Path;
use std::process::{Command, Output};

use bridge_host::compose::ADAPTER;
use serde_json::Value;

use crate::contract::dummy::{END, component, published};
use crate::harness::guest;

fn bridge_host<'a>(arguments: impl IntoIterator<Item = &'a str>) -> Output {
    Command::new(env!("CARGO_BIN_EXE_bridge-host"))
        .args(arguments)
        .output()
        .expect("the binary runs")
}

fn succeeds<'a>(arguments: impl IntoIterator<Item = &'a str>) -> Vec<u8> {
    let output = bridge_host(arguments);
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{error}");
    output.stdout
}

fn fails<'a>(code: i32, arguments: impl IntoIterator<Item = &'a str>) -> String {
    let output = bridge_host(arguments);
    assert_eq!(output.status.code(), Some(code));
    assert!(output.stdout.is_empty());
    String::from_utf8(output.stderr).expect("text")
}

fn inspect(path: &str) -> Value {
    serde_json::from_slice(&succeeds(["inspect", path, "--json"])).expect("JSON")
}

fn path(path: &Path) -> &str {
    path.to_str().expect("a path in UTF-8")
}

#[test]
fn a_chain_is_written_to_a_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let out = folder.path().join("out.wasm");
    let (filter, enrich) = (guest("filter"), guest("enrich"));
    succeeds(["compose", path(&filter), path(&enrich), "-o", path(&out)]);
    let facts = inspect(path(&out));
    assert_eq!(facts["uses"][0]["config"], format!("component = {out:?}"));
    let reaches = |name: &str| {
        let imports = facts["imports"].as_array().expect("imports");
        imports.iter().any(|import| import["reach"] == name)
    };
    assert!(reaches("http") && reaches("settings") && !reaches("next"));
    // Only a standard library with debug information shows the language.
    let tools = &facts["made_with"]["processed-by"];
    assert!(tools["wit-bindgen-rust"].is_array(), "{tools}");

    succeeds(["compose", path(&filter), "--no-adapter", "-o", path(&out)]);
    assert_eq!(
        std::fs::read(&out).unwrap(),
        std::fs::read(&filter).unwrap()
    );
}

#[test]
fn adapter_writes_the_built_in_adapter() {
    let folder = tempfile::tempdir().expect("a folder");
    let out = folder.path().join("adapter.wasm");
    succeeds(["adapter", "-o", path(&out)]);
    assert_eq!(std::fs::read(&out).unwrap(), ADAPTER);
    assert_eq!(succeeds(["adapter", "-o", "-"]), ADAPTER);
}

#[test]
fn components_that_do_not_compose_are_an_error() {
    let folder = tempfile::tempdir().expect("a folder");
    let mine = folder.path().join("mine.wasm");
    let renamed = published().replace("ms: message", "message: message");
    std::fs::write(&mine, component(&renamed, END)).expect("a file");
    let filter = guest("filter");
    let out = folder.path().join("out.wasm");
    let error = fails(1, ["compose", path(&filter), path(&mine), "-o", path(&out)]);
    assert!(
        error.contains("mine.wasm differs from the published contract"),
        "{error}"
    );
    assert!(!out.exists());
    let error = fails(1, ["compose", "missing.wasm", "-o", path(&out)]);
    assert!(error.contains("cannot read missing.wasm"), "{error}");
    fails(2, ["compose", path(&filter)]);
}

#[test]
fn inspect_describes_a_component_in_text() {
    let probe = guest("probe");
    let text = String::from_utf8(succeeds(["inspect", path(&probe)])).expect("text");
    for words in [
        "a handler that publishes messages",
        "component = ",
        "handle: func(ms: message) -> result<_, error>",
        "the connections of the config, to send messages\n      wasi:messaging/producer@0.2.0-draft",
        "wit-bindgen-rust 0.",
    ] {
        assert!(text.contains(words), "{words:?} is not in: {text}");
    }
    let error = fails(1, ["inspect", file!()]);
    assert!(
        error.contains("cannot read") || error.contains("is not WebAssembly"),
        "{error}"
    );
}

/// Sorts interfaces by name, with their functions and types: composers use different orders.
fn sorted(interfaces: &Value) -> Vec<Value> {
    let by_name = |all: &Value| {
        let mut all = all.as_array().expect("a list").clone();
        all.sort_by_key(|one| one["name"].as_str().map(str::to_owned));
        all
    };
    let mut all = by_name(interfaces);
    for interface in &mut all {
        interface["functions"] = by_name(&interface["functions"]).into();
        interface["types"] = by_name(&interface["types"]).into();
    }
    all
}

#[test]
fn the_wac_command_line_makes_the_same_of_the_example() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let wac = root.join("target/tools/bin/wac");
    assert!(
        wac.exists(),
        "{} is not there: `cargo xtask test` brings it",
        wac.display()
    );
    let folder = tempfile::tempdir().expect("a folder");
    let file = |name: &str| folder.path().join(name);
    let (filter, enrich, adapter) = (guest("filter"), guest("enrich"), file("adapter.wasm"));
    succeeds(["adapter", "-o", path(&adapter)]);
    let ours = file("ours.wasm");
    succeeds(["compose", path(&filter), path(&enrich), "-o", path(&ours)]);

    let run = |command: &mut Command| {
        let output = command.output().expect("wac runs");
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{error}");
    };
    let written = file("written.wasm");
    run(Command::new(&wac)
        .arg("compose")
        .arg(root.join("examples/filter-enrich/compose.wac"))
        .args(["--dep", &format!("bridge:adapter={}", adapter.display())])
        .args(["--dep", &format!("example:filter={}", filter.display())])
        .args(["--dep", &format!("example:enrich={}", enrich.display())])
        .args(["-o", path(&written)]));
    let (half, plugged) = (file("half.wasm"), file("plugged.wasm"));
    for (socket, plug, out) in [(&enrich, &adapter, &half), (&filter, &half, &plugged)] {
        run(Command::new(&wac).args(["plug", path(socket), "--plug", path(plug), "-o", path(out)]));
    }

    let shape = |path: &str| {
        let facts = inspect(path);
        (sorted(&facts["imports"]), sorted(&facts["exports"]))
    };
    let ours = shape(path(&ours));
    assert_eq!(shape(path(&written)), ours);
    assert_eq!(shape(path(&plugged)), ours);
}
