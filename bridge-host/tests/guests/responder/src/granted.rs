//! What the handler was granted, found by trying.

use crate::wasi::cli::environment::get_environment;
use crate::wasi::config::store;
use crate::wasi::filesystem::preopens::get_directories;
use crate::wasi::filesystem::types::{
    Descriptor, DescriptorFlags, ErrorCode, OpenFlags, PathFlags,
};

/// Returns the settings, the environment, and for each folder the text of its
/// file `note` and whether a file can be created.
pub fn told() -> String {
    let folders: Vec<_> = get_directories()
        .iter()
        .map(|(folder, name)| format!("{name}: {:?} {:?}", note(folder), make(folder)))
        .collect();
    format!(
        "settings {:?} env {:?} folders {folders:?}",
        store::get_all(),
        get_environment()
    )
}

fn note(folder: &Descriptor) -> Result<String, ErrorCode> {
    let flags = DescriptorFlags::READ;
    let file = folder.open_at(PathFlags::empty(), "note", OpenFlags::empty(), flags)?;
    let (data, _) = file.read(100, 0)?;
    Ok(String::from_utf8_lossy(&data).into_owned())
}

fn make(folder: &Descriptor) -> Result<&'static str, ErrorCode> {
    let flags = DescriptorFlags::WRITE;
    folder.open_at(PathFlags::empty(), "made", OpenFlags::CREATE, flags)?;
    Ok("made")
}
