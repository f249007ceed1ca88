//! Composing chains: the results of parts that match, and the errors of parts that do not.

mod commands;

use bridge_host::compose::{
    ChainPart, ComposeError, compose, compose_open, compose_to_http, to_endpoint,
};
use bridge_host::guest::contract::{
    Contract, HANDLER, MessageHandlerProfile, MessageInterface, TYPES,
};

use crate::contract::dummy::{END, MIDDLEWARE, component, newest, published};
use crate::harness::guest;

fn part<'a>(name: &'a str, bytes: &'a [u8]) -> ChainPart<'a> {
    ChainPart { name, bytes }
}

fn error_of(parts: &[ChainPart<'_>]) -> String {
    let error = compose(parts).expect_err("parts that do not match");
    assert!(!matches!(error, ComposeError::Graph { .. }), "{error}");
    error.to_string()
}

#[test]
fn the_example_becomes_one_component() {
    let filter = std::fs::read(guest("filter")).unwrap();
    let enrich = std::fs::read(guest("enrich")).unwrap();
    let parts = [part("filter.wasm", &filter), part("enrich.wasm", &enrich)];
    let whole = compose_to_http(&parts).unwrap();
    let contract = Contract::read("whole", &whole).unwrap();
    assert_eq!(
        contract.complete_message_handler(),
        Ok(MessageHandlerProfile::ADAPTER)
    );
    let count = |name: &str| contract.imports.iter().filter(|i| i.name == name).count();
    assert_eq!(count(TYPES), 1);
    assert_eq!(count("wasi:config/store@0.2.0-rc.1"), 1);
    assert_eq!(contract.exports.len(), 1);

    let open = compose_open(&parts).unwrap();
    let again = [
        part("open.wasm", &open),
        ChainPart::adapter(MessageInterface::Synchronous),
    ];
    let contract = Contract::read("again", &compose(&again).unwrap()).unwrap();
    assert_eq!(
        contract.complete_message_handler(),
        Ok(MessageHandlerProfile::ADAPTER)
    );
}

#[test]
fn a_repeated_component_is_included_once() {
    let bytes = component(&published(), MIDDLEWARE);
    let end = component(&published(), END);
    let once = compose(&[part("a", &bytes), part("end", &end)]).unwrap();
    let thrice = [
        part("a", &bytes),
        part("b", &bytes),
        part("c", &bytes),
        part("end", &end),
    ];
    let thrice = compose(&thrice).unwrap();
    assert!(
        thrice.len() < once.len() + bytes.len(),
        "{} and {}",
        thrice.len(),
        once.len()
    );
    assert!(
        Contract::read("thrice", &thrice)
            .unwrap()
            .complete_message_handler()
            .is_ok()
    );
}

#[test]
fn a_single_part_is_returned_unchanged() {
    let end = component(&published(), END);
    assert_eq!(compose(&[part("end", &end)]).unwrap(), end);
    assert_eq!(compose_to_http(&[part("end", &end)]).unwrap(), end);
    assert_eq!(compose(&[]), Err(ComposeError::Empty));
}

#[test]
fn a_chain_ends_where_it_must() {
    let middleware = component(&published(), MIDDLEWARE);
    let end = component(&published(), END);
    let error = error_of(&[part("end.wasm", &end), part("next.wasm", &middleware)]);
    assert!(
        error.starts_with("end.wasm does not forward messages"),
        "{error}"
    );
    assert!(
        error.contains("next.wasm, which follows it, would never get a message"),
        "{error}"
    );
    let error = error_of(&[part("a.wasm", &middleware), part("b.wasm", &middleware)]);
    assert!(
        error.starts_with("b.wasm is the last of the chain, but forwards messages"),
        "{error}"
    );
}

#[test]
fn neighbours_that_do_not_match_are_named() {
    let middleware = component(&published(), MIDDLEWARE);
    let renamed = published().replace("ms: message", "message: message");
    let renamed = component(&renamed, END);
    let error = error_of(&[
        part("filter.wasm", &middleware),
        part("mine.wasm", &renamed),
    ]);
    for words in [
        "filter.wasm and mine.wasm do not match",
        "`handle`: filter.wasm has `func(ms: message) -> result<_, error>`",
        "mine.wasm has `func(message: message) -> result<_, error>`",
        "mine.wasm differs from the published contract",
    ] {
        assert!(error.contains(words), "{words:?} is not in: {error}");
    }
}

#[test]
fn a_part_that_handles_no_messages_is_named() {
    let items = "import wasi:messaging/incoming-handler@0.2.0-draft;";
    let caller = component(&published(), items);
    let error = error_of(&[
        part("caller.wasm", &caller),
        ChainPart::adapter(MessageInterface::Synchronous),
    ]);
    assert!(
        error.starts_with("caller.wasm does not handle messages"),
        "{error}"
    );
}

#[test]
fn parts_that_differ_from_the_contract_together_are_named_too() {
    let renamed = published().replace("ms: message", "message: message");
    let middleware = component(&renamed, MIDDLEWARE);
    let end = component(&renamed, END);
    let error = error_of(&[part("a.wasm", &middleware), part("b.wasm", &end)]);
    assert!(
        error.starts_with("a.wasm does not match the published"),
        "{error}"
    );
    let error = error_of(&[part("b.wasm", &end)]);
    assert!(
        error.starts_with("b.wasm does not match the published"),
        "{error}"
    );
}

#[test]
fn what_parts_share_must_be_the_same() {
    let middleware = component(
        &published(),
        &format!("import wasi:messaging/producer@0.2.0-draft;{MIDDLEWARE}"),
    );
    let other = published().replace("c: client", "client: client");
    let end = component(
        &other,
        &format!("import wasi:messaging/producer@0.2.0-draft;{END}"),
    );
    let error = error_of(&[part("a.wasm", &middleware), part("b.wasm", &end)]);
    for words in [
        "both import wasi:messaging/producer@0.2.0-draft",
        "`send`: a.wasm has `func(c: client, m: message)",
        "b.wasm has `func(client: client, m: message)",
        "b.wasm differs from the published contract",
    ] {
        assert!(error.contains(words), "{words:?} is not in: {error}");
    }
}

#[test]
fn another_error_in_one_part_is_named() {
    let middleware = component(&published(), MIDDLEWARE);
    let other = component(
        &published().replace("other(string)", "strange(string)"),
        END,
    );
    let error = error_of(&[part("a.wasm", &middleware), part("b.wasm", &other)]);
    assert!(error.contains("strange(string)"), "{error}");
    assert!(
        error.contains("both import wasi:messaging/types@0.2.0-draft"),
        "{error}"
    );
}

#[test]
fn two_revisions_do_not_match() {
    let middleware = component(&published(), MIDDLEWARE);
    let newest = component(&newest(), END);
    let error = error_of(&[part("a.wasm", &middleware), part("b.wasm", &newest)]);
    for words in [
        "b.wasm and a.wasm do not match",
        "b.wasm uses the newest draft of wasi:messaging, and a.wasm the published contract",
        "both name the interface wasi:messaging/incoming-handler@0.2.0-draft",
        "`handle`: b.wasm has `func(message: message) -> result<_, error>`",
        "a.wasm has `func(ms: message) -> result<_, error>`",
        "or a.wasm from wit/draft/deps/messaging",
    ] {
        assert!(error.contains(words), "{words:?} is not in: {error}");
    }
}

#[test]
fn a_chain_of_the_newest_draft_gets_its_adapter() {
    let middleware = component(&newest(), MIDDLEWARE);
    let whole = compose_to_http(&[part("a.wasm", &middleware)]).expect("they match");
    let handler = Contract::read("whole", &whole)
        .unwrap()
        .complete_message_handler()
        .unwrap();
    assert_eq!(handler.interface, MessageInterface::Draft);
    assert!(handler.sends_requests);
}

#[test]
fn what_the_newest_draft_sends_is_not_posted() {
    let items = format!("import wasi:messaging/producer@0.2.0-draft;{END}");
    let sender = component(&newest(), &items);
    let error = to_endpoint(&[part("sender.wasm", &sender)]).expect_err("no adapter for it");
    assert!(
        error
            .to_string()
            .starts_with("sender.wasm sends messages through the newest draft")
    );
}

#[test]
fn the_adapter_is_a_complete_handler() {
    let contract = Contract::read(
        "adapter",
        ChainPart::adapter(MessageInterface::Synchronous).bytes,
    )
    .unwrap();
    assert!(
        contract
            .complete_message_handler()
            .is_ok_and(|handler| handler.sends_requests)
    );
    assert!(contract.import(HANDLER).is_none());
}
