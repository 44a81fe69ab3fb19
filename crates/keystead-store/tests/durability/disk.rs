//! A disk so small that a case can fill it.

use std::{
    fs::File,
    io::Write as _,
    path::{Path, PathBuf},
    process::Command,
};

use tempfile::TempDir;

use crate::cluster;

/// A file system of 16 MiB that can be filled up. Unmounted when it goes.
pub struct SmallDisk(TempDir);

impl SmallDisk {
    pub fn mount() -> Self {
        let disk = Self(TempDir::new().unwrap());
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=16m,mode=755", "tmpfs"])
            .arg(disk.path())
            .status()
            .unwrap();
        assert!(mounted.success());
        disk
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// Makes a folder on it for PostgreSQL.
    pub fn folder(&self) -> String {
        let folder = self.path().join("postgres");
        std::fs::create_dir(&folder).unwrap();
        cluster::give(&folder);
        folder.into_os_string().into_string().unwrap()
    }

    /// Takes up all but `left` bytes.
    pub fn fill(&self, left: u64) {
        let mut ballast = File::create(self.ballast()).unwrap();
        while ballast.write_all(&[1; 4096]).is_ok() {}
        let size = ballast.metadata().unwrap().len();
        ballast.set_len(size.checked_sub(left).unwrap()).unwrap();
    }

    /// Gives it all back.
    pub fn make_room(&self) {
        std::fs::remove_file(self.ballast()).unwrap();
    }

    fn ballast(&self) -> PathBuf {
        self.path().join("ballast")
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount")
            .arg("--lazy")
            .arg(self.path())
            .status();
    }
}
