//! `componentize WORKSPACE FOLDER PACKAGE…`: writes each package of the workspace as a component
//! to the folder. `cargo xtask` runs it, and so need not be linked with an encoder of components.

use std::fs;
use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [workspace, folder, packages @ ..] = words.as_slice() else {
        eprintln!("Usage: componentize <WORKSPACE> <FOLDER> [PACKAGE]…");
        return ExitCode::from(2);
    };
    let mut packages = packages.iter();
    match packages.try_for_each(|package| write(package, workspace.as_ref(), folder.as_ref())) {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            eprintln!("componentize: {reason}");
            ExitCode::FAILURE
        }
    }
}

fn write(package: &str, workspace: &Path, folder: &Path) -> Result<(), String> {
    let component = componentize::build(package, workspace, folder)
        .map_err(|error| format!("{package}: {error}"))?;
    let path = folder.join(package).with_extension("wasm");
    let news = match replace(&path, &component)? {
        true => "built",
        false => "unchanged",
    };
    let kilobytes = component.len().div_ceil(1000);
    eprintln!("    {package}.wasm  {kilobytes} KB, {news}");
    Ok(())
}

/// Writes the file if its content differs, and returns whether it did. An untouched file keeps
/// its modification time, so the host's cache of compiled components stays valid.
fn replace(path: &Path, bytes: &[u8]) -> Result<bool, String> {
    if fs::read(path).is_ok_and(|known| known == bytes) {
        return Ok(false);
    }
    path.parent()
        .map_or(Ok(()), fs::create_dir_all)
        .and_then(|()| fs::write(path, bytes))
        .map_err(|error| format!("cannot write {}: {error}", path.display()))?;
    Ok(true)
}
