//! The simulation finds what it is for: with one guard of exactness taken away, a run leaves something else or stops.
//!
//! The guards are switched off for this thread only, see `intraday::fault`.

use intraday::fault::{self, Guard};

use super::judged;

/// The first of so many seeds that finds the missing guard, and what it found.
fn found_without(guard: Guard, within: u64) -> (u64, String) {
    let fails = |seed| judged(seed).err().map(|said| (seed, said));
    let found = fault::with_off(guard, || (0..within).find_map(fails));
    let (seed, said) = found.unwrap_or_else(|| panic!("{within} seeds did not miss {guard:?}"));
    assert!(judged(seed).is_ok(), "seed {seed} fails with the guard, too");
    eprintln!("{guard:?} is missed by seed {seed}: {said}");
    (seed, said)
}

#[test]
fn a_batch_that_counts_twice_is_found() {
    let (_, said) = found_without(Guard::Seq, 50);
    assert!(!said.is_empty());
}

#[test]
fn input_read_again_after_an_abort_is_found() {
    let (_, said) = found_without(Guard::SameValue, 50);
    assert!(said.contains("missing before partials offset"), "{said}");
}

#[test]
fn a_restore_that_takes_the_stable_end_for_the_end_is_found() {
    let (_, said) = found_without(Guard::HeadEqualsOffset, 100);
    assert!(!said.is_empty());
}
