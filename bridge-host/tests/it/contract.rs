//! Reading the contract of a component, and the errors for components that do not match the
//! published one.

pub mod dummy;

use bridge_host::guest::contract::{
    Contract, HANDLER, MessageHandlerProfile, MessageInterface, PRODUCER, TYPES, standard,
};
use dummy::{END, MIDDLEWARE, component, newest, over, published};

/// The published contract, copied as a table.
const TABLE: [(&str, &str, &str); 14] = [
    (
        TYPES,
        "[static]client.connect",
        "func(name: string) -> result<client, error>",
    ),
    (
        TYPES,
        "[constructor]message",
        "func(topic: string, data: list<u8>) -> message",
    ),
    (
        TYPES,
        "[method]message.topic",
        "func(self: borrow<message>) -> string",
    ),
    (
        TYPES,
        "[method]message.set-topic",
        "func(self: borrow<message>, topic: string)",
    ),
    (
        TYPES,
        "[method]message.content-type",
        "func(self: borrow<message>) -> option<string>",
    ),
    (
        TYPES,
        "[method]message.set-content-type",
        "func(self: borrow<message>, content-type: string)",
    ),
    (
        TYPES,
        "[method]message.data",
        "func(self: borrow<message>) -> list<u8>",
    ),
    (
        TYPES,
        "[method]message.set-data",
        "func(self: borrow<message>, data: list<u8>)",
    ),
    (
        TYPES,
        "[method]message.metadata",
        "func(self: borrow<message>) -> option<list<tuple<string, string>>>",
    ),
    (
        TYPES,
        "[method]message.add-metadata",
        "func(self: borrow<message>, key: string, value: string)",
    ),
    (
        PRODUCER,
        "send",
        "func(c: client, m: message) -> result<_, error>",
    ),
    (HANDLER, "handle", "func(ms: message) -> result<_, error>"),
    (
        HANDLER,
        "subscribe",
        "func() -> result<list<string>, error>",
    ),
    (
        TYPES,
        "error",
        "variant { timeout, connection(string), other(string) }",
    ),
];

#[test]
fn the_contract_is_the_table() {
    let mut functions = 0;
    for (interface, name, wanted) in TABLE {
        let standard = standard(interface).expect(interface);
        let found = match standard.function(name) {
            Some(function) => function.signature(),
            None => standard.definition(name).unwrap_or("nothing").to_owned(),
        };
        assert_eq!(found, wanted, "{interface} {name}");
    }
    for name in [TYPES, PRODUCER, HANDLER] {
        functions += standard(name).map_or(0, |found| found.functions.len());
    }
    assert_eq!(functions, TABLE.len() - 1, "no function beside the table's");
}

#[test]
fn the_world_is_the_published_one() {
    let world = include_str!("../../../wit/deps/messaging/world.wit");
    let bytes = over(
        &[&(published() + &world.replace("package wasi:messaging@0.2.0-draft;", ""))],
        "include wasi:messaging/messaging@0.2.0-draft;",
    );
    let contract = read(&bytes).expect("a component");
    let names = |all: &[bridge_host::guest::contract::Interface]| {
        all.iter().map(|i| i.name.clone()).collect::<Vec<_>>()
    };
    assert_eq!(names(&contract.imports), [TYPES, PRODUCER]);
    assert_eq!(names(&contract.exports), [HANDLER]);
}

#[test]
fn what_a_component_may_be_used_as() {
    let middleware = component(&published(), MIDDLEWARE);
    let end = component(&published(), END);
    let forwarding = MessageHandlerProfile {
        forwards: true,
        sends_messages: false,
        sends_requests: false,
        has_hidden_effects: true,
        ..MessageHandlerProfile::ADAPTER
    };
    assert_eq!(read(&middleware).unwrap().message_handler(), Ok(forwarding));
    assert_eq!(
        read(&end).unwrap().complete_message_handler(),
        Ok(MessageHandlerProfile {
            forwards: false,
            ..forwarding
        })
    );
    let error = read(&middleware)
        .unwrap()
        .complete_message_handler()
        .unwrap_err()
        .to_string();
    assert!(error.starts_with("part.wasm forwards messages"), "{error}");
}

#[test]
fn a_renamed_parameter_is_named() {
    let messaging = published().replace("ms: message", "message: message");
    let error = error_of(&component(&messaging, MIDDLEWARE));
    for words in [
        "part.wasm does not match the published wasi:messaging@0.2.0-draft",
        "export wasi:messaging/incoming-handler@0.2.0-draft, `handle`",
        "it has `func(message: message) -> result<_, error>`",
        "the contract has `func(ms: message) -> result<_, error>`",
        "import wasi:messaging/incoming-handler@0.2.0-draft, `handle`",
        "wit/deps/messaging",
    ] {
        assert!(error.contains(words), "{words:?} is not in: {error}");
    }
}

#[test]
fn a_borrowed_message_and_another_result_are_named() {
    let messaging = published()
        .replace("ms: message", "ms: borrow<message>")
        .replace(
            "func() -> result<list<string>, error>",
            "func() -> list<string>",
        );
    let error = error_of(&component(&messaging, END));
    assert!(error.contains("func(ms: borrow<message>)"), "{error}");
    assert!(
        error.contains("`subscribe`: it has `func() -> list<string>`"),
        "{error}"
    );
}

#[test]
fn a_missing_function_and_another_error_are_named() {
    let messaging = published()
        .replace("subscribe: func() -> result<list<string>, error>;", "")
        .replace("other(string)", "strange(string)");
    let error = error_of(&component(&messaging, END));
    assert!(
        error.contains("`subscribe`: it does not have it"),
        "{error}"
    );
    assert!(
        error.contains("variant { timeout, connection(string), strange(string) }"),
        "{error}"
    );
}

#[test]
fn the_newest_draft_is_recognized() {
    let asks = "import wasi:messaging/producer@0.2.0-draft;
                import wasi:messaging/request-reply@0.2.0-draft;";
    for (items, forwards, sends) in [
        (END, false, false),
        (&format!("{asks}{END}"), false, true),
        (MIDDLEWARE, true, false),
    ] {
        let contract = read(&component(&newest(), items)).expect("a component");
        let handler = contract.message_handler().expect("a handler of messages");
        assert_eq!(handler.interface, MessageInterface::Draft);
        assert_eq!(
            (handler.forwards, handler.sends_messages),
            (forwards, sends)
        );
    }
}

#[test]
fn what_differs_from_the_newest_draft_is_named() {
    let other = newest().replace("permission-denied(string)", "forbidden(string)");
    let error = error_of(&component(&other, END));
    for words in [
        "part.wasm does not match the newest draft of wasi:messaging",
        "forbidden(string)",
        "wit/draft/deps/messaging",
    ] {
        assert!(error.contains(words), "{words:?} is not in: {error}");
    }
}

#[test]
fn two_revisions_in_one_component_are_named() {
    let handle = published()
        .replace("ms: message", "message: message")
        .replace("subscribe: func() -> result<list<string>, error>;", "");
    let items = format!("import wasi:messaging/producer@0.2.0-draft;{END}");
    let error = error_of(&component(&handle, &items));
    for words in [
        "part.wasm mixes two revisions of wasi:messaging",
        "it exports wasi:messaging/incoming-handler@0.2.0-draft of the newest draft",
        "of the published one",
        "build all of it from wit/deps/messaging, or all of it from wit/draft/deps/messaging",
    ] {
        assert!(error.contains(words), "{words:?} is not in: {error}");
    }
}

#[test]
fn another_version_is_named() {
    let messaging = published().replace("0.2.0-draft", "0.3.0");
    let error = error_of(&component(&messaging, &END.replace("0.2.0-draft", "0.3.0")));
    assert!(
        error.contains("uses wasi:messaging/incoming-handler@0.3.0"),
        "{error}"
    );
}

#[test]
fn an_http_handler_is_recognized() {
    let http = "package wasi:http@0.2.3; interface incoming-handler { handle: func(); }";
    let error = error_of(&over(&[http], "export wasi:http/incoming-handler@0.2.3;"));
    assert!(
        error.contains("is an HTTP handler: it exports wasi:http/incoming-handler@0.2.3"),
        "{error}"
    );
}

#[test]
fn an_asynchronous_handler_is_recognized() {
    let theirs = "package acme:messaging; interface incoming-handler { handle: async func(); }";
    let error = error_of(&over(&[theirs], "export acme:messaging/incoming-handler;"));
    assert!(error.contains("handles messages asynchronously"), "{error}");

    let ours =
        "package bridge:messaging@0.1.0; interface incoming-handler { handle: async func(); }";
    let error = error_of(&over(
        &[ours],
        "export bridge:messaging/incoming-handler@0.1.0;",
    ));
    assert!(error.contains("`handle`: it has `async func()`"), "{error}");
}

#[test]
fn what_is_not_a_component_is_recognized() {
    let http = "package a:b; interface c { d: func(); } world e { import c; }";
    let end = component(&published(), END);
    for (bytes, words) in [
        (&b""[..], "is empty"),
        (b"(component)", "is not WebAssembly"),
        (b"\0asm\x01\0\0\0", "is a core WebAssembly module"),
        (&dummy::encoded(http), "is a WIT package"),
        (&over(&[], ""), "exports nothing"),
        (
            &end[..end.len() / 2],
            "cannot be read as a WebAssembly component",
        ),
    ] {
        let error = error_of(bytes);
        assert!(error.starts_with("part.wasm"), "{error}");
        assert!(error.contains(words), "{words:?} is not in: {error}");
    }
}

fn read(bytes: &[u8]) -> Result<Contract, bridge_host::guest::contract::ContractError> {
    Contract::read("part.wasm", bytes)
}

fn error_of(bytes: &[u8]) -> String {
    let handler = read(bytes).and_then(|contract| contract.message_handler());
    handler.expect_err("not a handler of ours").to_string()
}
