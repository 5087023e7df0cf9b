//! A replay that is looked at at every step of event time, as a scrape looks at the live service.
//!
//! A look at 10:15 sees the events before 10:15, by the order of the file. The clock of the pipeline is that of the looks:
//! where nothing is said for `idle_after`, time goes on as it does live. It knows the pipeline and no text form.

use super::Failure;
use super::history::{History, HistoryError};
use super::openmetrics::{END, SeriesText, write_family};
use crate::kpi::families::FAMILIES;
use crate::pipeline::FoldStage;
use crate::pipeline::memory::{Memory, Output};
use crate::time::{EventMs, Millis, WallMs};
use std::io::{self, Write};

/// The looks at a replay.
#[derive(Debug)]
pub struct Looks {
    step_ms: Millis,
    idle_after_ms: Millis,
    first: Option<EventMs>,
    next: EventMs,
}

impl Looks {
    /// Looks every `step_ms`; time goes on without events after `idle_after_ms`.
    pub const fn new(step_ms: Millis, idle_after_ms: Millis) -> Looks {
        Looks { step_ms, idle_after_ms, first: None, next: EventMs::MIN }
    }

    /// The clock by which events are folded: that of the next look.
    pub const fn wall(&self) -> WallMs {
        WallMs(self.next.0)
    }

    /// Takes all looks that are due before an event at `time`.
    pub fn before(
        &mut self,
        time: EventMs,
        memory: &mut Memory,
        history: &mut History,
        rest: &mut dyn FnMut(Output),
    ) -> Result<(), Failure> {
        if self.first.is_none() {
            let ended = time.0.div_euclid(self.step_ms) * self.step_ms;
            self.next = EventMs(ended + self.step_ms);
            self.first = Some(self.next);
        }
        while self.next <= time {
            self.look(memory, history, rest)?;
        }
        Ok(())
    }

    /// Looks once more, after the last event.
    pub fn last(
        &mut self,
        memory: &mut Memory,
        history: &mut History,
        rest: &mut dyn FnMut(Output),
    ) -> Result<(), Failure> {
        if self.first.is_some() { self.look(memory, history, rest) } else { Ok(()) }
    }

    /// Writes what was seen, family by family and series by series; `told` hears of every series.
    pub fn write(&self, history: History, out: &mut dyn Write, told: impl Fn()) -> Result<(), Failure> {
        let failed = |error: io::Error| Failure::run("write the output", error);
        let first = self.first.unwrap_or(EventMs(0));
        let mut shown = None;
        history
            .read(|place, labels, bounds, runs| {
                let Some(family) = FAMILIES.get(place) else { return Ok(()) };
                if shown != Some(place) {
                    shown = Some(place);
                    write_family(family, out)?;
                }
                let mut text = SeriesText::new(family, labels, bounds);
                for (from, steps, value) in runs {
                    for step in *from..from + steps {
                        let at = first.plus(i64::try_from(step).unwrap_or(i64::MAX) * self.step_ms);
                        text.write(at, value, out)?;
                    }
                }
                told();
                Ok(())
            })
            .map_err(stopped)?;
        out.write_all(END.as_bytes()).map_err(failed)
    }

    fn look(
        &mut self,
        memory: &mut Memory,
        history: &mut History,
        rest: &mut dyn FnMut(Output),
    ) -> Result<(), Failure> {
        let wall = self.wall();
        let newest = memory.folds().iter().filter_map(FoldStage::stream_time).max();
        if newest.is_some_and(|newest| self.next.since(newest) >= self.idle_after_ms) {
            memory.idle(wall);
        }
        let mut take = |output| match output {
            Output::Exposed(shard, exposed) => {
                exposed.into_iter().for_each(|exposed| history.show(shard, exposed));
            }
            other => rest(other),
        };
        memory.commit(wall, &mut take).map_err(|stop| Failure::Run(stop.to_string()))?;
        history.step().map_err(stopped)?;
        self.next = self.next.plus(self.step_ms);
        Ok(())
    }
}

fn stopped(error: HistoryError) -> Failure {
    Failure::Run(match error {
        HistoryError::Samples(most) => {
            format!("more than {most} samples: take a longer --step, a shorter file, or raise --max-samples")
        }
        HistoryError::Series(most) => format!(
            "more than {most} series (limits.max_series of each shard): take fewer queues, or leave out \
             metrics.include"
        ),
        HistoryError::Spill(error) => {
            format!("write the output or its temporary file (in {}): {error}", std::env::temp_dir().display())
        }
    })
}
