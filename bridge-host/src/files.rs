//! Reads whole files that a config or a command line names, and refuses the ones
//! that could block or never end, such as pipes and devices.

use std::fs::{self, File, FileType};
use std::io::{self, Read};
use std::path::Path;

/// The most bytes of a component.
pub const MAX_COMPONENT: u64 = 1 << 30;
/// The most bytes of a config.
pub const MAX_CONFIG: u64 = 16 << 20;
/// The most bytes of a file of secrets or certificates.
pub const MAX_SECRET: u64 = 1 << 20;

/// Reads a regular file of at most `max` bytes. A file of another type is not opened.
pub fn read(path: &Path, max: u64) -> io::Result<Vec<u8>> {
    bounded(open(path)?, max)
}

/// Reads a regular file of at most `max` bytes of UTF-8.
pub fn read_text(path: &Path, max: u64) -> io::Result<String> {
    String::from_utf8(read(path, max)?)
        .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error.utf8_error()))
}

/// Opens a regular file. A file of another type is an error.
pub fn open(path: &Path) -> io::Result<File> {
    let kind = fs::metadata(path)?.file_type();
    match kind.is_file() {
        true => File::open(path),
        false => Err(invalid(format!("it is {}, not a regular file", name(kind)))),
    }
}

/// Reads to the end. More than `max` bytes are an error.
pub fn bounded(from: impl Read, max: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    from.take(max.saturating_add(1)).read_to_end(&mut bytes)?;
    match bytes.len() as u64 > max {
        true => Err(invalid(format!("it has more than {max} bytes"))),
        false => Ok(bytes),
    }
}

fn invalid(why: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, why)
}

#[cfg(unix)]
fn name(kind: FileType) -> &'static str {
    use std::os::unix::fs::FileTypeExt;

    match kind {
        _ if kind.is_dir() => "a folder",
        _ if kind.is_fifo() => "a named pipe",
        _ if kind.is_socket() => "a socket",
        _ => "a device",
    }
}

#[cfg(not(unix))]
fn name(kind: FileType) -> &'static str {
    if kind.is_dir() {
        "a folder"
    } else {
        "a device"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_regular_files_up_to_a_size() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        fs::write(&path, "äb").unwrap();
        assert_eq!(read_text(&path, 3).unwrap(), "äb");
        let error = read(&path, 2).unwrap_err().to_string();
        assert_eq!(error, "it has more than 2 bytes");
        let error = read(folder.path(), 9).unwrap_err().to_string();
        assert_eq!(error, "it is a folder, not a regular file");
        assert!(bounded(io::repeat(0), 1000).is_err());
    }
}
