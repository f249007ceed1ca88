//! Opens files that only the user of the bridge can read and write.
//! The database and the files beside it are opened with these options.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;

/// Returns options that create a file for the bridge's user alone, whatever the umask.
pub(super) fn private() -> OpenOptions {
    let mut options = File::options();
    options.create(true).truncate(false).write(true).mode(0o600);
    options
}
