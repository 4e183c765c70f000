//! What the pipeline's threads do to each other, under every interleaving that memory allows.
//!
//! `bell.rs` is the pipeline's own file, on loom's threads, locks and atomics. The rings are a crate
//! of somebody else; what is modelled of them is the order in which they publish what is put in.

#[path = "../../../crates/runtrail-core/src/pipeline/bell.rs"]
mod bell;
mod sync {
    pub(crate) use loom::sync::atomic::{AtomicBool, AtomicU8, Ordering, fence};
    pub(crate) use loom::sync::{Condvar, Mutex, MutexGuard};
}

#[cfg(test)]
mod models {
    use std::time::Duration;

    use loom::sync::Arc;
    use loom::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering, fence};
    use loom::thread;

    use crate::bell::{Bell, IDLE};

    /// Loom's condition variables never time out: where a wake is missed, the model ends in a deadlock.
    const NEVER: Duration = Duration::MAX;

    /// A ring of one producer: what was put in is there for whoever sees the count.
    #[derive(Default)]
    struct Ring {
        records: [AtomicU64; 2],
        pushed: AtomicUsize,
    }

    impl Ring {
        fn push(&self, ticks: u64) {
            let at = self.pushed.load(Ordering::Relaxed);
            self.records[at].store(ticks, Ordering::Relaxed);
            self.pushed.store(at + 1, Ordering::Release);
        }

        fn len(&self) -> usize {
            self.pushed.load(Ordering::Acquire)
        }

        fn get(&self, at: usize) -> u64 {
            self.records[at].load(Ordering::Relaxed)
        }
    }

    /// What the worker is asked for: flushes, and to end.
    #[derive(Default)]
    struct Control {
        flushes: usize,
        ends: bool,
    }

    /// Works until it is told to end; returns how many records every flush covered.
    fn work(bell: &Bell<Control>, rings: &[Arc<Ring>], deep: bool) -> Vec<usize> {
        let mut covered = Vec::new();
        loop {
            let (flushes, ends) = {
                let mut control = bell.control();
                (std::mem::take(&mut control.flushes), control.ends)
            };
            for _ in 0..flushes {
                covered.push(rings.iter().map(|ring| ring.len()).sum());
            }
            if ends {
                return covered;
            }
            let asked = |control: &Control| control.flushes > 0 || control.ends;
            bell.sleep(deep, NEVER, asked, || false);
        }
    }

    fn what_is_asked_for_is_done(deep: bool) {
        loom::model(move || {
            let bell = Arc::new(Bell::new(Control::default()));
            let ring = Arc::new(Ring::default());
            let worker = {
                let (bell, rings) = (Arc::clone(&bell), [Arc::clone(&ring)]);
                thread::spawn(move || work(&bell, &rings, deep))
            };
            ring.push(1);
            bell.ask(|control| control.flushes += 1);
            bell.ask(|control| control.ends = true);
            // What was recorded before the flush was asked for is covered by it.
            assert_eq!(worker.join().unwrap(), [1]);
        });
    }

    #[test]
    fn a_worker_that_naps_misses_nothing_that_is_asked_for() {
        what_is_asked_for_is_done(false);
    }

    #[test]
    fn a_worker_that_sleeps_misses_nothing_that_is_asked_for() {
        what_is_asked_for_is_done(true);
    }

    #[test]
    fn a_flush_covers_what_another_thread_recorded_before() {
        loom::model(|| {
            let bell = Arc::new(Bell::new(Control::default()));
            let rings = [Arc::new(Ring::default()), Arc::new(Ring::default())];
            let worker = {
                let (bell, rings) = (Arc::clone(&bell), rings.clone());
                thread::spawn(move || work(&bell, &rings, false))
            };
            let told = Arc::new(AtomicBool::new(false));
            let other = {
                let (ring, told) = (Arc::clone(&rings[1]), Arc::clone(&told));
                thread::spawn(move || {
                    ring.push(1);
                    told.store(true, Ordering::Release);
                })
            };
            let heard = told.load(Ordering::Acquire);
            bell.ask(|control| control.flushes += 1);
            bell.ask(|control| control.ends = true);
            let covered = worker.join().unwrap();
            if heard {
                assert_eq!(covered, [1]);
            }
            other.join().unwrap();
        });
    }

    #[test]
    fn a_thread_that_sees_the_worker_idle_wakes_it() {
        loom::model(|| {
            let bell = Arc::new(Bell::new(Control::default()));
            let ring = Arc::new(Ring::default());
            let worker = {
                let (bell, ring) = (Arc::clone(&bell), Arc::clone(&ring));
                thread::spawn(move || {
                    bell.sleep(true, NEVER, |control| control.ends, || ring.len() > 0);
                })
            };
            ring.push(1);
            if bell.state.load(Ordering::Relaxed) & IDLE == 0 {
                // Not seen idle: it has not slept yet, is awake again, or misses this record until its
                // limit, which here is the end.
                bell.ask(|control| control.ends = true);
            } else {
                bell.rouse();
            }
            worker.join().unwrap();
            assert_eq!(bell.state.load(Ordering::Relaxed) & IDLE, 0);
        });
    }

    /// Emitting threads do without the fence, which is what [`Bell::sleep`] says of the wake that can be
    /// missed; with it none is, so the worker's side of the bargain is kept.
    #[test]
    fn a_thread_that_puts_a_fence_before_its_look_is_never_missed() {
        loom::model(|| {
            let bell = Arc::new(Bell::new(Control::default()));
            let ring = Arc::new(Ring::default());
            let worker = {
                let (bell, ring) = (Arc::clone(&bell), Arc::clone(&ring));
                thread::spawn(move || {
                    bell.sleep(true, NEVER, |control| control.ends, || ring.len() > 0);
                    ring.len()
                })
            };
            ring.push(1);
            fence(Ordering::SeqCst);
            if bell.state.load(Ordering::Relaxed) & IDLE != 0 {
                bell.rouse();
            }
            // It wakes, and finds the record.
            assert_eq!(worker.join().unwrap(), 1);
        });
    }

    #[test]
    fn a_thread_whose_ring_fills_up_wakes_a_worker_that_waits() {
        loom::model(|| {
            let bell = Arc::new(Bell::new(Control::default()));
            let slept = Arc::new(AtomicBool::new(false));
            let worker = {
                let (bell, slept) = (Arc::clone(&bell), Arc::clone(&slept));
                thread::spawn(move || {
                    let last_look = || {
                        slept.store(true, Ordering::Release);
                        false
                    };
                    bell.sleep(false, NEVER, |control| control.ends, last_look);
                })
            };
            if slept.load(Ordering::Acquire) {
                // It is behind its last look, so nothing but this ends its sleep.
                bell.wake();
            } else {
                bell.ask(|control| control.ends = true);
            }
            worker.join().unwrap();
        });
    }

    /// Takes what rings hold up to a moment that is read first, in the order of time.
    fn take(clock: &AtomicU64, rings: &[Arc<Ring>]) -> Vec<u64> {
        let now = clock.fetch_add(1, Ordering::AcqRel);
        let mut taken = Vec::new();
        for ring in rings {
            taken.extend((0..ring.len()).map(|at| ring.get(at)));
            // By itself loom changes threads where they write, and never between two looks.
            thread::yield_now();
        }
        taken.retain(|ticks| *ticks <= now);
        taken.sort_unstable();
        assert!(!taken.contains(&0), "a record that is not there yet");
        taken
    }

    #[test]
    fn what_a_thread_recorded_after_it_heard_of_anothers_record_is_not_taken_before_it() {
        loom::model(|| {
            let clock = Arc::new(AtomicU64::new(1));
            let rings = [Arc::new(Ring::default()), Arc::new(Ring::default())];
            let record = |ring: &Ring, clock: &AtomicU64| {
                let ticks = clock.fetch_add(1, Ordering::AcqRel);
                ring.push(ticks);
                ticks
            };
            let told = Arc::new(AtomicU64::new(0));
            let first = {
                let (ring, clock, told) = (rings[0].clone(), clock.clone(), told.clone());
                thread::spawn(move || told.store(record(&ring, &clock), Ordering::Release))
            };
            let second = {
                let (ring, clock) = (rings[1].clone(), clock.clone());
                thread::spawn(move || {
                    let cause = told.load(Ordering::Acquire);
                    (cause, record(&ring, &clock))
                })
            };
            let taken = take(&clock, &rings);
            first.join().unwrap();
            let (cause, effect) = second.join().unwrap();
            if cause > 0 && taken.contains(&effect) {
                assert!(taken.contains(&cause), "{taken:?}");
                assert!(cause < effect);
            }
            // Nothing is lost: what was not taken yet is there at the next look.
            assert_eq!(take(&clock, &rings).len(), 2);
        });
    }

    /// A run whose end found no room in a ring: its thread leaves it where the worker looks for what it
    /// is asked for, with a time that it reads under the lock.
    #[test]
    fn a_run_ends_after_what_was_recorded_before_its_end_was_left_at_the_side_door() {
        loom::model(|| {
            let clock = Arc::new(AtomicU64::new(1));
            let bell = Arc::new(Bell::new(None));
            let ring = Arc::new(Ring::default());
            let thread = {
                let (bell, ring, clock) = (bell.clone(), ring.clone(), clock.clone());
                thread::spawn(move || {
                    ring.push(clock.fetch_add(1, Ordering::AcqRel));
                    bell.ask(|left| *left = Some(clock.fetch_add(1, Ordering::AcqRel)));
                })
            };
            let mut waiting = None;
            for _ in 0..2 {
                // As the worker does: the time first, then what it is asked for, then the rings.
                let now = clock.fetch_add(1, Ordering::AcqRel);
                waiting = waiting.or_else(|| bell.control().take());
                thread::yield_now();
                let recorded = (0..ring.len()).any(|at| ring.get(at) <= now);
                if waiting.is_some_and(|left| left <= now) {
                    assert!(recorded, "the run ended before what was recorded of it");
                    waiting = None;
                }
            }
            thread.join().unwrap();
        });
    }
}
