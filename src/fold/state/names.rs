//! The admitted names in the state topic: blocks in the order of admission; the one that grew is rewritten.

use super::StateRecord;
use super::fields::{malformed, read_sym};
use crate::fold::names::Admission;
use crate::ids::{OTHER_NAME, Sym};
use crate::kpi::groups::Dimension;
use crate::measure::wire::{Reader, WireError, Writer};

/// Admissions of a block; a name has at most 128 bytes, so a block stays below 80 KiB.
const BLOCK_LEN: usize = 512;

/// Names that every table begins with: the empty one and `__other__`.
const FIXED: u32 = 2;

/// How far the names lie in the topic.
#[derive(Clone, Debug)]
pub(super) struct NameBlocks {
    written: usize,
    /// Names known before the block that grows.
    known: u32,
}

impl Default for NameBlocks {
    fn default() -> Self {
        NameBlocks { written: 0, known: FIXED }
    }
}

impl NameBlocks {
    /// Writes the blocks that grew.
    pub(super) fn take(&mut self, names: &Admission, out: &mut Vec<StateRecord>) {
        let admitted = names.admitted();
        while self.written < admitted.len() {
            let block = self.written / BLOCK_LEN;
            let begin = block * BLOCK_LEN;
            let end = admitted.len().min(begin + BLOCK_LEN);
            let mut record = Writer::with_capacity((end - begin) * 16);
            let mut known = self.known;
            record.unsigned((end - begin) as u64);
            for (tenant, dimension, name) in &admitted[begin..end] {
                record.unsigned(u64::from(name.0));
                if name.0 == known {
                    record.string(names.text(*name));
                    known += 1;
                }
                record.unsigned(u64::from(tenant.0));
                record.byte(*dimension as u8);
            }
            out.push((format!("names/{block}").into_bytes(), Some(record.into_bytes())));
            self.written = end;
            if end == begin + BLOCK_LEN {
                self.known = known;
            }
        }
    }
}

/// The names of a state topic while they are read, block by block from the first.
#[derive(Debug)]
pub(super) struct NameTable<'a> {
    pub(super) strings: Vec<&'a str>,
    pub(super) admitted: Vec<(Sym, Dimension, Sym)>,
    blocks: NameBlocks,
}

impl<'a> NameTable<'a> {
    pub(super) fn new() -> NameTable<'a> {
        NameTable { strings: vec!["", OTHER_NAME], admitted: Vec::new(), blocks: NameBlocks::default() }
    }

    /// Reads the next block.
    pub(super) fn read(&mut self, bytes: &'a [u8]) -> Result<(), WireError> {
        let mut reader = Reader::new(bytes);
        let count = reader.count()?;
        for _ in 0..count {
            let name = reader.unsigned()?;
            if name == self.strings.len() as u64 {
                self.strings.push(reader.string()?);
            }
            let name = u32::try_from(name).unwrap_or(u32::MAX);
            if name as usize >= self.strings.len() {
                return Err(malformed("a name that is known or the next"));
            }
            let tenant = read_sym(&mut reader, self.strings.len())?;
            let dimension = Dimension::ALL.get(usize::from(reader.byte()?)).copied();
            let dimension = dimension.ok_or(malformed("a known dimension"))?;
            self.admitted.push((tenant, dimension, Sym(name)));
        }
        self.blocks.written += count;
        if count == BLOCK_LEN {
            self.blocks.known = self.strings.len() as u32;
        }
        Ok(())
    }

    /// How far the names lie in the topic.
    pub(super) fn blocks(&self) -> NameBlocks {
        self.blocks.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_come_back_in_their_order_whatever_the_steps() {
        let mut names = Admission::new(2_000, 10, &[]);
        let mut blocks = NameBlocks::default();
        let mut topic = std::collections::BTreeMap::new();
        for step in 0..60 {
            let tenant = names.tenant(&format!("t{}", step % 3));
            for at in 0..23 {
                names.name(tenant, Dimension::Queue, &format!("q{}", (step * 23 + at) % 700));
                names.name(tenant, Dimension::Team, &format!("q{at}"));
            }
            let mut out = Vec::new();
            blocks.take(&names, &mut out);
            topic.extend(out);
        }
        let mut table = NameTable::new();
        for block in 0..topic.len() {
            table.read(topic[format!("names/{block}").as_bytes()].as_ref().unwrap()).unwrap();
        }
        assert!(topic.len() > 2);
        assert_eq!(table.admitted, names.admitted());
        for (id, string) in table.strings.iter().enumerate() {
            assert_eq!(names.text(Sym(id as u32)), *string);
        }
        assert_eq!((table.blocks.written, table.blocks.known), (blocks.written, blocks.known));
    }
}
