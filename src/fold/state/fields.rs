//! Fields that several state records have: names, dimensions, moments.

use crate::fold::sink::Dims;
use crate::ids::Sym;
use crate::kpi::groups::Dimension;
use crate::measure::wire::{Reader, WireError, Writer};
use crate::time::EventMs;

/// No dimension known.
pub(super) const NO_DIMS: Dims = [Sym::EMPTY; Dimension::LEN];

/// A mask of the dimensions that differ from `base`, then those.
pub(super) fn write_dims(dims: &Dims, base: &Dims, out: &mut Writer) {
    let differs = |at: &usize| dims[*at] != base[*at];
    let mask = (0..Dimension::LEN).filter(differs).fold(0u64, |mask, at| mask | 1 << at);
    out.unsigned(mask);
    for at in (0..Dimension::LEN).filter(differs) {
        out.unsigned(u64::from(dims[at].0));
    }
}

pub(super) fn read_dims(reader: &mut Reader<'_>, base: &Dims, names: usize) -> Result<Dims, WireError> {
    let mask = reader.unsigned()?;
    let mut dims = *base;
    for (at, sym) in dims.iter_mut().enumerate() {
        if mask & 1 << at != 0 {
            *sym = read_sym(reader, names)?;
        }
    }
    Ok(dims)
}

pub(super) fn read_sym(reader: &mut Reader<'_>, names: usize) -> Result<Sym, WireError> {
    let sym = read_u32(reader)?;
    if (sym as usize) < names { Ok(Sym(sym)) } else { Err(malformed("a name that the names records hold")) }
}

pub(super) fn read_u32(reader: &mut Reader<'_>) -> Result<u32, WireError> {
    u32::try_from(reader.unsigned()?).map_err(|_| malformed("a number of 32 bits"))
}

/// Wrapping, so that every pair of times is exact.
pub(super) fn write_time(at: EventMs, base: EventMs, out: &mut Writer) {
    out.signed(at.0.wrapping_sub(base.0));
}

pub(super) fn read_time(reader: &mut Reader<'_>, base: EventMs) -> Result<EventMs, WireError> {
    Ok(EventMs(base.0.wrapping_add(reader.signed()?)))
}

pub(super) const fn malformed(expected: &'static str) -> WireError {
    WireError { expected, position: 0 }
}
