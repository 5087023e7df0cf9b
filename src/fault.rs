//! Faults on purpose, for tests only: points at which the process dies, and guards that are switched off.
//!
//! A build without debug assertions, so each release build, has none of it: every question here is answered with
//! "no" at compile time. Processes are told by the environment, `INTRADAY_FAULT=die:<point>:<nth time>`,
//! `INTRADAY_FAULT=block:<point>:<nth time>` (the thread stands still) or `INTRADAY_FAULT=off:<guard>`; a test that drives the core in its own thread uses [`with_off`].
//! Must never know: anything that it breaks.

/// A moment of a commit or a restore at which the process may die.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Point {
    /// The transaction has begun, nothing is sent.
    Begun,
    /// Records are sent, offsets are not.
    Sent,
    /// Records and offsets are sent, the commit is not.
    Offsets,
    /// The commit is acknowledged by the broker, the worker has not heard of it.
    Committed,
    /// The worker has heard, nobody has been told.
    Heard,
    /// State of a partition is read, its stage does not yet run.
    Restored,
}

#[cfg(debug_assertions)]
impl Point {
    const NAMES: [(&'static str, Point); 6] = [
        ("begun", Point::Begun),
        ("sent", Point::Sent),
        ("offsets", Point::Offsets),
        ("committed", Point::Committed),
        ("heard", Point::Heard),
        ("restored", Point::Restored),
    ];
}

/// A guard of exactness that a test can take away, to show that its absence is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Guard {
    /// Merge accepts each batch of a source once and in order.
    Seq,
    /// An aborted commit goes again as the same value; without it the input is read again.
    SameValue,
    /// A restore waits until the state's head equals the committed offset.
    HeadEqualsOffset,
}

#[cfg(debug_assertions)]
impl Guard {
    const NAMES: [(&'static str, Guard); 3] = [
        ("seq", Guard::Seq),
        ("same-value", Guard::SameValue),
        ("head-equals-offset", Guard::HeadEqualsOffset),
    ];
}

#[cfg(debug_assertions)]
mod switch {
    use super::{Guard, Point};
    use std::cell::Cell;
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicU32, Ordering};

    const VARIABLE: &str = "INTRADAY_FAULT";

    #[derive(Default)]
    struct Plan {
        die: Option<(Point, u32)>,
        block: Option<(Point, u32)>,
        off: Option<Guard>,
    }

    static PLAN: OnceLock<Plan> = OnceLock::new();
    static REACHED: AtomicU32 = AtomicU32::new(0);

    thread_local! {
        static OFF: Cell<Option<Guard>> = const { Cell::new(None) };
    }

    fn plan() -> &'static Plan {
        PLAN.get_or_init(|| std::env::var(VARIABLE).ok().and_then(|text| parse(&text)).unwrap_or_default())
    }

    fn parse(text: &str) -> Option<Plan> {
        let named =
            |name: &str| Point::NAMES.iter().find(|(known, _)| *known == name).map(|(_, point)| *point);
        let guard =
            |name: &str| Guard::NAMES.iter().find(|(known, _)| *known == name).map(|(_, guard)| *guard);
        match text.split(':').collect::<Vec<_>>()[..] {
            ["die", point, nth] => {
                Some(Plan { die: Some((named(point)?, nth.parse().ok()?)), ..Plan::default() })
            }
            ["block", point, nth] => {
                Some(Plan { block: Some((named(point)?, nth.parse().ok()?)), ..Plan::default() })
            }
            ["off", name] => Some(Plan { off: Some(guard(name)?), ..Plan::default() }),
            _ => None,
        }
    }

    /// Dies as by SIGKILL if the plan says so: no destructor runs, nothing is flushed. Or stands still for ever.
    pub fn at(point: Point) {
        let Plan { die, block, .. } = plan();
        let Some((planned, nth)) = die.or(*block) else { return };
        if planned != point || REACHED.fetch_add(1, Ordering::Relaxed) + 1 != nth {
            return;
        }
        if die.is_some() {
            std::process::abort();
        }
        loop {
            std::thread::park();
        }
    }

    /// Whether the guard is taken away, for the process or for this thread.
    #[must_use]
    pub fn is_off(guard: Guard) -> bool {
        OFF.get() == Some(guard) || plan().off == Some(guard)
    }

    /// Runs `work` on this thread without the guard.
    pub fn with_off<T>(guard: Guard, work: impl FnOnce() -> T) -> T {
        struct Back;
        impl Drop for Back {
            fn drop(&mut self) {
                OFF.set(None);
            }
        }
        OFF.set(Some(guard));
        let _back = Back;
        work()
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn plans_are_read_and_nonsense_is_none() {
            assert_eq!(parse("die:sent:3").unwrap().die, Some((Point::Sent, 3)));
            assert_eq!(parse("block:heard:1").unwrap().block, Some((Point::Heard, 1)));
            assert_eq!(parse("off:seq").unwrap().off, Some(Guard::Seq));
            assert!(parse("die:sent").is_none() && parse("off:all").is_none() && parse("").is_none());
        }

        #[test]
        fn a_guard_is_off_only_inside() {
            assert!(!is_off(Guard::Seq));
            with_off(Guard::Seq, || assert!(is_off(Guard::Seq) && !is_off(Guard::SameValue)));
            assert!(!is_off(Guard::Seq));
        }
    }
}

#[cfg(debug_assertions)]
pub use switch::{at, is_off, with_off};

/// Nothing happens here in a release build.
#[cfg(not(debug_assertions))]
#[inline(always)]
pub const fn at(_point: Point) {}

/// No guard is ever off in a release build.
#[cfg(not(debug_assertions))]
#[must_use]
#[inline(always)]
pub const fn is_off(_guard: Guard) -> bool {
    false
}
