//! The faults themselves: which, to whom, when. One after another from the dice, some of them at the same time.

use std::thread::{Scope, ScopedJoinHandle};
use std::time::{Duration, Instant};

use super::copy::State;
use super::fleet::{BRISK, Fleet};
use super::plan::Plan;
use crate::harness::kafka::Broker;
use crate::harness::stream::Stream;
use crate::scenario::dice::Dice;

const TURN: Duration = Duration::from_millis(15);
/// Points of a commit or a restore at which a copy may die.
const POINTS: [&str; 6] = ["begun", "sent", "offsets", "committed", "heard", "restored"];

/// What is to be done later.
#[derive(Clone, Copy, Debug)]
enum Act {
    Start(usize),
    Supplant(usize),
    Thaw(usize),
}

struct Storm<'s, 'a, 'k> {
    scope: &'s Scope<'s, 'a>,
    fleet: &'a mut Fleet<'k>,
    plan: &'a Plan,
    dice: Dice,
    agenda: Vec<(Instant, Act)>,
    bounce: Option<ScopedJoinHandle<'s, ()>>,
    next_bounce: Instant,
}

/// Lets everything of the plan happen; returns how many seconds that took. What was broken last may still be, except
/// the broker.
pub fn storm(fleet: &mut Fleet<'_>, plan: &Plan, stream: &Stream) -> u64 {
    let began = Instant::now();
    for at in 0..fleet.copies.len() {
        fleet.start(at, None);
    }
    let next_bounce = began + Duration::from_secs(5);
    let dice = Dice::new(plan.seed ^ 0x0c4a_0500);
    std::thread::scope(|scope| {
        let mut storm = Storm { scope, fleet, plan, dice, agenda: Vec::new(), bounce: None, next_bounce };
        let mut next = began + Duration::from_secs(4);
        while !storm.is_over() && stream.is_flowing() {
            std::thread::sleep(TURN);
            for at in storm.fleet.look() {
                storm.later(at);
            }
            storm.keep_appointments();
            if Instant::now() >= next {
                storm.fault();
                next = Instant::now() + Duration::from_millis(storm.dice.between(150, 1_500) as u64);
            }
        }
    });
    began.elapsed().as_secs()
}

impl<'s, 'k: 's> Storm<'s, '_, 'k> {
    fn is_over(&self) -> bool {
        let tally = &self.fleet.tally;
        tally.kills() >= self.plan.kills
            && tally.bounces() >= self.plan.bounces
            && tally.rebalances >= self.plan.rebalances
    }

    fn fault(&mut self) {
        let tally = &self.fleet.tally;
        let (kills, bounces) = (tally.kills() < self.plan.kills, tally.bounces() < self.plan.bounces);
        if bounces && Instant::now() >= self.next_bounce {
            return self.bounce();
        }
        let up = self.fleet.in_state(|state| state == State::Up);
        // With nobody at work nothing can go wrong.
        if up.len() < 2 {
            return;
        }
        let at = up[self.dice.below(up.len())];
        match self.dice.below(10) {
            0..=3 if kills && self.fleet.tally.killed < self.plan.kills.div_ceil(2) => {
                if self.fleet.kill(at) {
                    self.later(at);
                }
            }
            4..=5 if !self.fleet.copies[at].is_haunted() && self.fleet.copies[at].freeze() => self.freeze(at),
            _ => drop(self.fleet.copies[at].leave()),
        }
    }

    /// A suspended copy runs on after its session is over; sometimes another has taken its name by then.
    fn freeze(&mut self, at: usize) {
        self.fleet.tally.frozen += 1;
        let thaw =
            Instant::now() + BRISK.session + Duration::from_millis(self.dice.between(100, 2_500) as u64);
        self.agenda.push((thaw, Act::Thaw(at)));
        if self.dice.chance(50) {
            let supplant = Instant::now() + Duration::from_millis(self.dice.between(50, 2_000) as u64);
            self.agenda.push((supplant, Act::Supplant(at)));
        }
    }

    /// A copy that is down comes back: within its session, or after others have got its partitions.
    fn later(&mut self, at: usize) {
        let wait_ms =
            if self.dice.chance(40) { self.dice.between(0, 500) } else { self.dice.between(1_500, 4_000) };
        self.agenda.push((Instant::now() + Duration::from_millis(wait_ms as u64), Act::Start(at)));
    }

    fn keep_appointments(&mut self) {
        let now = Instant::now();
        let (due, left) = self.agenda.iter().partition(|(at, _)| *at <= now);
        self.agenda = left;
        let due: Vec<(Instant, Act)> = due;
        for (_, act) in due {
            match act {
                Act::Start(at) => {
                    let fault = self.point();
                    self.fleet.start(at, fault.as_deref());
                }
                Act::Supplant(at) if self.fleet.copies[at].state == State::Frozen => self.fleet.supplant(at),
                Act::Supplant(_) => {}
                Act::Thaw(at) => self.fleet.copies[at].thaw(),
            }
        }
    }

    /// Perhaps a point at which the process is to die.
    fn point(&mut self) -> Option<String> {
        let wanted = self.fleet.tally.kills() < self.plan.kills && self.dice.chance(80);
        let point = POINTS[self.dice.below(POINTS.len())];
        let nth = if point == "restored" { self.dice.between(1, 4) } else { self.dice.between(1, 15) };
        wanted.then(|| format!("die:{point}:{nth}"))
    }

    /// The broker dies or is suspended, on a thread of its own: copies do not wait for it either.
    fn bounce(&mut self) {
        if self.bounce.as_ref().is_some_and(|bounce| !bounce.is_finished()) {
            return;
        }
        if let Some(done) = self.bounce.take() {
            done.join().expect("the broker comes back");
        }
        let kafka: &'k Broker = self.fleet.kafka();
        let away = Duration::from_millis(self.dice.between(0, 1_500) as u64);
        let kills = self.dice.chance(50);
        if kills {
            self.fleet.tally.broker_kills += 1;
            self.bounce = Some(self.scope.spawn(move || kill(kafka, away)));
        } else {
            // Mostly for a moment, now and then for longer than transactions and sessions live.
            let long = Duration::from_millis(
                self.dice.between(0, BRISK.transaction.as_millis() as i64 + 2_000) as u64,
            );
            let away = if self.dice.chance(50) { long } else { away };
            self.fleet.tally.broker_pauses += 1;
            self.bounce = Some(self.scope.spawn(move || pause(kafka, away)));
        }
        self.next_bounce = Instant::now() + Duration::from_millis(self.dice.between(6_000, 14_000) as u64);
    }
}

fn kill(kafka: &Broker, away: Duration) {
    kafka.kill();
    std::thread::sleep(away);
    kafka.restart();
}

fn pause(kafka: &Broker, away: Duration) {
    kafka.pause();
    std::thread::sleep(away);
    kafka.resume();
}
