//! The rules all at once: sagas of any shape in a world that repeats, loses, delays and reorders messages, forgets
//! transitions (a crash before the commit) and meddles; then it calms down, and everything must have come right.

use super::*;
use contracts::rest::sagas::SagaStatus as Status;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;

/// What may happen next.
#[derive(Debug, Clone)]
enum Happening {
    /// A message arrives; a copy of it may stay on the way.
    Arrives { which: Index, stays: bool, crash: bool },
    /// A message is lost.
    Lost { which: Index },
    /// Time passes until the saga is due, or some seconds.
    Waits { seconds: Option<u16>, crash: bool },
    /// Somebody meddles.
    Meddles { how: u8, crash: bool },
}

fn happening() -> impl Strategy<Value = Happening> {
    let crash = || proptest::bool::weighted(0.1);
    prop_oneof![
        8 => (any::<Index>(), proptest::bool::weighted(0.3), crash())
            .prop_map(|(which, stays, crash)| Happening::Arrives { which, stays, crash }),
        1 => any::<Index>().prop_map(|which| Happening::Lost { which }),
        3 => (proptest::option::of(1..300u16), crash())
            .prop_map(|(seconds, crash)| Happening::Waits { seconds, crash }),
        1 => (0..4u8, crash()).prop_map(|(how, crash)| Happening::Meddles { how, crash }),
    ]
}

/// How a step takes what it is told.
#[derive(Debug, Clone, Copy)]
struct Mood {
    refuses: bool,
    refuses_to_undo: bool,
    /// How often a local step fails before it works.
    fails: u32,
}

prop_compose! {
    fn mood()(refuses in proptest::bool::weighted(0.15), refuses_to_undo in proptest::bool::weighted(0.1),
              fails in prop_oneof![6 => Just(0u32), 1 => 1..20u32]) -> Mood {
        Mood { refuses, refuses_to_undo, fails }
    }
}

fn stage() -> impl Strategy<Value = (Stage, Mood)> {
    let place = prop_oneof![3 => Just(Place::Remote), 1 => Just(Place::Local)];
    let undo = prop_oneof![3 => Just(Some(Place::Remote)), 1 => Just(Some(Place::Local)), 1 => Just(None)];
    (place, undo, 1..4u32, 1..60u64, mood()).prop_map(|(place, undo, tries, seconds, mood)| {
        (Stage { name: "step", place, undo, timeout: Duration::from_secs(seconds), tries }, mood)
    })
}

/// Steps of any kind; those from the pivot on have nothing that undoes them.
fn shape() -> impl Strategy<Value = (Shape, Vec<Mood>)> {
    (vec(stage(), 1..6), any::<bool>(), proptest::option::of(any::<Index>())).prop_map(|(stages, begun, pivot)| {
        let (mut stages, moods): (Vec<_>, Vec<_>) = stages.into_iter().unzip();
        if begun {
            stages[0].place = Place::Begun;
        }
        let pivot = pivot.map(|pivot| pivot.index(stages.len())).filter(|pivot| stages[*pivot].place != Place::Begun);
        for stage in pivot.map_or(&mut [][..], |pivot| &mut stages[pivot..]) {
            stage.undo = None;
        }
        (Shape { stages, pivot }, moods)
    })
}

/// What really happened to a step, wherever it is done.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Fact {
    done: bool,
    undone: bool,
    asked: bool,
    failures: u32,
    times_done: u32,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Message {
    Command(Wait),
    Reply(Wait, bool),
}

/// A saga and everything around it.
#[derive(Clone)]
struct World {
    shape: Shape,
    moods: Vec<Mood>,
    now: DateTime<Utc>,
    state: State,
    facts: Vec<Fact>,
    way: Vec<Message>,
    notes: Vec<Note>,
    retries: u32,
    calm: bool,
}

impl World {
    fn start(shape: Shape, moods: Vec<Mood>) -> Self {
        let now = DateTime::UNIX_EPOCH;
        let begun = start(&shape, now, Duration::from_secs(400));
        let facts = vec![Fact::default(); shape.stages.len()];
        let (state, retries) = (begun.state.clone(), 0);
        let mut world = Self { shape, moods, now, state, facts, way: vec![], notes: vec![], retries, calm: false };
        if world.shape.stages[0].place == Place::Begun {
            world.facts[0] = Fact { done: true, times_done: 1, asked: true, ..Fact::default() };
        }
        world.follow(begun);
        world
    }

    fn ended(&self) -> bool {
        matches!(self.state.status, Status::Completed | Status::Closed | Status::Compensated | Status::Settled)
    }

    /// Carries out a transition to its end, as the engine does within one transaction.
    fn follow(&mut self, mut step: Move) {
        loop {
            self.notes.append(&mut step.notes);
            self.state = step.state;
            match step.next {
                Next::Rest => return,
                Next::Send => {
                    let wait = self.state.wait.unwrap();
                    self.facts[wait.step].asked |= wait.direction == Forward;
                    return self.way.push(Message::Command(wait));
                }
                Next::Run => {
                    let wait = self.state.wait.unwrap();
                    let input = self.run(wait);
                    step = advance(&self.shape, self.state.clone(), input, self.now).unwrap();
                }
            }
        }
    }

    /// Runs a local step.
    fn run(&mut self, wait: Wait) -> Input {
        let (mood, fact) = (self.moods[wait.step], &mut self.facts[wait.step]);
        if fact.failures < mood.fails && !self.calm {
            fact.failures += 1;
            return Input::Failed { error: "out of luck".into() };
        }
        self.facts[wait.step].asked |= wait.direction == Forward;
        if self.take(wait) { Input::Ran(Reply::Done) } else { Input::Ran(refusal()) }
    }

    /// Does or undoes a step, once, wherever; says whether it was refused.
    fn take(&mut self, wait: Wait) -> bool {
        let behind = self.shape.pivot.is_some_and(|pivot| wait.step > pivot);
        let (mood, fact) = (self.moods[wait.step], &mut self.facts[wait.step]);
        match wait.direction {
            // Who refuses once refuses for ever; only behind the pivot somebody sees to it.
            Forward if fact.undone || mood.refuses && !fact.done && !(self.calm && behind) => false,
            Forward => {
                fact.times_done += u32::from(!fact.done);
                fact.done = true;
                true
            }
            Backward if mood.refuses_to_undo && !self.calm => false,
            Backward => {
                (fact.done, fact.undone) = (false, true);
                true
            }
        }
    }

    fn put(&mut self, input: Input, crash: bool) {
        let before = self.clone();
        let ended = self.ended();
        let meant = matches!(input, Input::Close | Input::Cancel { .. });
        match advance(&self.shape, self.state.clone(), input, self.now) {
            Err(_) => return,
            Ok(step) => self.follow(step),
        }
        assert!(!ended || meant, "an ended saga went on by itself");
        if crash && !self.calm {
            *self = before;
        }
    }

    fn arrives(&mut self, message: Message, crash: bool) {
        match message {
            Message::Command(wait) => {
                let done = self.take(wait);
                self.way.push(Message::Reply(wait, done));
            }
            Message::Reply(wait, done) => {
                let reply = if done { Reply::Done } else { refusal() };
                let Wait { step, direction, attempt, .. } = wait;
                self.put(Input::Replied { step, direction, attempt, reply }, crash);
                if crash && !self.calm {
                    self.way.push(message);
                }
            }
        }
    }

    fn happens(&mut self, happening: &Happening) {
        match happening {
            Happening::Arrives { which, stays, crash } if !self.way.is_empty() => {
                let index = which.index(self.way.len());
                let message = if *stays { self.way[index] } else { self.way.swap_remove(index) };
                self.arrives(message, *crash);
            }
            Happening::Lost { which } if !self.way.is_empty() => {
                self.way.swap_remove(which.index(self.way.len()));
            }
            Happening::Waits { seconds, crash } => {
                self.now = match (seconds, self.state.due) {
                    (None, Some(due)) => self.now.max(due),
                    (seconds, _) => self.now + TimeDelta::seconds(seconds.unwrap_or(60).into()),
                };
                self.put(Input::Due { anew: None }, *crash);
            }
            Happening::Meddles { how, crash } => self.meddle(*how, *crash),
            _ => {}
        }
    }

    fn meddle(&mut self, how: u8, crash: bool) {
        let (by, reason) = ("somebody".to_owned(), "because".to_owned());
        self.retries += u32::from(how == 1);
        let input = match how {
            0 => Input::Cancel { by, reason },
            1 => Input::Retry { by, reason },
            2 => Input::Settle { by, reason },
            _ => Input::Close,
        };
        self.put(input, crash);
    }

    /// From now on everything works: the saga must come to its end.
    fn calm_down(&mut self) {
        self.calm = true;
        for _ in 0..200 {
            if self.ended() {
                return;
            }
            if self.state.status == Status::NeedsAttention {
                self.meddle(1, false);
            } else if let Some(message) = self.way.pop() {
                self.arrives(message, false);
            } else {
                self.happens(&Happening::Waits { seconds: None, crash: false });
            }
        }
        panic!("the saga does not end: {:?}", self.state);
    }

    fn check(&self) {
        let turned = self.notes.iter().any(|note| note.event == SagaEvent::TurnedBack);
        match self.state.status {
            Status::Completed | Status::Closed => {
                assert!(!turned, "completed although it turned back");
                assert!(self.facts.iter().all(|fact| fact.done && !fact.undone), "{:?}", self.facts);
            }
            Status::Compensated => {
                assert!(turned);
                for ((stage, fact), mood) in self.shape.stages.iter().zip(&self.facts).zip(&self.moods) {
                    let untouched = !fact.asked || mood.refuses || stage.undo.is_none();
                    assert!(untouched || fact.undone, "not undone: {:?}", self.facts);
                    assert!(stage.undo.is_none() || !fact.done, "left undone: {:?}", self.facts);
                }
            }
            Status::Settled => assert!(self.notes.iter().any(|note| note.event == SagaEvent::Settled)),
            other => panic!("{other:?} is not an end"),
        }
        for (step, fact) in self.facts.iter().enumerate() {
            assert!(fact.times_done <= 1, "step {step} was done twice");
            assert!(!fact.undone || fact.asked, "step {step} was undone and never asked for");
            if self.shape.pivot.is_some_and(|pivot| step >= pivot) && fact.done {
                assert!(!turned, "turned back behind the pivot");
            }
        }
        self.check_order();
    }

    /// Forward in order, then backward in reverse order, each step once, attempts counted and bounded.
    fn check_order(&self) {
        let made = self
            .notes
            .iter()
            .filter(|note| matches!(note.event, SagaEvent::Sent | SagaEvent::Undone | SagaEvent::Done));
        let mut last: Option<(Direction, usize)> = None;
        for note in made {
            let (step, direction, attempt) = (note.step.unwrap(), note.direction.unwrap(), note.attempt.unwrap());
            match (last, direction) {
                (Some((Forward, before)), Forward) => assert!(step >= before),
                (Some((Backward, _)), Forward) => panic!("forward again"),
                (Some((Backward, before)), Backward) => assert!(step <= before),
                _ => {}
            }
            let patience = match direction {
                Forward if !self.shape.committed(step) => self.shape.stages[step].tries,
                Forward => u32::MAX,
                Backward => ATTEMPTS * (1 + self.retries),
            };
            assert!(attempt <= patience, "attempt {attempt} at step {step}");
            last = Some((direction, step));
        }
    }
}

fn refusal() -> Reply {
    Reply::Refused { code: "no".into(), message: "no".into() }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens_a_saga_ends_with_all_done_or_all_undone(
        (shape, moods) in shape(),
        happenings in vec(happening(), 0..60),
    ) {
        let mut world = World::start(shape, moods);
        for happening in &happenings {
            world.happens(happening);
        }
        world.calm_down();
        world.check();
        // What is still on its way finds it closed to everything.
        let end = world.state.clone();
        for message in std::mem::take(&mut world.way) {
            world.arrives(message, false);
        }
        world.put(Input::Due { anew: None }, false);
        prop_assert_eq!(&end, &world.state);
    }
}
