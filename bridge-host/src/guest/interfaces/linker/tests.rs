//! Checks that the tables in `contract` match the linker.

use wasmtime::component::ResourceType;

use super::*;
use crate::guest::contract::{LOGGING, SETTINGS, WASI_0_2, WASI_0_3};

/// One function or resource of each interface of wasi.
const ITEMS: [(&str, &str); 48] = [
    ("wasi:io/error@0.2.12", "[method]error.to-debug-string"),
    ("wasi:io/poll@0.2.12", "poll"),
    ("wasi:io/streams@0.2.12", "[method]input-stream.read"),
    ("wasi:clocks/monotonic-clock@0.2.12", "now"),
    ("wasi:clocks/wall-clock@0.2.12", "now"),
    ("wasi:random/insecure@0.2.12", "get-insecure-random-u64"),
    ("wasi:random/insecure-seed@0.2.12", "insecure-seed"),
    ("wasi:random/random@0.2.12", "get-random-u64"),
    ("wasi:cli/environment@0.2.12", "get-environment"),
    ("wasi:cli/exit@0.2.12", "exit"),
    ("wasi:cli/stderr@0.2.12", "get-stderr"),
    ("wasi:cli/stdin@0.2.12", "get-stdin"),
    ("wasi:cli/stdout@0.2.12", "get-stdout"),
    ("wasi:cli/terminal-input@0.2.12", "terminal-input"),
    ("wasi:cli/terminal-output@0.2.12", "terminal-output"),
    ("wasi:cli/terminal-stderr@0.2.12", "get-terminal-stderr"),
    ("wasi:cli/terminal-stdin@0.2.12", "get-terminal-stdin"),
    ("wasi:cli/terminal-stdout@0.2.12", "get-terminal-stdout"),
    ("wasi:filesystem/preopens@0.2.12", "get-directories"),
    ("wasi:filesystem/types@0.2.12", "filesystem-error-code"),
    ("wasi:sockets/instance-network@0.2.12", "instance-network"),
    ("wasi:sockets/ip-name-lookup@0.2.12", "resolve-addresses"),
    ("wasi:sockets/network@0.2.12", "network"),
    ("wasi:sockets/tcp@0.2.12", "tcp-socket"),
    ("wasi:sockets/tcp-create-socket@0.2.12", "create-tcp-socket"),
    ("wasi:sockets/udp@0.2.12", "udp-socket"),
    ("wasi:sockets/udp-create-socket@0.2.12", "create-udp-socket"),
    ("wasi:http/outgoing-handler@0.2.12", "handle"),
    ("wasi:http/types@0.2.12", "http-error-code"),
    ("wasi:clocks/monotonic-clock@0.3.0", "now"),
    ("wasi:clocks/system-clock@0.3.0", "now"),
    ("wasi:random/insecure@0.3.0", "get-insecure-random-u64"),
    ("wasi:random/insecure-seed@0.3.0", "get-insecure-seed"),
    ("wasi:random/random@0.3.0", "get-random-u64"),
    ("wasi:cli/environment@0.3.0", "get-environment"),
    ("wasi:cli/exit@0.3.0", "exit"),
    ("wasi:cli/stderr@0.3.0", "write-via-stream"),
    ("wasi:cli/stdin@0.3.0", "read-via-stream"),
    ("wasi:cli/stdout@0.3.0", "write-via-stream"),
    ("wasi:cli/terminal-input@0.3.0", "terminal-input"),
    ("wasi:cli/terminal-output@0.3.0", "terminal-output"),
    ("wasi:cli/terminal-stderr@0.3.0", "get-terminal-stderr"),
    ("wasi:cli/terminal-stdin@0.3.0", "get-terminal-stdin"),
    ("wasi:cli/terminal-stdout@0.3.0", "get-terminal-stdout"),
    ("wasi:filesystem/preopens@0.3.0", "get-directories"),
    ("wasi:filesystem/types@0.3.0", "descriptor"),
    ("wasi:sockets/ip-name-lookup@0.3.0", "resolve-addresses"),
    ("wasi:sockets/types@0.3.0", "tcp-socket"),
];

/// The same for the interfaces that the host implements or replaces.
const OURS: [(&str, &str); 7] = [
    ("wasi:http/client@0.3.0", "send"),
    ("wasi:http/handler@0.3.0", "handle"),
    ("wasi:http/types@0.3.0", "fields"),
    (SETTINGS[0], "get"),
    (SETTINGS[1], "get-all"),
    (LOGGING[0], "log"),
    (LOGGING[1], "log"),
];

/// Returns whether an item is linked: defining it again fails.
fn is_linked(linker: &mut Linker<State>, (interface, item): (&str, &str)) -> bool {
    let mut instance = linker.instance(interface).expect("a name");
    let resource = ResourceType::host::<()>();
    instance.resource(item, resource, |_, _| Ok(())).is_err()
}

#[test]
fn the_tables_match_the_linker() {
    let config = wasmtime::Config::new();
    let engine = Engine::new(&config).expect("an engine");
    let mut linker = linker(
        &engine,
        CallModel::Asynchronous,
        MessagingRevision::Published,
    )
    .expect("a linker");
    for item in ITEMS.into_iter().chain(OURS) {
        assert!(is_linked(&mut linker, item), "{item:?}");
    }
    // The tables contain no other interfaces.
    let of = |package: &str, interfaces: &[&str], version: &str| {
        let full = |it: &&str| format!("{package}/{it}@{version}");
        interfaces.iter().map(full).collect::<Vec<_>>()
    };
    let two = WASI_0_2
        .iter()
        .flat_map(|(package, all)| of(package, all, "0.2.12"));
    let three = WASI_0_3
        .iter()
        .flat_map(|(package, all)| of(package, all, "0.3.0"));
    for said in two.chain(three) {
        let mut all = ITEMS.iter().chain(&OURS);
        assert!(all.any(|(interface, _)| *interface == said), "{said}");
    }
    assert!(!is_linked(
        &mut linker,
        ("wasi:keyvalue/store@0.2.0-draft", "get")
    ));
}
