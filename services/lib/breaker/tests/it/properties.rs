//! What holds whatever happens, in whatever order.

use std::time::{Duration, Instant};

use breaker::{Force, Forced, Machine, Outcome, Question, Recovery, State, Ticket, Totals, Word};
use proptest::prelude::*;

const CLASSES: usize = 3;
const PAUSED: Recovery = Recovery::Pause { base: Duration::from_secs(5), longest: Duration::from_secs(60) };

#[derive(Debug, Clone)]
enum Step {
    Admit(usize, u64),
    /// Ends the call at this place among those under way.
    End(usize, Outcome),
    /// What breaks off after its call was counted.
    Record(usize, u64, Outcome),
    /// The upstream answers the question, if it was asked.
    Answer(Question, Word),
    Wait(u64),
    Force(bool, u64),
    Reset,
    Probe,
}

/// Ways in which a call may end that a client can bring about.
fn caused() -> impl Strategy<Value = Outcome> {
    use Outcome::{Broken, Neutral, Success, Unable};
    prop_oneof![Just(Success), Just(Broken), Just(Unable), Just(Neutral)]
}

fn outcome() -> impl Strategy<Value = Outcome> {
    prop_oneof![4 => caused(), 1 => Just(Outcome::Failure)]
}

fn question() -> impl Strategy<Value = Question> {
    prop_oneof![Just(Question::Live), Just(Question::Ready)]
}

fn step() -> impl Strategy<Value = Step> {
    let word = prop_oneof![Just(Word::Yes), Just(Word::No), Just(Word::Nothing)];
    prop_oneof![
        12 => (0..CLASSES, 0_u64..20).prop_map(|(class, caller)| Step::Admit(class, caller)),
        12 => (any::<usize>(), outcome()).prop_map(|(at, outcome)| Step::End(at, outcome)),
        2 => (0..CLASSES, 0_u64..20, outcome()).prop_map(|(class, caller, outcome)| Step::Record(class, caller, outcome)),
        4 => (question(), word).prop_map(|(question, word)| Step::Answer(question, word)),
        3 => (0_u64..8_000).prop_map(Step::Wait),
        1 => (any::<bool>(), 1_u64..30).prop_map(|(open, ttl)| Step::Force(open, ttl)),
        1 => Just(Step::Reset),
        1 => Just(Step::Probe),
    ]
}

/// A machine, its clock, and the calls under way.
struct World {
    machine: Machine,
    now: Instant,
    calls: Vec<Ticket>,
}

impl World {
    fn new(recovery: Recovery, seed: u64) -> Self {
        let now = Instant::now();
        Self { machine: Machine::new(recovery, CLASSES, now, seed), now, calls: Vec::new() }
    }

    /// Takes one step as a caller, the upstream, the timer or an operator would.
    fn take(&mut self, step: &Step) {
        let now = self.now;
        match *step {
            Step::Admit(class, caller) => self.calls.extend(self.machine.admit(now, class, caller)),
            Step::End(at, outcome) if !self.calls.is_empty() => {
                let ticket = self.calls.swap_remove(at % self.calls.len());
                self.machine.finish(now, ticket, outcome);
            }
            Step::End(..) => {}
            Step::Record(class, caller, outcome) => drop(self.machine.record(now, class, caller, outcome)),
            Step::Answer(question, word) if self.machine.asks(question) => {
                self.machine.answered(now, question, word);
            }
            Step::Answer(..) => {}
            Step::Wait(millis) => self.wait(millis),
            Step::Force(open, ttl) => {
                let to = if open { Forced::Open } else { Forced::Closed };
                self.machine.force(now, &Force { to, ttl: Duration::from_secs(ttl), reason: "drill".into() });
            }
            Step::Reset => drop(self.machine.reset("drill")),
            Step::Probe => drop(self.machine.probe(now, "drill")),
        }
    }

    fn wait(&mut self, millis: u64) {
        let until = self.now + Duration::from_millis(millis);
        // A timer never oversleeps by much: it wakes at each deadline on the way.
        while let Some(deadline) = self.machine.deadline().filter(|deadline| *deadline <= until) {
            self.now = deadline;
            assert!(!self.machine.tick(deadline).is_empty(), "something to do at the deadline");
        }
        self.now = until;
    }

    fn are(&self, state: State) -> bool {
        (0..CLASSES).all(|class| self.machine.state(class) == state)
    }
}

proptest! {
    #[test]
    fn never_more_than_three_trials_no_lost_permit_and_always_a_way_out(
        steps in prop::collection::vec(step(), 0..400), seed: u64, probed: bool
    ) {
        let mut world = World::new(if probed { Recovery::Probe } else { PAUSED }, seed);
        for step in &steps {
            world.take(step);
            for (class, snapshot) in world.machine.snapshots(world.now).iter().enumerate() {
                prop_assert!(snapshot.trials_under_way <= 3);
                if snapshot.state == State::Open {
                    prop_assert!(world.machine.admit(world.now, class, 99).is_err());
                    let asks = world.machine.asks(Question::Live) || world.machine.asks(Question::Ready);
                    prop_assert!(snapshot.moves_in.is_some() || asks, "open for ever");
                }
            }
        }
        for ticket in std::mem::take(&mut world.calls) {
            world.machine.finish(world.now, ticket, Outcome::Neutral);
        }
        prop_assert!(world.machine.snapshots(world.now).iter().all(|class| class.trials_under_way == 0));
    }

    #[test]
    fn nothing_that_four_callers_do_moves_the_breaker_of_an_upstream_that_is_well(
        calls in prop::collection::vec((0..CLASSES, 0_u64..4, caused(), 0_u64..3_000), 0..400)
    ) {
        let mut world = World::new(Recovery::Probe, 0);
        for (class, caller, outcome, wait) in calls {
            world.take(&Step::Admit(class, caller));
            world.take(&Step::End(0, outcome));
            for question in [Question::Live, Question::Ready] {
                world.take(&Step::Answer(question, Word::Yes));
            }
            prop_assert!(world.are(State::Closed));
            // Nor does any of them take it away from a fifth.
            prop_assert!(world.machine.admit(world.now, class, 4).is_ok());
            world.wait(wait);
        }
    }

    #[test]
    fn an_upstream_that_is_well_again_is_closed_two_seconds_later(steps in prop::collection::vec(step(), 0..200)) {
        let mut world = World::new(Recovery::Probe, 0);
        steps.iter().filter(|step| !matches!(step, Step::Force(..))).for_each(|step| world.take(step));
        // Calls that are under way stay so; the prober asks one question each 250 ms.
        for _ in 0..8 {
            let asks = |question| world.machine.asks(question);
            let question = if asks(Question::Live) { Question::Live } else { Question::Ready };
            world.take(&Step::Answer(question, Word::Yes));
            world.wait(250);
        }
        world.take(&Step::Answer(Question::Ready, Word::Yes));
        prop_assert!(world.are(State::Closed));
    }

    #[test]
    fn the_window_counts_what_a_list_of_calls_would(
        calls in prop::collection::vec((0_u64..3_000, any::<bool>()), 0..300)
    ) {
        let mut world = World::new(Recovery::Probe, 0);
        let start = world.now;
        let mut elapsed = 0;
        let mut list = Vec::new();
        for (gap, failed) in calls {
            elapsed += gap;
            let now = start + Duration::from_millis(elapsed);
            // Each call has a caller of its own, and few enough fail to open: this is about counting only.
            let outcome = if failed { Outcome::Failure } else { Outcome::Success };
            world.machine.record(now, 0, elapsed, outcome);
            world.machine.record(now, 1, elapsed, Outcome::Success);
            list.push((elapsed / 1_000, failed));
            let inside = || list.iter().filter(|(second, _)| second + 10 > elapsed / 1_000);
            let expected = Totals {
                calls: u32::try_from(inside().count()).expect("few"),
                failures: u32::try_from(inside().filter(|call| call.1).count()).expect("few"),
            };
            prop_assert_eq!(world.machine.snapshots(now)[0].totals, expected);
        }
    }
}
