//! Access keys: a file of them, or a pair that `dev` makes for itself.

use anyhow::{Context, Result, bail};
use plimsoll_server::Credentials;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

#[derive(Clone, PartialEq, Eq)]
pub struct KeyPair {
    pub access_key: String,
    pub secret: String,
}

/// Lines of `ACCESS_KEY_ID SECRET_ACCESS_KEY`; `#` begins a comment.
pub fn read(path: &Path) -> Result<Vec<KeyPair>> {
    let text = std::fs::read_to_string(path).with_context(|| format!("reading the keys file {}", path.display()))?;
    let mut pairs = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let line = line.split('#').next().unwrap_or_default().trim();
        if line.is_empty() {
            continue;
        }
        let mut words = line.split_whitespace();
        match (words.next(), words.next(), words.next()) {
            (Some(access_key), Some(secret), None) => {
                pairs.push(KeyPair { access_key: access_key.to_owned(), secret: secret.to_owned() });
            }
            _ => bail!("{}:{}: expected an access key id and a secret", path.display(), number + 1),
        }
    }
    if pairs.is_empty() {
        bail!("the keys file {} holds no key", path.display());
    }
    Ok(pairs)
}

/// The pair kept in `path`, made on the first start. Only its owner may read the file.
pub fn read_or_make(path: &Path) -> Result<KeyPair> {
    if path.exists() {
        let mut pairs = read(path)?;
        return Ok(pairs.swap_remove(0));
    }
    let mut random = [0u8; 30];
    getrandom::fill(&mut random).context("reading random bytes for a key")?;
    let pair =
        KeyPair { access_key: format!("AKIA{}", hex::encode_upper(&random[..8])), secret: hex::encode(&random[8..]) };
    let mut file = std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .with_context(|| format!("creating the keys file {}", path.display()))?;
    writeln!(file, "# Made by plimsoll dev: access key id, secret access key\n{} {}", pair.access_key, pair.secret)?;
    Ok(pair)
}

pub fn credentials(pairs: &[KeyPair]) -> Credentials {
    pairs.iter().map(|pair| (pair.access_key.as_str(), pair.secret.as_str())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_made_pair_is_found_again_and_private() {
        use std::os::unix::fs::PermissionsExt as _;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("keys");
        let made = read_or_make(&path).unwrap();
        assert!(read_or_make(&path).unwrap() == made);
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!((made.access_key.len(), made.secret.len()), (20, 44));
    }

    #[test]
    fn a_bad_line_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("keys");
        std::fs::write(&path, "# comment\nKEY SECRET # fine\nKEY\n").unwrap();
        let error = read(&path).err().unwrap().to_string();
        assert!(error.ends_with(":3: expected an access key id and a secret"), "{error}");
    }
}
