//! Records of entries: entities, tombstones of entities and fingerprints, cut into parts of bounded size.
//!
//! Each part says of which commit it is and how many parts there are, so that a restore knows when it has all.

use super::entity::{read_agent, read_contact, write_agent, write_contact};
use super::fields::{malformed, read_time, write_time};
use super::{PART_BYTES, StateRecord};
use crate::fold::agent::Agent;
use crate::fold::contact::Contact;
use crate::fold::dedup::GenerationId;
use crate::measure::wire::{Reader, WireError, Writer};
use crate::time::EventMs;

const CONTACT: u8 = 0;
const AGENT: u8 = 1;
const CONTACT_GONE: u8 = 2;
const AGENT_GONE: u8 = 3;
const FINGERPRINTS: u8 = 4;

/// Fingerprints of one entry at most.
const FINGERPRINTS_MAX: usize = 8_192;

/// What a part says before its entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct PartHead {
    /// The commit that wrote it.
    pub seq: u64,
    /// Of changes: the commit that wrote changes before this one. Of a bucket: 0.
    pub previous: u64,
    /// Times are told from this.
    pub base: EventMs,
    /// Its place among the parts.
    pub part: u64,
    /// How many parts there are.
    pub parts: u64,
}

/// Collects entries into parts.
#[derive(Debug)]
pub(super) struct PartWriter {
    base: EventMs,
    done: Vec<Writer>,
    open: Writer,
}

impl PartWriter {
    pub(super) fn new(base: EventMs) -> PartWriter {
        PartWriter { base, done: Vec::new(), open: Writer::default() }
    }

    pub(super) fn contact(&mut self, key: u64, contact: Option<&Contact>) {
        let base = self.base;
        let out = self.entry(if contact.is_some() { CONTACT } else { CONTACT_GONE });
        out.fixed(key);
        if let Some(contact) = contact {
            write_contact(contact, base, out);
        }
    }

    pub(super) fn agent(&mut self, key: u64, agent: Option<&Agent>) {
        let base = self.base;
        let out = self.entry(if agent.is_some() { AGENT } else { AGENT_GONE });
        out.fixed(key);
        if let Some(agent) = agent {
            write_agent(agent, base, out);
        }
    }

    pub(super) fn fingerprints(&mut self, generation: GenerationId, fingerprints: &[u64]) {
        for chunk in fingerprints.chunks(FINGERPRINTS_MAX) {
            let out = self.entry(FINGERPRINTS);
            out.unsigned(generation.serial);
            write_fingerprints(chunk, out);
        }
    }

    /// Hands over the records, keyed `prefix/part`; returns how many they are.
    pub(super) fn finish(mut self, prefix: &str, seq: u64, previous: u64, out: &mut Vec<StateRecord>) -> u64 {
        if !self.open.is_empty() {
            self.done.push(self.open);
        }
        let parts = self.done.len() as u64;
        for (part, body) in self.done.iter().enumerate() {
            let mut record = Writer::with_capacity(body.len() + 32);
            for number in [seq, previous, part as u64, parts] {
                record.unsigned(number);
            }
            record.signed(self.base.0);
            record.raw(body.as_slice());
            out.push((format!("{prefix}/{part}").into_bytes(), Some(record.into_bytes())));
        }
        parts
    }

    fn entry(&mut self, kind: u8) -> &mut Writer {
        if self.open.len() > PART_BYTES {
            self.done.push(std::mem::take(&mut self.open));
        }
        self.open.byte(kind);
        &mut self.open
    }
}

/// An entry as it is read.
#[derive(Debug)]
pub(super) enum Entry {
    /// A contact, or that it is gone.
    Contact(u64, Option<Box<Contact>>),
    /// An agent, or that it is gone.
    Agent(u64, Option<Box<Agent>>),
    /// Fingerprints of the generation of a serial number.
    Fingerprints(u64, Vec<u64>),
}

/// Reads a part's head; its entries follow in the reader.
pub(super) fn read_part(bytes: &[u8]) -> Result<(PartHead, Reader<'_>), WireError> {
    let mut reader = Reader::new(bytes);
    let (seq, previous) = (reader.unsigned()?, reader.unsigned()?);
    let (part, parts) = (reader.unsigned()?, reader.unsigned()?);
    let base = EventMs(reader.signed()?);
    if part >= parts {
        return Err(malformed("a part that is one of the parts"));
    }
    Ok((PartHead { seq, previous, base, part, parts }, reader))
}

/// The next entry of a part; `None` at its end. Names are among the first `names`.
pub(super) fn read_entry(
    reader: &mut Reader<'_>,
    base: EventMs,
    names: usize,
) -> Result<Option<Entry>, WireError> {
    if reader.at_end() {
        return Ok(None);
    }
    Ok(Some(match reader.byte()? {
        CONTACT => Entry::Contact(reader.fixed()?, Some(Box::new(read_contact(reader, base, names)?))),
        AGENT => Entry::Agent(reader.fixed()?, Some(Box::new(read_agent(reader, base, names)?))),
        CONTACT_GONE => Entry::Contact(reader.fixed()?, None),
        AGENT_GONE => Entry::Agent(reader.fixed()?, None),
        FINGERPRINTS => Entry::Fingerprints(reader.unsigned()?, read_fingerprints(reader)?),
        _ => return Err(malformed("a known kind of entry")),
    }))
}

pub(super) fn write_fingerprints(fingerprints: &[u64], out: &mut Writer) {
    out.unsigned(fingerprints.len() as u64);
    fingerprints.iter().for_each(|fingerprint| out.fixed(*fingerprint));
}

pub(super) fn read_fingerprints(reader: &mut Reader<'_>) -> Result<Vec<u64>, WireError> {
    (0..reader.count()?).map(|_| reader.fixed()).collect()
}

pub(super) fn write_generation(generation: GenerationId, out: &mut Writer) {
    out.unsigned(generation.serial);
    write_time(generation.began, EventMs(0), out);
}

pub(super) fn read_generation(reader: &mut Reader<'_>) -> Result<GenerationId, WireError> {
    Ok(GenerationId { serial: reader.unsigned()?, began: read_time(reader, EventMs(0))? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_cut_into_parts_that_say_how_many_they_are() {
        let mut writer = PartWriter::new(EventMs(7));
        let generation = GenerationId { serial: 3, began: EventMs(-5) };
        let fingerprints: Vec<u64> = (0..100_000).collect();
        writer.fingerprints(generation, &fingerprints);
        let mut records = Vec::new();
        assert_eq!(writer.finish("changes/9", 9, 8, &mut records), 2);
        let mut read = Vec::new();
        for (at, (key, value)) in records.iter().enumerate() {
            assert_eq!(key, format!("changes/9/{at}").as_bytes());
            let bytes = value.as_ref().unwrap();
            assert!(bytes.len() <= 768 * 1024);
            let (head, mut reader) = read_part(bytes).unwrap();
            let expected = PartHead { seq: 9, previous: 8, base: EventMs(7), part: at as u64, parts: 2 };
            assert_eq!(head, expected);
            while let Some(entry) = read_entry(&mut reader, head.base, 2).unwrap() {
                let Entry::Fingerprints(3, mut chunk) = entry else { panic!("{entry:?}") };
                read.append(&mut chunk);
            }
        }
        assert_eq!(read, fingerprints);
    }
}
