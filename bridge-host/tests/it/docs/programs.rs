//! The programs that the tutorial's reader has: the real `bridge-host`, told to
//! use free ports, and cargo.

use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use crate::harness::binary;
use crate::templates::{guest_cargo, has_wasip2, target_folder};

/// Writes the programs to a folder. The host's commands are told where they listen,
/// and so is the config of a new project.
pub fn write(folder: &Path, endpoint: SocketAddr, intake: SocketAddr) {
    fs::create_dir(folder).expect("a folder");
    let real = binary();
    let real = real.display();
    let host = format!(
        "#!/bin/sh
case $1 in
receive) exec {real} \"$@\" --address {endpoint} ;;
publish) exec {real} \"$@\" --to http://{intake} ;;
forward) exec {real} \"$@\" --intake {intake} ;;
new)
    {real} \"$@\" || exit
    sed -i 's/127.0.0.1:9000/{endpoint}/' \"$2/bridge.toml\"
    printf '\\n[intake]\\naddress = \"{intake}\"\\n' >> \"$2/bridge.toml\" ;;
*) exec {real} \"$@\" ;;
esac
"
    );
    program(&folder.join("bridge-host"), &host);
    if let Some(cargo) = other_cargo() {
        program(&folder.join("cargo"), &cargo);
    }
}

/// Without the target of the tutorial, or with another cargo for guests, a
/// component is built as the templates say for that case.
fn other_cargo() -> Option<String> {
    if has_wasip2() {
        return None;
    }
    let cargo = guest_cargo().unwrap_or_else(|| env!("CARGO").into());
    Some(format!(
        "#!/bin/sh
set -e
[ \"$1\" = build ] || exec {cargo} \"$@\"
{cargo} build --release --target wasm32-unknown-unknown
mkdir -p target/wasm32-wasip2/release
for module in target/wasm32-unknown-unknown/release/my_*.wasm; do
    bridge-host componentize $module -o target/wasm32-wasip2/release/${{module##*/}}
done
"
    ))
}

fn program(path: &Path, script: &str) {
    fs::write(path, script).expect("a file");
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).expect("a file of ours");
}

/// Lets a project in Rust share what the tests of the templates have built.
pub fn share_target(project: &Path) {
    let target = project.join("target");
    if project.join("Cargo.toml").exists() && !target.exists() {
        symlink(target_folder(), target).expect("a link");
    }
}
