//! What is kept of what arrived: a log, and the bodies.

use parking_lot::Mutex;
use std::fs::{File, OpenOptions, create_dir_all};
use std::io::Write;
use std::path::{Path, PathBuf};

use super::error::Error;
use crate::cli::output;

/// Where records go, if anywhere. A failure to write is told, and no request
/// fails for it.
pub(super) struct Recorder {
    log: Option<(PathBuf, Mutex<File>)>,
    folder: Option<PathBuf>,
}

impl Recorder {
    /// Opens the file to add to, and makes the folder.
    pub fn open(log: Option<PathBuf>, folder: Option<PathBuf>) -> Result<Self, Error> {
        if let Some(folder) = &folder {
            create_dir_all(folder).map_err(|error| Error::Write(folder.clone(), error))?;
        }
        let log = log.map(|path| {
            let file = OpenOptions::new().append(true).create(true).open(&path);
            match file {
                Ok(file) => Ok((path, Mutex::new(file))),
                Err(error) => Err(Error::Write(path, error)),
            }
        });
        Ok(Self {
            log: log.transpose()?,
            folder,
        })
    }

    /// Whether there is a log at all.
    pub fn logs(&self) -> bool {
        self.log.is_some()
    }

    /// Adds a line, whole: it is there before the request is answered.
    pub fn log(&self, mut line: String) {
        let Some((path, file)) = &self.log else {
            return;
        };
        line.push('\n');
        let mut file = file.lock();
        tell(path, file.write_all(line.as_bytes()));
    }

    /// Keeps a body under its id, or its number.
    pub fn save(&self, id: Option<&str>, number: u64, body: &[u8]) {
        if let Some(folder) = &self.folder {
            let name = id.map_or_else(|| format!("request-{number}"), file_name);
            let path = folder.join(name);
            tell(&path, std::fs::write(&path, body));
        }
    }
}

/// The id, in characters that every file system takes.
fn file_name(id: &str) -> String {
    let legal = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    let name: String = id
        .chars()
        .map(|c| match legal(c) {
            true => c.to_string(),
            false => format!("%{:02x}", u32::from(c)),
        })
        .take(200)
        .collect();
    match name.starts_with('.') {
        true => format!("%{name}"),
        false => name,
    }
}

fn tell(path: &Path, result: std::io::Result<()>) {
    if let Err(error) = result {
        output::note(&format!("cannot write to {}: {error}\n", path.display()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_stay_in_their_folder() {
        assert_eq!(file_name("msg_1.2-a"), "msg_1.2-a");
        assert_eq!(file_name("../a"), "%..%2fa");
        assert_eq!(file_name("/etc"), "%2fetc");
    }
}
