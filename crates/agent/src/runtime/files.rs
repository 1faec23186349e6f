//! Files that are either the old ones or the new ones, whatever happens to the machine in between.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

/// Durable when it returns. The temporary file lies beside the target, so that the rename stays on one file system.
pub(crate) fn write_atomically(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let directory = path.parent().ok_or_else(|| io::Error::other("a file needs a directory"))?;
    let temporary = path.with_extension("tmp");
    let mut file = File::create(&temporary)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&temporary, path)?;
    File::open(directory)?.sync_all()
}
