//! The summary for people.

use std::fmt::Write as _;

use runtrail_core::printable::Printable;
use runtrail_parquet::{Table, Tables};

use super::Summary;
use crate::anomaly;
use crate::glyph::{Glyphs, State};
use crate::human::{bytes, count, counted};
use crate::terminal::Terminal;

impl Summary {
    /// The summary as lines of text.
    pub(super) fn text(&self, tables: Tables, terminal: Terminal) -> String {
        let glyphs = Glyphs::new(terminal.unicode, terminal.out_colour);
        if self.is_idle() {
            return self.nothing_to_do(glyphs) + "\n";
        }
        let mut lines = vec![self.headline(glyphs), self.balance(glyphs)];
        lines.extend(self.spans.as_ref().map(|spans| spans.text(glyphs)));
        lines.push(format!(
            "  {}",
            self.contents().join(&format!(" {} ", glyphs.dot()))
        ));
        lines.extend(
            self.remarks()
                .into_iter()
                .map(|remark| format!("  note: {remark}")),
        );
        if let Some(query) = self.query(tables) {
            lines.push(format!("  query it:  {}", glyphs.bold(&query)));
        }
        lines.join("\n") + "\n"
    }

    /// The summary as Markdown.
    pub(super) fn markdown(&self) -> String {
        let glyphs = Glyphs::new(true, false);
        if self.is_idle() {
            return self.nothing_to_do(glyphs) + "\n";
        }
        let mut lines = vec![
            self.headline(glyphs),
            String::new(),
            format!("- {}", self.balance(glyphs).trim_start()),
        ];
        let spans = self.spans.as_ref().map(|spans| spans.text(glyphs));
        lines.extend(spans.map(|text| format!("- {}", text.trim_start())));
        lines.push(format!("- {}", self.contents().join(", ")));
        lines.extend(
            self.remarks()
                .into_iter()
                .map(|remark| format!("- {remark}")),
        );
        lines.join("\n") + "\n"
    }

    /// Whether the lake held everything already.
    fn is_idle(&self) -> bool {
        !self.unchanged.is_empty() && self.files_read == 0 && self.files.is_empty()
    }

    fn nothing_to_do(&self, glyphs: Glyphs) -> String {
        let held = match self.unchanged.as_slice() {
            [only] => format!("{} as it is", Printable(only)),
            many => format!("all {} as they are", counted(many.len() as u64, "file")),
        };
        format!(
            "{} nothing to do: {} holds {held}",
            glyphs.paint(State::Ok, glyphs.shape(State::Ok)),
            Printable(&self.to),
        )
    }

    fn headline(&self, glyphs: Glyphs) -> String {
        let state = if self.failed_files.is_empty() {
            State::Ok
        } else {
            State::Error
        };
        let size = self.files.iter().map(|file| file.bytes).sum();
        let part = if self.exporter == "parquet" {
            "part"
        } else {
            "file"
        };
        let written = match &self.spans {
            Some(spans) if self.files.is_empty() => counted(spans.sent, "span"),
            _ => format!(
                "{}, {}",
                counted(self.files.len() as u64, part),
                bytes(size)
            ),
        };
        let mut line = format!(
            "{} {} {} {written}, {} to {}",
            glyphs.paint(state, glyphs.shape(state)),
            counted(self.files_read, "file"),
            glyphs.arrow(),
            counted(self.events_written, "event"),
            Printable(&self.to),
        );
        if let Some(quarantine) = &self.quarantine {
            let (dot, arrow) = (glyphs.dot(), glyphs.arrow());
            let lines = counted(self.quarantined, "line");
            let _ = write!(
                line,
                " {dot} {lines} quarantined {arrow} {}",
                Printable(quarantine)
            );
        }
        line
    }

    fn balance(&self, glyphs: Glyphs) -> String {
        let holds = self.records_read == self.accounted_for();
        let state = if holds { State::Ok } else { State::Error };
        format!(
            "  read = written + duplicates + quarantined: {} {} {} + {} + {} {}",
            count(self.records_read),
            if holds { "=" } else { "is not" },
            count(self.events_written),
            count(self.duplicates),
            count(self.quarantined),
            glyphs.paint(state, glyphs.shape(state)),
        )
    }

    fn contents(&self) -> Vec<String> {
        let truncated = |n: u64| {
            if n > 0 {
                format!(" ({} truncated)", count(n))
            } else {
                String::new()
            }
        };
        let failed = if self.errors > 0 {
            format!(", {} failed", count(self.errors))
        } else {
            String::new()
        };
        let mut contents = vec![
            counted(self.runs, "run"),
            format!(
                "{}{}{failed}",
                counted(self.ops, "op"),
                truncated(self.truncated_ops)
            ),
            format!(
                "{}{}",
                counted(self.groups, "group"),
                truncated(self.truncated_groups)
            ),
        ];
        if self.links > 0 {
            contents.push(counted(self.links, "link"));
        }
        contents.push(format!("{} read", bytes(self.bytes_read)));
        contents
    }

    /// What is odd about the archive, in words; nothing where nothing is.
    fn remarks(&self) -> Vec<String> {
        let mut remarks = Vec::new();
        remarks.extend(self.of_the_destination());
        let mut say = |n: u64, noun: &str, what: &str| {
            if n > 0 {
                remarks.push(format!("{} {what}", counted(n, noun)));
            }
        };
        say(
            self.conflicts,
            "event",
            "with an id that was used before for other content; all are kept",
        );
        say(
            self.unknown_kinds,
            "event",
            "of a kind that this version does not know; kept as they are",
        );
        say(
            self.substitutions,
            "value",
            "that JSON does not allow (NaN, infinities, lone surrogates) replaced",
        );
        say(
            self.misfits.values().sum(),
            "value",
            "that does not fit its column; null there, and in the payload as it was",
        );
        say(
            self.content_dropped,
            "byte",
            "of inputs, outputs and notes left out of trees that were too large",
        );
        say(
            self.spans_dropped,
            "span",
            "left out of trees that were too large",
        );
        say(self.empty_files.len() as u64, "file", "with nothing in it");
        say(
            self.skipped.len() as u64,
            "source",
            "that Runtrail wrote itself (lakes, trees) left out",
        );
        if !self.quarantined_by_reason.is_empty() {
            let reasons = self.quarantined_by_reason.iter();
            let reasons =
                reasons.map(|(code, n)| format!("{} {}", count(*n), code.replace('_', " ")));
            remarks.push(format!(
                "quarantined: {}",
                reasons.collect::<Vec<_>>().join(", ")
            ));
        }
        let reasons = self.spans.iter().flat_map(|spans| &spans.reasons);
        remarks.extend(reasons.map(|reason| format!("the receiver: {}", Printable(reason))));
        if self.anomalies > 0 {
            let kinds: Vec<String> = self
                .anomalies_by_kind
                .iter()
                .map(|(kind, n)| anomaly::say(kind, *n))
                .collect();
            remarks.push(format!(
                "what does not add up in the runs: {}",
                kinds.join(", ")
            ));
        }
        if self.records_read == 0 && self.files_read > 0 {
            remarks.push("the sources hold no events".to_owned());
        }
        remarks
    }

    /// What the destination held already, and what is still to come of it.
    fn of_the_destination(&self) -> Vec<String> {
        let mut remarks = Vec::new();
        let unchanged = self.unchanged.len() as u64;
        if unchanged > 0 {
            let files = counted(unchanged, "file");
            remarks.push(format!("{files} left out that the lake holds as they are"));
        }
        let continued = self.continued.len() as u64;
        if continued > 0 {
            let files = counted(continued, "file");
            remarks.push(format!("{files} read from where the last export ended"));
        }
        if self.everything_rewritten {
            let what = "more runs than can be told apart: all that the lake held is written anew";
            remarks.push(what.to_owned());
        } else if self.runs_rewritten > 0 {
            let before = if self.rewritten_from_sources {
                "read again from the sources"
            } else {
                "that the lake held of them"
            };
            remarks.push(format!(
                "{} written anew, with {} {before}",
                counted(self.runs_rewritten, "run"),
                counted(self.events_rewritten, "event"),
            ));
        }
        if self.runs_before > 0 {
            remarks.push(format!(
                "{} of {} had been taken before this export was cut off; what follows is of the others",
                counted(self.events_before, "event"),
                counted(self.runs_before, "run"),
            ));
        }
        if self.runs_carried > 0 {
            remarks.push(format!(
                "{} carried: open at the end of the sources, to be continued by the next export",
                counted(self.runs_carried, "run")
            ));
        }
        if self.runs_not_carried > 0 {
            remarks.push(format!(
                "{} closed as truncated: too many are open to carry them all",
                counted(self.runs_not_carried, "run")
            ));
        }
        remarks
    }

    /// A query to begin with, where the export is a lake with rows and a name that needs no quoting.
    fn query(&self, tables: Tables) -> Option<String> {
        let plain = |c: char| {
            c.is_alphanumeric() || matches!(c, '/' | '.' | '_' | '-' | ' ' | ':' | '+' | ',' | '@')
        };
        if self.exporter != "parquet" || self.events_written == 0 || !self.to.chars().all(plain) {
            return None;
        }
        let lake = self
            .to
            .strip_prefix("file://")
            .unwrap_or(&self.to)
            .trim_end_matches('/');
        let (select, table, rest) = if tables.contains(Table::Events) && self.llm_calls > 0 {
            (
                "llm_model, sum(llm_cost_usd)",
                "events",
                " where kind='llm_usage' group by 1",
            )
        } else if tables.contains(Table::Ops) && self.ops > 0 {
            (
                "op_name, count(*), avg(duration_ms)",
                "ops",
                " group by 1 order by 2 desc",
            )
        } else if tables.contains(Table::Events) {
            ("kind, count(*)", "events", " group by 1")
        } else if tables.contains(Table::Runs) {
            ("status, count(*), avg(duration_ms)", "runs", " group by 1")
        } else if tables.contains(Table::Groups) && self.groups > 0 {
            ("*", "groups", " limit 5")
        } else if tables.contains(Table::Links) && self.links > 0 {
            ("*", "links", " limit 5")
        } else {
            return None;
        };
        Some(format!(
            "duckdb -c \"select {select} from read_parquet('{lake}/{table}/**/*.parquet'){rest}\""
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_query_fits_what_was_exported() {
        let mut summary = Summary {
            exporter: "parquet",
            to: "lake/".into(),
            events_written: 5,
            ops: 2,
            ..Summary::default()
        };
        let tables = |names: &str| names.parse::<Tables>().unwrap();
        let query = |summary: &Summary, names| summary.query(tables(names)).unwrap_or_default();
        assert!(
            query(&summary, "events,ops").contains("from read_parquet('lake/ops/**/*.parquet')")
        );
        assert!(
            query(&summary, "events")
                .contains("select kind, count(*) from read_parquet('lake/events/")
        );
        assert!(query(&summary, "runs, groups").contains("'lake/runs/"));
        assert_eq!(
            query(&summary, "groups,links"),
            "",
            "neither table has a row"
        );
        (summary.groups, summary.links) = (0, 2);
        assert!(
            query(&summary, "groups,links").contains("select * from read_parquet('lake/links/")
        );
        summary.groups = 1;
        assert!(query(&summary, "groups,links").contains("'lake/groups/"));
        summary.llm_calls = 1;
        assert!(query(&summary, "events,ops").contains("sum(llm_cost_usd)"));
        summary.to = "it's".into();
        assert_eq!(summary.query(tables("events")), None);
        (summary.to, summary.exporter) = ("trees".into(), "json");
        assert_eq!(summary.query(tables("events")), None);
    }

    #[test]
    fn oddities_are_said_in_words() {
        let mut summary = Summary {
            conflicts: 1,
            records_read: 9,
            ..Summary::default()
        };
        summary.anomalies = 3;
        summary.anomalies_by_kind.insert("op_start_without_end", 3);
        assert_eq!(
            summary.remarks(),
            [
                "1 event with an id that was used before for other content; all are kept",
                "what does not add up in the runs: 3 ops that never ended",
            ]
        );
    }
}
