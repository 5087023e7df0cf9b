//! Values that are never shown, and the files they come from.

use std::fmt;
use std::io::Read;

/// What is shown in place of a secret.
pub const REDACTED: &str = "***";

/// Longest secret file, bytes.
const FILE_BYTES_MAX: u64 = 64 << 10;

/// A value that `Debug` does not show.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Secret<T>(pub(super) T);

impl<T> fmt::Debug for Secret<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(REDACTED)
    }
}

/// The content of a secret file without the line end that editors add.
///
/// # Errors
/// A fragment that names the file, never its content.
pub(super) fn read_secret(path: &str) -> Result<String, String> {
    let cause = |error: std::io::Error| format!("secret file {path} cannot be read: {error}");
    let file = std::fs::File::open(path).map_err(cause)?;
    let mut text = String::new();
    let bytes = file.take(FILE_BYTES_MAX + 1).read_to_string(&mut text).map_err(cause)?;
    if bytes as u64 > FILE_BYTES_MAX {
        return Err(format!("secret file {path} is longer than {FILE_BYTES_MAX} bytes"));
    }
    let secret = text.trim_end_matches(['\r', '\n']);
    if secret.is_empty() {
        return Err(format!("secret file {path} is empty"));
    }
    Ok(secret.to_owned())
}
