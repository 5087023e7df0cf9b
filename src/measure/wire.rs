//! The bytes of batches and state records: varints, zigzag for signed values, length-prefixed strings.
//!
//! A reader never panics and never trusts a length: what does not fit is a [`WireError`].

use std::fmt;

/// Why bytes could not be read: what was expected, at which byte.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WireError {
    /// What was being read.
    pub expected: &'static str,
    /// Byte position in the record.
    pub position: usize,
}

impl fmt::Display for WireError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "record bytes end or are malformed at {}: expected {}", self.position, self.expected)
    }
}

impl std::error::Error for WireError {}

/// Appends values to a byte buffer.
#[derive(Debug, Default)]
pub struct Writer {
    bytes: Vec<u8>,
}

impl Writer {
    /// An empty writer with room for `capacity` bytes.
    #[must_use]
    pub fn with_capacity(capacity: usize) -> Writer {
        Writer { bytes: Vec::with_capacity(capacity) }
    }

    /// Unsigned varint.
    pub fn unsigned(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.bytes.push((value as u8) | 0x80);
            value >>= 7;
        }
        self.bytes.push(value as u8);
    }

    /// Signed varint (zigzag).
    pub fn signed(&mut self, value: i64) {
        self.unsigned(((value << 1) ^ (value >> 63)) as u64);
    }

    /// One byte.
    pub fn byte(&mut self, value: u8) {
        self.bytes.push(value);
    }

    /// Eight bytes, little endian.
    pub fn fixed(&mut self, value: u64) {
        self.bytes.extend_from_slice(&value.to_le_bytes());
    }

    /// A length and that many bytes.
    pub fn bytes(&mut self, value: &[u8]) {
        self.unsigned(value.len() as u64);
        self.bytes.extend_from_slice(value);
    }

    /// A string as its length and bytes.
    pub fn string(&mut self, value: &str) {
        self.bytes(value.as_bytes());
    }

    /// An optional signed value: a byte that says whether, then the value.
    pub fn optional(&mut self, value: Option<i64>) {
        match value {
            None => self.byte(0),
            Some(value) => {
                self.byte(1);
                self.signed(value);
            }
        }
    }

    /// How many bytes are written.
    #[must_use]
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Whether nothing is written.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Appends bytes as they are.
    pub fn raw(&mut self, value: &[u8]) {
        self.bytes.extend_from_slice(value);
    }

    /// What was written so far.
    #[must_use]
    pub fn as_slice(&self) -> &[u8] {
        &self.bytes
    }

    /// Forgets what was written, keeping the room.
    pub fn clear(&mut self) {
        self.bytes.clear();
    }

    /// What was written.
    #[must_use]
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }
}

/// Reads values from bytes, in the order in which they were written.
#[derive(Clone, Debug)]
pub struct Reader<'a> {
    bytes: &'a [u8],
    position: usize,
}

impl<'a> Reader<'a> {
    /// A reader at the first byte.
    #[must_use]
    pub const fn new(bytes: &'a [u8]) -> Reader<'a> {
        Reader { bytes, position: 0 }
    }

    fn error(&self, expected: &'static str) -> WireError {
        WireError { expected, position: self.position }
    }

    /// Whether all bytes were read.
    #[must_use]
    pub const fn at_end(&self) -> bool {
        self.position >= self.bytes.len()
    }

    /// Unsigned varint.
    ///
    /// # Errors
    /// The bytes end, or the number is longer than 64 bits.
    pub fn unsigned(&mut self) -> Result<u64, WireError> {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(self.error("a varint of at most 64 bits"))
    }

    /// Signed varint (zigzag).
    ///
    /// # Errors
    /// As [`Reader::unsigned`].
    pub fn signed(&mut self) -> Result<i64, WireError> {
        let value = self.unsigned()?;
        Ok(((value >> 1) as i64) ^ -((value & 1) as i64))
    }

    /// One byte.
    ///
    /// # Errors
    /// The bytes end.
    pub fn byte(&mut self) -> Result<u8, WireError> {
        let byte = *self.bytes.get(self.position).ok_or_else(|| self.error("a byte"))?;
        self.position += 1;
        Ok(byte)
    }

    /// Eight bytes, little endian.
    ///
    /// # Errors
    /// The bytes end.
    pub fn fixed(&mut self) -> Result<u64, WireError> {
        let end = self.position + 8;
        let slice = self.bytes.get(self.position..end).ok_or_else(|| self.error("eight bytes"))?;
        self.position = end;
        let mut value = [0u8; 8];
        value.copy_from_slice(slice);
        Ok(u64::from_le_bytes(value))
    }

    /// A length and that many bytes.
    ///
    /// # Errors
    /// The bytes end.
    pub fn bytes(&mut self) -> Result<&'a [u8], WireError> {
        let length = self.count()?;
        let end = self.position + length;
        let slice = self.bytes.get(self.position..end).ok_or_else(|| self.error("as many bytes as said"))?;
        self.position = end;
        Ok(slice)
    }

    /// A string.
    ///
    /// # Errors
    /// The bytes end or are not UTF-8.
    pub fn string(&mut self) -> Result<&'a str, WireError> {
        let bytes = self.bytes()?;
        std::str::from_utf8(bytes).map_err(|_| self.error("UTF-8"))
    }

    /// An optional signed value.
    ///
    /// # Errors
    /// The bytes end.
    pub fn optional(&mut self) -> Result<Option<i64>, WireError> {
        if self.byte()? == 0 { Ok(None) } else { Ok(Some(self.signed()?)) }
    }

    /// A number of things that follow; each takes at least one byte, so it cannot pass what is left.
    ///
    /// # Errors
    /// The number is greater than the bytes left.
    pub fn count(&mut self) -> Result<usize, WireError> {
        let count = self.unsigned()?;
        match usize::try_from(count) {
            Ok(count) if count <= self.bytes.len() - self.position => Ok(count),
            _ => Err(self.error("a count that the bytes can hold")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_written_is_read(unsigned: u64, signed: i64, text in ".*", optional: Option<i64>) {
            let mut writer = Writer::default();
            writer.unsigned(unsigned);
            writer.signed(signed);
            writer.string(&text);
            writer.optional(optional);
            writer.fixed(unsigned);
            let bytes = writer.into_bytes();
            let mut reader = Reader::new(&bytes);
            prop_assert_eq!(reader.unsigned().unwrap(), unsigned);
            prop_assert_eq!(reader.signed().unwrap(), signed);
            prop_assert_eq!(reader.string().unwrap(), text);
            prop_assert_eq!(reader.optional().unwrap(), optional);
            prop_assert_eq!(reader.fixed().unwrap(), unsigned);
            prop_assert!(reader.at_end());
        }

        #[test]
        fn any_bytes_are_read_without_panic(bytes: Vec<u8>) {
            let mut reader = Reader::new(&bytes);
            let _ = reader.count();
            let _ = reader.string();
            let _ = reader.fixed();
            let _ = reader.optional();
        }
    }
}
