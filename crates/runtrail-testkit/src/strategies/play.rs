//! Plays the steps of a generated run.

mod inside;

use runtrail_core::event::TraceEvent;
use runtrail_core::text::Text;

use super::step::{Step, What};
use super::{Ids, Shape};
use crate::run::RunBuilder;

const OPS: [&str; 8] = [
    "main",
    "main.fetch",
    "main.fetch.parse",
    "gen",
    "main.sub.i.d",
    "collect",
    "a/b \u{202e}",
    "xin.chào",
];
const GROUPS: [&str; 4] = ["turn", "phase", "turn", "sub \"x\""];
const SCOPES: [&[&str]; 5] = [
    &[],
    &["main"],
    &["main", "loop_1"],
    &["main", "loop_1", "sub"],
    &["a/b", "\\"],
];

/// Makes the events of a run; there is at least one.
pub(super) fn play(request_id: &str, shape: Shape, steps: &[Step]) -> Vec<TraceEvent> {
    let mut player = Player::new(request_id, shape);
    for step in steps {
        player.run.step_micros(if step.waits { 137 } else { 0 });
        player.step(*step);
    }
    if shape.balanced {
        player.close_all();
    }
    if player.run.events().is_empty() {
        player
            .run
            .push("annotation", None, &[], r#"{"key":"empty"}"#);
    }
    player.run.into_events()
}

struct Open {
    event_id: Text,
    name: &'static str,
    scope: Vec<String>,
    is_op: bool,
    items: usize,
}

struct Player {
    shape: Shape,
    run: RunBuilder,
    open: Vec<Open>,
    scopes: Vec<Vec<String>>,
}

impl Player {
    fn new(request_id: &str, shape: Shape) -> Self {
        let scopes = SCOPES
            .iter()
            .map(|scope| scope.iter().map(ToString::to_string).collect())
            .collect();
        Self {
            shape,
            run: RunBuilder::new(request_id),
            open: Vec::new(),
            scopes,
        }
    }

    fn step(&mut self, step: Step) {
        let odd = !self.shape.balanced;
        match step.what {
            What::StartOp => self.start_op(step),
            What::StartGroup => self.start_group(step),
            What::EndOp => self.on_open(step, true, Self::end),
            What::EndGroup => self.on_open(step, false, Self::end),
            What::Yield => self.on_open(step, true, Self::yield_item),
            What::Note => self.on_open(step, true, Self::note),
            What::Usage => self.on_open(step, true, Self::usage),
            What::Media => self.on_open(step, true, Self::media),
            What::GroupNote => {
                self.run.push(
                    "annotation",
                    None,
                    &[],
                    &format!(r#"{{"key":"k{}","value":[{}]}}"#, step.form % 2, step.pick),
                );
            }
            What::UnknownKind => {
                self.run
                    .push("op_pause", Some("main"), &["main"], r#"{"until": 1e400}"#);
            }
            What::Repeat if odd => {
                self.run.repeat();
            }
            What::OrphanEnd if odd => {
                let payload = [
                    r#"{"duration_ms":1.5}"#,
                    "{}",
                    r#"{"status":"paused","opener_id":"lost"}"#,
                ][step.form % 3];
                self.push(
                    "op_end",
                    Some(OPS[step.pick % OPS.len()]),
                    &["nowhere".to_owned()],
                    payload,
                );
            }
            What::OrphanGroupEnd if odd => {
                self.push("group_end", None, &[], r#"{"name":"nobody","status":"ok"}"#);
            }
            What::OrphanNote if odd => {
                let kind = ["annotation", "llm_usage", "media_ref", "op_yield"][step.form % 4];
                self.push(
                    kind,
                    Some("nobody"),
                    &["main".to_owned()],
                    r#"{"key":"k","model":"m","idx":3}"#,
                );
            }
            What::Repeat | What::OrphanEnd | What::OrphanGroupEnd | What::OrphanNote => {}
        }
    }

    fn push(&mut self, kind: &str, op_name: Option<&str>, scope: &[String], payload: &str) -> Text {
        let scope: Vec<&str> = scope.iter().map(String::as_str).collect();
        self.run.push(kind, op_name, &scope, payload)
    }

    fn start_op(&mut self, step: Step) {
        let name = OPS[step.pick % OPS.len()];
        let mut scope =
            self.scopes[(step.pick / OPS.len() + step.form) % self.scopes.len()].clone();
        if step.form == 11 {
            scope.push("__collect__".to_owned());
        }
        let parent = self.parent_id(step);
        let inputs = [
            r#""inputs": {"n": 1.10, "n": 2}"#,
            r#""inputs":null"#,
            r#""x":0"#,
        ][step.form % 3];
        let event_id = self.push(
            "op_start",
            Some(name),
            &scope,
            &format!("{{{inputs}{parent}}}"),
        );
        self.open.push(Open {
            event_id,
            name,
            scope,
            is_op: true,
            items: 0,
        });
    }

    fn start_group(&mut self, step: Step) {
        let name = GROUPS[step.pick % GROUPS.len()];
        let parent = self.parent_id(step);
        let quoted = name.replace('"', "\\\"");
        let event_id = self.push(
            "group_start",
            None,
            &[],
            &format!(r#"{{"name":"{quoted}","n":{}{parent}}}"#, step.pick),
        );
        if step.form.is_multiple_of(4) {
            self.run.share_moment();
        }
        self.open.push(Open {
            event_id,
            name,
            scope: Vec::new(),
            is_op: false,
            items: 0,
        });
    }

    /// Names an open span as the parent, the innermost most often; in an unbalanced run sometimes
    /// one that does not exist.
    fn parent_id(&self, step: Step) -> String {
        if !self.names_ids(step) || self.open.is_empty() {
            return String::new();
        }
        if !self.shape.balanced && step.form == 7 {
            return r#","parent_id":"lost""#.to_owned();
        }
        let back = if step.form.is_multiple_of(3) {
            step.pick % self.open.len()
        } else {
            0
        };
        format!(
            r#","parent_id":"{}""#,
            self.open[self.open.len() - 1 - back].event_id
        )
    }

    fn opener_id(&self, step: Step, at: usize) -> String {
        if self.names_ids(step) {
            format!(r#","opener_id":"{}""#, self.open[at].event_id)
        } else {
            String::new()
        }
    }

    fn names_ids(&self, step: Step) -> bool {
        match self.shape.ids {
            Ids::Never => false,
            Ids::Always => true,
            Ids::Sometimes => step.pick.is_multiple_of(2),
        }
    }

    /// Does something to one of the open ops, or of the open groups, if there is one.
    fn on_open(&mut self, step: Step, is_op: bool, act: fn(&mut Self, Step, usize)) {
        let candidates: Vec<usize> = (0..self.open.len())
            .rev()
            .filter(|&at| self.open[at].is_op == is_op)
            .collect();
        if !candidates.is_empty() {
            act(self, step, candidates[step.pick % candidates.len()]);
        }
    }
}
