//! Builds the adapters, so that the binary can carry them: a file of each
//! one's name in `OUT_DIR`.

use std::error::Error;
use std::path::PathBuf;

/// The packages of adapter/ that are carried.
const ADAPTERS: [&str; 6] = [
    "forward",
    "forward-async",
    "forward-draft",
    "produce",
    "produce-by-name",
    "shell",
];

fn main() -> Result<(), Box<dyn Error>> {
    let root = PathBuf::from(std::env::var("CARGO_MANIFEST_DIR")?).join("..");
    for source in ["adapter", "wit", "Cargo.toml", "Cargo.lock"] {
        println!("cargo::rerun-if-changed={}", root.join(source).display());
    }
    println!("cargo::rerun-if-env-changed={}", componentize::CARGO);
    let out = PathBuf::from(std::env::var("OUT_DIR")?);
    // TARGET/PROFILE/build/NAME/out: guests have a folder beside the profiles,
    // where the cargo that runs this holds no lock, shared by all profiles.
    let target = out.ancestors().nth(4).unwrap_or(&out).join("guests");
    for adapter in ADAPTERS {
        let component = componentize::build(adapter, &root, &target)?;
        std::fs::write(out.join(adapter).with_extension("wasm"), component)?;
    }
    let renamed = componentize::client_as_handler(&root.join("wit/async/deps"))?;
    std::fs::write(out.join("client-as-handler.wasm"), renamed)?;
    Ok(())
}
