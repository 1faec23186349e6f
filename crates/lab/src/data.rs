//! Files of a data folder.

use crate::Error;
use std::path::{Path, PathBuf};

/// The whole text of a file.
pub fn read(path: &Path) -> Result<String, Error> {
    let bytes = std::fs::read(path).map_err(|source| Error::Read { path: path.to_owned(), source })?;
    String::from_utf8(bytes).map_err(|_| Error::NotText { path: path.to_owned() })
}

/// Writes a file, and the folders above it.
pub fn write(path: &Path, text: &str) -> Result<(), Error> {
    let failed = |source| Error::Write { path: path.to_owned(), source };
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(failed)?;
    }
    std::fs::write(path, text).map_err(failed)
}

/// A file that was read, with the name errors give it.
#[derive(Debug)]
pub struct Loaded {
    pub name: String,
    pub text: String,
}

impl Loaded {
    pub fn source(&self) -> plimsoll_experiments::read::Source<'_> {
        plimsoll_experiments::read::Source { name: &self.name, text: &self.text }
    }
}

/// The file of that name in the data folder, or in the folder of its trace there.
pub fn load(data: &Path, folder: &'static str, file: &str) -> Result<Loaded, Error> {
    let places: [PathBuf; 2] = [data.join(folder).join(file), data.join(file)];
    let Some(path) = places.iter().find(|path| path.is_file()) else {
        return Err(Error::Missing { data: data.to_owned(), folder, file: file.to_owned() });
    };
    Ok(Loaded { name: path.display().to_string(), text: read(path)? })
}
