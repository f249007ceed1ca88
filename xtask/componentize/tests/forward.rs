//! The exact imports and exports of the adapter, and its size. The host's binary
//! contains the adapter, and other hosts must be able to run it.

use std::path::Path;

use wit_component::DecodedWasm;

/// The size limit, including function names for backtraces.
const MAX_BYTES: usize = 160_000;

#[test]
fn the_adapter_is_small_and_has_few_imports() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("../guests");
    let bytes = componentize::build("forward", &root, &target).unwrap();
    assert!(bytes.len() < MAX_BYTES, "{} bytes", bytes.len());

    let DecodedWasm::Component(resolve, world) = wit_component::decode(&bytes).unwrap() else {
        panic!("not a component");
    };
    let world = &resolve.worlds[world];
    let mut imports: Vec<_> = world
        .imports
        .keys()
        .map(|key| resolve.name_world_key(key))
        .collect();
    imports.sort_unstable();
    assert_eq!(
        imports,
        [
            "wasi:clocks/monotonic-clock@0.2.0", // The durations of `wasi:http`
            "wasi:config/store@0.2.0-rc.1",
            "wasi:http/outgoing-handler@0.2.0",
            "wasi:http/types@0.2.0",
            "wasi:io/error@0.2.0",
            "wasi:io/poll@0.2.0",
            "wasi:io/streams@0.2.0",
            "wasi:messaging/types@0.2.0-draft",
        ]
    );
    let exports: Vec<_> = world
        .exports
        .keys()
        .map(|key| resolve.name_world_key(key))
        .collect();
    assert_eq!(exports, ["wasi:messaging/incoming-handler@0.2.0-draft"]);
}

#[test]
fn an_unknown_package_is_an_error() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("../guests");
    let error = componentize::build("no-such-package", &root, &target).unwrap_err();
    assert!(matches!(error, componentize::Error::Build(_)), "{error}");
}
