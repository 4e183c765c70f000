//! A queue under random schedules of pushing and taking.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use crate::event::{Ctx, EventKind, Payload};
use crate::export::{Paired, RunEnd};
use crate::time::Timestamp;

/// What a schedule does next: an op with some notes is opened, noted on, ended, or the exporter
/// takes a batch.
#[derive(Debug, Clone)]
enum Step {
    Open,
    Note(usize),
    End(usize),
    /// An end that names no opener.
    PairedEnd(usize),
    EndRun,
    Take,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        3 => Just(Step::Open),
        4 => any::<usize>().prop_map(Step::Note),
        2 => any::<usize>().prop_map(Step::End),
        1 => any::<usize>().prop_map(Step::PairedEnd),
        1 => Just(Step::EndRun),
        2 => Just(Step::Take),
    ];
    prop::collection::vec(step, 0..300)
}

struct Stream {
    next: u64,
    run: u64,
    open: Vec<Text>,
}

impl Stream {
    fn event(&mut self, kind: EventKind, payload: String) -> TraceEvent {
        let seq = self.next;
        self.next += 1;
        TraceEvent {
            event_id: Text::new(format!("e-{seq}")),
            request_id: Text::new(format!("r{}", self.run)),
            payload: Payload::found(&kind, Text::new(payload)),
            kind,
            op_name: Some(Text::new("op")),
            ctx: Ctx::default(),
            timestamp: Timestamp::from_micros(seq as i64),
            seq,
            extra: None,
        }
    }

    fn of_opener(&mut self, kind: EventKind, id: &str) -> TraceEvent {
        self.event(kind, format!("{{\"opener_id\":\"{id}\"}}"))
    }

    /// The batch of a step.
    fn batch(&mut self, step: &Step) -> Batch {
        let mut paired = Vec::new();
        if let Step::PairedEnd(pick) = step
            && !self.open.is_empty()
        {
            let opener_id = self.open[pick % self.open.len()].clone();
            paired.push(Paired {
                index: 0,
                opener_id,
            });
        }
        let request_id = Text::new(format!("r{}", self.run));
        let (events, ends) = self.events(step);
        self.run += u64::from(ends);
        let ended = ends.then(|| RunEnd {
            request_id,
            after: events.len(),
        });
        let ended: Vec<_> = ended.into_iter().collect();
        Batch::new(events, ended).with_paired(paired)
    }

    /// The events of a step, and whether they end their run.
    fn events(&mut self, step: &Step) -> (Vec<TraceEvent>, bool) {
        match step {
            Step::Open => {
                let parent = self
                    .open
                    .last()
                    .map_or("null".into(), |id| format!("\"{id}\""));
                let start = format!("{{\"parent_id\":{parent}}}");
                let event = self.event(EventKind::OpStart, start);
                self.open.push(event.event_id.clone());
                (vec![event], false)
            }
            Step::Note(pick) if !self.open.is_empty() => {
                let id = self.open[pick % self.open.len()].clone();
                let notes = (0..3).map(|_| self.of_opener(EventKind::Annotation, &id));
                (notes.collect(), false)
            }
            Step::End(pick) if !self.open.is_empty() => {
                let id = self.open.remove(pick % self.open.len());
                (vec![self.of_opener(EventKind::OpEnd, &id)], false)
            }
            Step::PairedEnd(pick) if !self.open.is_empty() => {
                let id = self.open.remove(pick % self.open.len());
                let payload = format!("{{\"ends\":\"{id}\"}}");
                (vec![self.event(EventKind::OpEnd, payload)], false)
            }
            Step::EndRun => {
                let open = std::mem::take(&mut self.open);
                let ends = open.iter().rev();
                let ends = ends
                    .map(|id| self.of_opener(EventKind::OpEnd, id))
                    .collect();
                (ends, true)
            }
            _ => (Vec::new(), false),
        }
    }
}

#[derive(Default)]
struct Sums {
    pushed: u64,
    made: u64,
    dropped: u64,
    ends_without_room: u64,
    /// Events that left the queue, handed on or not.
    left: u64,
    taken: Vec<TraceEvent>,
    ended: BTreeSet<String>,
}

fn take(queue: &mut Queue, sums: &mut Sums) -> bool {
    let Some(popped) = queue.pop() else {
        return false;
    };
    queue.done(popped.waiting.events(), popped.waiting.bytes);
    sums.left += popped.waiting.events() as u64;
    sums.dropped += popped.dropped.total();
    sums.made += popped.made;
    sums.taken.extend_from_slice(popped.batch.events());
    let ended = popped.batch.ended().iter();
    sums.ended
        .extend(ended.map(|end| end.request_id.to_string()));
    true
}

fn play(steps: &[Step], max_events: usize, drops_oldest: bool) -> Sums {
    let mut queue = Queue::new(max_events, usize::MAX / 16, drops_oldest);
    let mut stream = Stream {
        next: 0,
        run: 0,
        open: Vec::new(),
    };
    let mut sums = Sums::default();
    let mut in_queue = 0_u64;
    for step in steps.iter().chain([&Step::EndRun]) {
        if matches!(step, Step::Take) {
            let before = sums.left;
            take(&mut queue, &mut sums);
            in_queue -= sums.left - before;
            continue;
        }
        let batch = stream.batch(step);
        sums.pushed += batch.len() as u64;
        let admitted = queue.push(&Waiting::new(batch));
        sums.made += admitted.made;
        sums.dropped += admitted.dropped.total();
        sums.ends_without_room += admitted.dropped.of(DropCause::QueueFull, &EventKind::OpEnd);
        in_queue = in_queue + admitted.taken - admitted.given_way;
        assert_eq!(queue.events as u64, in_queue);
        assert!(queue.events <= max_events);
    }
    while take(&mut queue, &mut sums) {}
    assert_eq!((queue.events, queue.bytes), (0, 0));
    assert!(queue.refused.is_empty() && queue.evicted.is_empty());
    assert!(queue.known.is_empty() && queue.handed.is_empty());
    assert!(queue.missing.is_empty());
    sums
}

proptest! {
    #[test]
    fn nothing_is_torn_and_everything_is_counted(
        steps in steps(),
        max_events in 16_usize..80,
        drops_oldest in any::<bool>(),
    ) {
        let sums = play(&steps, max_events, drops_oldest);
        prop_assert_eq!(sums.pushed + sums.made, sums.dropped + sums.taken.len() as u64);
        let mut open = BTreeSet::new();
        for event in &sums.taken {
            let ends = event.payload.text().split('"').nth(3);
            let ends = ends.filter(|_| event.payload.text().starts_with("{\"ends\""));
            let named = event.view().opener_id().map(|id| id.to_string());
            let id = named.or(ends.map(str::to_owned));
            match (&event.kind, id) {
                (EventKind::OpStart, _) => {
                    open.insert(event.event_id.to_string());
                }
                (EventKind::OpEnd, Some(id)) => {
                    prop_assert!(open.remove(&id), "an end of what is absent");
                }
                (EventKind::Annotation, Some(id)) => {
                    prop_assert!(open.contains(&id), "a note on what is absent");
                }
                _ => {}
            }
        }
        let open = open.len() as u64;
        prop_assert!(open <= sums.ends_without_room, "only these lost their ends");
        // Where the oldest give way, an opener may follow its end that found no room.
        prop_assert!(drops_oldest || open == sums.ends_without_room, "each of these was one's end");
        for event in &sums.taken {
            prop_assert!(sums.ended.contains(&*event.request_id), "a run that is left open");
        }
    }

    #[test]
    fn a_queue_with_room_passes_everything_as_it_came(steps in steps()) {
        let sums = play(&steps, 4096, false);
        prop_assert_eq!((sums.dropped, sums.made), (0, 0));
        prop_assert_eq!(sums.pushed, sums.taken.len() as u64);
    }
}
