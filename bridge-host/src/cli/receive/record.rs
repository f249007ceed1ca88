//! Records requests in a log file, and bodies in a folder. Showing them is in `show`.

use std::fs::{File, OpenOptions, create_dir_all};
use std::io::Write;
use std::path::{Path, PathBuf};

use parking_lot::Mutex;

use super::error::Error;
use crate::cli::output;

/// Records requests. An error while writing is printed, and does not fail the request.
pub(super) struct Recorder {
    log: Option<(PathBuf, Mutex<File>)>,
    folder: Option<PathBuf>,
}

impl Recorder {
    /// Opens the log file, and creates the folder.
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

    /// Returns whether there is a log file.
    pub fn logs(&self) -> bool {
        self.log.is_some()
    }

    /// Appends a line before the request is answered.
    pub fn log(&self, mut line: String) {
        let Some((path, file)) = &self.log else {
            return;
        };
        line.push('\n');
        let mut file = file.lock();
        report(path, file.write_all(line.as_bytes()));
    }

    /// Writes a body to a file named after the id, or else after the number.
    pub fn save(&self, id: Option<&str>, number: u64, body: &[u8]) {
        if let Some(folder) = &self.folder {
            let name = id.map_or_else(|| format!("request-{number}"), file_name);
            let path = folder.join(name);
            report(&path, std::fs::write(&path, body));
        }
    }
}

/// Returns the id in characters that are valid on every file system.
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

fn report(path: &Path, result: std::io::Result<()>) {
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
