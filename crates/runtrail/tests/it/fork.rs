//! A program that forks: ending the child's copy of a trail waits for nothing that other threads had.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use runtrail::Config;
use runtrail_core::export::Timer;
use rustix::process::{Pid, Signal, WaitOptions, kill_process, waitpid};

const LIMIT: Duration = Duration::from_secs(20);
/// Every fork finds the other threads at another place.
const FORKS: usize = 40;

/// How a child ended; one that hangs is killed.
fn end_of(child: Pid) -> Option<i32> {
    let (_keep, never) = mpsc::channel::<()>();
    let until = Instant::now() + LIMIT;
    while Instant::now() < until {
        if let Some((_, status)) = waitpid(Some(child), WaitOptions::NOHANG).unwrap() {
            return status.exit_status();
        }
        let _ = never.recv_timeout(Duration::from_millis(1));
    }
    kill_process(child, Signal::KILL).unwrap();
    waitpid(Some(child), WaitOptions::empty()).unwrap();
    None
}

#[test]
fn ending_a_trail_in_a_forked_child_waits_for_nobody() {
    let parts = Config::builder().load().unwrap().open().unwrap();
    let mut pause = parts.stop.pause();
    let mut trail = Some(parts.start().unwrap());
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            // As exporters' threads do that try again, so that some fork finds the lock held.
            while !done.load(Ordering::Relaxed) {
                assert!(pause.wait(Duration::ZERO));
            }
        });
        let mut ends = Vec::new();
        for number in 0..FORKS {
            match fork::fork().unwrap() {
                fork::Fork::Child => {
                    let trail = trail.take().unwrap();
                    // One way to end it after the other.
                    if number % 2 == 0 {
                        let _ = trail.shutdown(LIMIT);
                    }
                    drop(trail);
                    std::process::exit(0);
                }
                fork::Fork::Parent(child) => ends.push(end_of(Pid::from_raw(child).unwrap())),
            }
        }
        done.store(true, Ordering::Relaxed);
        assert_eq!(ends, [Some(0); FORKS], "a child hung");
    });
    assert!(trail.take().unwrap().shutdown(LIMIT).is_complete());
}
