//! What happens to a span that is open.

use super::{Open, Player};
use crate::strategies::step::{Step, What};

impl Player {
    pub(super) fn end(&mut self, step: Step, at: usize) {
        let at = self.closed_by_name(step, at);
        let opener = self.opener_id(step, at);
        let open = self.open.remove(at);
        if open.is_op {
            let payload = match step.form % 4 {
                0 => format!(
                    r#"{{"outputs": {{"s":1.10}},"status":"ok","duration_ms":0.25,"yield_count":{}"#,
                    open.items
                ),
                1 => r#"{"status":"error","error":{"type":"E","message":"boom"}"#.to_owned(),
                2 => r#"{"status":"cancelled""#.to_owned(),
                _ => r#"{"outputs":[1e400]"#.to_owned(),
            };
            self.push(
                "op_end",
                Some(open.name),
                &open.scope,
                &format!("{payload}{opener}}}"),
            );
            return;
        }
        if step.form % 4 == 1 {
            self.run.share_moment();
        }
        let quoted = open.name.replace('"', "\\\"");
        let status = ["ok", "error", "truncated"][step.form % 3];
        self.push(
            "group_end",
            None,
            &[],
            &format!(r#"{{"name":"{quoted}","status":"{status}"{opener}}}"#),
        );
    }

    /// Without ids, an end closes the latest of its name and scope, so that is the one to forget.
    fn closed_by_name(&self, step: Step, at: usize) -> usize {
        if self.names_ids(step) {
            return at;
        }
        let meant = &self.open[at];
        let same = |open: &Open| {
            (open.is_op, open.name, &open.scope) == (meant.is_op, meant.name, &meant.scope)
        };
        self.open.iter().rposition(same).unwrap_or(at)
    }

    pub(super) fn yield_item(&mut self, step: Step, at: usize) {
        let opener = self.opener_id(step, at);
        let open = &mut self.open[at];
        let idx = open.items;
        open.items += 1;
        let (name, mut scope) = (open.name, open.scope.clone());
        if step.form % 4 != 3 {
            scope.push(format!("[{idx}]"));
            if !self.scopes.contains(&scope) {
                self.scopes.push(scope.clone());
            }
        }
        self.push(
            "op_yield",
            Some(name),
            &scope,
            &format!(r#"{{"yielded":{{"item":{idx}}},"idx":{idx}{opener}}}"#),
        );
    }

    pub(super) fn note(&mut self, step: Step, at: usize) {
        let payload = format!(
            r#"{{"key":"k{}","value": {{"é":"\u00e9"}}{}}}"#,
            step.form % 2,
            self.opener_id(step, at)
        );
        self.push_for("annotation", at, &payload);
    }

    pub(super) fn usage(&mut self, step: Step, at: usize) {
        let cost = ["null", "0.25", "0"][step.form % 3];
        let opener = self.opener_id(step, at);
        let payload = format!(
            r#"{{"model":"m{}","prompt_tokens":{},"completion_tokens":2,"cost_usd":{cost}{opener}}}"#,
            step.form % 2,
            step.pick
        );
        self.push_for("llm_usage", at, &payload);
    }

    pub(super) fn media(&mut self, step: Step, at: usize) {
        let opener = self.opener_id(step, at);
        self.push_for(
            "media_ref",
            at,
            &format!(
                r#"{{"handle":"h{}","mime":"audio/mp3","size_bytes":3{opener}}}"#,
                step.pick
            ),
        );
    }

    fn push_for(&mut self, kind: &str, at: usize, payload: &str) {
        let (name, scope) = (self.open[at].name, self.open[at].scope.clone());
        self.push(kind, Some(name), &scope, payload);
    }

    /// Closes what is open, innermost first.
    pub(super) fn close_all(&mut self) {
        while let Some(at) = self.open.len().checked_sub(1) {
            self.end(
                Step {
                    what: What::EndOp,
                    pick: 0,
                    form: 0,
                    waits: true,
                },
                at,
            );
        }
    }
}
