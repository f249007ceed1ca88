//! Generated components without code: valid and invalid contracts that no crate of this repository
//! has.

use wit_component::{ComponentEncoder, StringEncoding, dummy_module, embed_component_metadata};
use wit_parser::{LiftLowerAbi, ManglingAndAbi, Resolve};

/// A world that handles messages and forwards them.
pub const MIDDLEWARE: &str = "
    import wasi:messaging/incoming-handler@0.2.0-draft;
    export wasi:messaging/incoming-handler@0.2.0-draft;
";

/// A world that handles messages.
pub const END: &str = "export wasi:messaging/incoming-handler@0.2.0-draft;";

/// Returns the published package of wasi:messaging.
pub fn published() -> String {
    package(&[
        include_str!("../../../../wit/deps/messaging/types.wit"),
        include_str!("../../../../wit/deps/messaging/producer.wit"),
        include_str!("../../../../wit/deps/messaging/incoming-handler.wit"),
    ])
}

/// Returns the newest draft of the package, which has the same name and version.
pub fn newest() -> String {
    package(&[
        include_str!("../../../../wit/draft/deps/messaging/types.wit"),
        include_str!("../../../../wit/draft/deps/messaging/producer.wit"),
        include_str!("../../../../wit/draft/deps/messaging/request-reply.wit"),
        include_str!("../../../../wit/draft/deps/messaging/guest.wit"),
    ])
}

fn package(files: &[&str]) -> String {
    let package = "package wasi:messaging@0.2.0-draft;";
    files.iter().fold(package.to_owned(), |text, file| {
        text + &file.replace(package, "")
    })
}

/// Returns a component of a world with these items, with this messaging package.
pub fn component(messaging: &str, items: &str) -> Vec<u8> {
    over(&[messaging], items)
}

/// Returns a component as [`component`] does, with any packages.
pub fn over(packages: &[&str], items: &str) -> Vec<u8> {
    let mut resolve = Resolve::default();
    for package in packages {
        resolve.push_str("dummy.wit", package).expect("WIT");
    }
    let text = format!("package test:dummy; world dummy {{ {items} }}");
    let package = resolve.push_str("world.wit", &text).expect("WIT");
    let world = resolve.select_world(&[package], None).expect("one world");
    let abi = ManglingAndAbi::Legacy(LiftLowerAbi::Sync);
    let mut module = dummy_module(&resolve, world, abi);
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).expect("metadata");
    let mut encoder = ComponentEncoder::default()
        .validate(true)
        .module(&module)
        .expect("a module");
    encoder.encode().expect("a component")
}

/// Encodes a WIT package.
pub fn encoded(text: &str) -> Vec<u8> {
    let mut resolve = Resolve::default();
    let package = resolve.push_str("dummy.wit", text).expect("WIT");
    wit_component::encode(&resolve, package).expect("a package")
}
