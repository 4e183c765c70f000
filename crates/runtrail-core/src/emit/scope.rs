//! The op or group that the running code is in.

use std::cell::Cell;
use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use pin_project_lite::pin_project;
use serde::Serialize;

use super::at::At;
use super::group::Group;
use super::op::Op;
use super::usage::LlmUsage;

thread_local! {
    static CURRENT: Cell<At> = const { Cell::new(At::OFF) };
}

static OUTSIDE: AtomicU64 = AtomicU64::new(0);

#[inline]
pub(super) fn current() -> At {
    CURRENT.with(Cell::get)
}

/// Makes an op or a group the current one of this thread, until it is dropped.
#[derive(Debug)]
#[must_use = "the scope ends when this is dropped"]
pub struct Entered {
    before: At,
    /// A scope belongs to its thread.
    _not_send: PhantomData<*const ()>,
}

impl Entered {
    fn new(at: At) -> Self {
        Self {
            before: CURRENT.replace(at),
            _not_send: PhantomData,
        }
    }
}

impl Drop for Entered {
    fn drop(&mut self) {
        CURRENT.set(self.before);
    }
}

/// The op or group that the running code is in, or none.
///
/// A copy can be taken to a spawned thread or task and entered there.
#[derive(Debug, Clone, Copy)]
pub struct Scope(At);

impl Scope {
    /// Returns the scope of the running code.
    pub fn current() -> Self {
        Self(current())
    }

    /// Whether there is an op or a group, be it one that is not recorded.
    pub fn is_some(self) -> bool {
        self.0 != At::OFF
    }

    /// Makes it the current one of this thread, until the guard is dropped.
    pub fn enter(self) -> Entered {
        Entered::new(self.0)
    }
}

impl From<&Op> for Scope {
    fn from(op: &Op) -> Self {
        Self(op.at().or_silent())
    }
}

impl From<&Group> for Scope {
    fn from(group: &Group) -> Self {
        Self(group.at().or_silent())
    }
}

fn here() -> Option<At> {
    let at = current();
    if !at.is_off() {
        return Some(at);
    }
    if at != At::SILENT {
        OUTSIDE.fetch_add(1, Ordering::Relaxed);
    }
    None
}

/// Records a note on the op or group that the running code is in; outside of any it only counts.
pub fn annotate<V: Serialize>(key: &str, value: impl FnOnce() -> V) {
    if let Some(at) = here() {
        at.annotate(key, value);
    }
}

/// Records what an LLM call used on the op that the running code is in.
pub fn llm_usage(usage: LlmUsage<'_>) {
    if let Some(at) = here() {
        usage.record(at);
    }
}

/// Opens an op in the one that the running code is in, in its ctx; outside of any it only counts.
pub fn op<V: Serialize>(name: &str, inputs: impl FnOnce() -> V) -> Op {
    match here() {
        Some(at) => Op::open(at, name, None, inputs),
        None => Op::off(),
    }
}

/// Opens a group in the op or group that the running code is in.
pub fn group(name: &str) -> Group {
    match here() {
        Some(at) => Group::open(at, name, || ()),
        None => Group::off(),
    }
}

/// Returns how often this process recorded something outside of any op or group, which is lost.
pub fn outside_any_op() -> u64 {
    OUTSIDE.load(Ordering::Relaxed)
}

pin_project! {
    /// A future that runs in an op, wherever it is polled.
    #[derive(Debug)]
    #[must_use = "futures do nothing unless polled"]
    pub struct Scoped<F> {
        #[pin]
        future: F,
        scope: Scope,
    }
}

impl<F: Future> Future for Scoped<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        let _entered = this.scope.enter();
        this.future.poll(context)
    }
}

/// Lets futures run in an op.
///
/// ```
/// use runtrail_core::emit::{self, InOp};
///
/// async fn deep_inside() {
///     emit::annotate("rows", || 3);
/// }
///
/// async fn step(op: &emit::Op) {
///     deep_inside().in_op(op).await;
/// }
/// ```
pub trait InOp: Future + Sized {
    /// Runs this future in an op or a group: across its await points and on every thread that polls
    /// it, that op is the current one.
    fn in_op(self, scope: impl Into<Scope>) -> Scoped<Self>;

    /// Runs this future in the scope that the running code is in now; for tasks that are spawned.
    fn in_current_op(self) -> Scoped<Self>;
}

impl<F: Future> InOp for F {
    fn in_op(self, scope: impl Into<Scope>) -> Scoped<Self> {
        Scoped {
            future: self,
            scope: scope.into(),
        }
    }

    fn in_current_op(self) -> Scoped<Self> {
        Scoped {
            future: self,
            scope: Scope::current(),
        }
    }
}
