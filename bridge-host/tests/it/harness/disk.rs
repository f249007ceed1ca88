//! A disk whose power can be cut: an ext4 file system in a file, mounted in a
//! mount namespace that only the commands started here share.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

/// EXT4_IOC_SHUTDOWN without flushing the journal: unwritten data is lost, as in
/// a power cut.
const CUT: &str = "import fcntl, os, struct, sys\n\
fcntl.ioctl(os.open(sys.argv[1], os.O_RDONLY), 0x8004587D, struct.pack('i', 2))";

/// The disk, mounted until it is dropped.
pub struct Disk {
    folder: TempDir,
    /// The process that owns the mount namespace.
    keeper: Child,
}

impl Disk {
    /// Creates a disk. The error says why this machine cannot.
    pub fn new() -> Result<Self, String> {
        let folder = tempfile::tempdir().map_err(|e| e.to_string())?;
        let image = folder.path().join("image");
        std::fs::create_dir(folder.path().join("disk")).map_err(|e| e.to_string())?;
        let file = std::fs::File::create(&image).map_err(|e| e.to_string())?;
        file.set_len(256 << 20).map_err(|e| e.to_string())?;
        done(Command::new("mkfs.ext4").args(["-q", "-F"]).arg(&image))?;
        done(Command::new("unshare").args(["--mount", "true"]))?;
        let keeper = Command::new("unshare")
            .args(["--mount", "sleep", "3600"])
            .spawn()
            .map_err(|e| format!("unshare: {e}"))?;
        let disk = Self { folder, keeper };
        disk.mount()?;
        Ok(disk)
    }

    /// Returns the mount point, for commands of [`Self::command`].
    pub fn path(&self) -> PathBuf {
        self.folder.path().join("disk")
    }

    /// Returns a command that sees the disk.
    pub fn command(&self, program: impl AsRef<Path>) -> Command {
        let mut command = Command::new("nsenter");
        command.arg(format!("--mount=/proc/{}/ns/mnt", self.keeper.id()));
        command.arg(program.as_ref());
        command
    }

    /// Cuts the power. Processes that use the disk must be killed afterwards.
    pub fn cut(&self) {
        let mut cut = self.command("python3");
        done(cut.args(["-c", CUT]).arg(self.path())).expect("the power is cut");
    }

    /// Mounts the disk again, as after the return of power.
    pub fn back(&self) {
        done(self.command("umount").arg(self.path())).expect("nothing uses it");
        self.mount().expect("it was mounted before");
    }

    fn mount(&self) -> Result<(), String> {
        let mut mount = self.command("mount");
        let image = self.folder.path().join("image");
        // The keeper may not have entered its namespace yet.
        let begun = std::time::Instant::now();
        while !self.is_apart() && begun.elapsed().as_secs() < 10 {
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        done(mount.args(["-o", "loop"]).arg(image).arg(self.path()))
    }

    fn is_apart(&self) -> bool {
        let space = |id: &str| std::fs::read_link(format!("/proc/{id}/ns/mnt")).ok();
        space("self") != space(&self.keeper.id().to_string())
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = done(self.command("umount").arg("--lazy").arg(self.path()));
        let _ = self.keeper.kill();
        let _ = self.keeper.wait();
    }
}

fn done(command: &mut Command) -> Result<(), String> {
    let shown = format!("{command:?}");
    let output = command.stdin(Stdio::null()).output();
    let output = output.map_err(|e| format!("{shown}: {e}"))?;
    match output.status.success() {
        true => Ok(()),
        false => Err(format!(
            "{shown}: {}",
            String::from_utf8_lossy(&output.stderr).trim()
        )),
    }
}
