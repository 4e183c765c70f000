//! A run's spans as indented text, so that a failing test reads like a trace.

use std::collections::HashMap;
use std::fmt::Write;

use runtrail_core::id::SpanId;
use runtrail_core::printable::Printable;
use runtrail_core::span::{RunSummary, SpanName, SpanRecord, Usage};

/// The most characters of a user value that are shown.
const SHOWN: usize = 72;

/// Shows a run: the summary, then its spans, each below its parent, in the order of their starts.
///
/// Times are durations; a user value is cut after 72 characters. A span whose parent is not among
/// the spans is shown below a line that says so, and so is one that nothing leads to.
pub fn tree_text(spans: &[SpanRecord], summary: &RunSummary) -> String {
    let mut out = String::new();
    write_run(summary, &mut out);
    let known: HashMap<SpanId, usize> = spans
        .iter()
        .enumerate()
        .map(|(index, span)| (span.span_id, index))
        .collect();
    let mut order: Vec<usize> = (0..spans.len()).collect();
    order.sort_by_key(|&index| {
        (
            spans[index].started_at,
            spans[index].seq,
            spans[index].span_id,
        )
    });
    let mut children: HashMap<Option<SpanId>, Vec<usize>> = HashMap::new();
    for &index in &order {
        children
            .entry(spans[index].parent_span_id())
            .or_default()
            .push(index);
    }
    let mut shown = vec![false; spans.len()];
    write_below((None, 1), spans, &children, &mut shown, &mut out);
    for &index in &order {
        let Some(parent) = spans[index].parent_span_id() else {
            continue;
        };
        if !known.contains_key(&parent) && !shown[index] {
            let _ = writeln!(out, "  parent {parent} is missing:");
            write_below((Some(parent), 2), spans, &children, &mut shown, &mut out);
        }
    }
    for &index in &order {
        if !shown[index] {
            let _ = writeln!(out, "  nothing leads to:");
            write_span(&spans[index], 2, &mut out);
        }
    }
    out
}

/// Writes all spans below a parent, its children at a level; a loop, since a trace may be deeper than the stack.
fn write_below(
    (parent, level): (Option<SpanId>, usize),
    spans: &[SpanRecord],
    children: &HashMap<Option<SpanId>, Vec<usize>>,
    shown: &mut [bool],
    out: &mut String,
) {
    let below = |parent: Option<SpanId>| children.get(&parent).into_iter().flatten().rev().copied();
    let mut stack: Vec<(usize, usize)> = below(parent).map(|index| (index, level)).collect();
    while let Some((index, level)) = stack.pop() {
        if std::mem::replace(&mut shown[index], true) {
            continue;
        }
        write_span(&spans[index], level, out);
        stack.extend(below(Some(spans[index].span_id)).map(|index| (index, level + 1)));
    }
}

// Writing to a String cannot fail, so the results below are let go.

fn write_run(run: &RunSummary, out: &mut String) {
    let _ = write!(
        out,
        "run {} {} {}ms",
        Printable(&run.request_id),
        run.status,
        run.duration_ms()
    );
    let _ = write!(out, ": {} events", run.events);
    for (count, noun) in [
        (run.ops, "ops"),
        (run.groups, "groups"),
        (run.errors, "errors"),
        (run.cancelled, "cancelled"),
        (run.truncated_ops, "truncated ops"),
        (run.truncated_groups, "truncated groups"),
        (run.unknown_kinds, "of unknown kind"),
    ] {
        if count > 0 {
            let _ = write!(out, ", {count} {noun}");
        }
    }
    write_usage(&run.usage, out);
    out.push('\n');
    write_value(1, "metadata", run.metadata.as_deref(), out);
    for (kind, count) in run.anomalies.by_kind() {
        if count > 0 {
            let _ = writeln!(out, "  ! {kind} {count}");
        }
    }
}

fn write_span(span: &SpanRecord, level: usize, out: &mut String) {
    let _ = write!(out, "{:1$}", "", 2 * level);
    let _ = match &span.name {
        SpanName::Op {
            op_name,
            ctx,
            occurrence,
        } => {
            write!(
                out,
                "op {} {} #{occurrence}",
                Printable(op_name),
                Printable(&ctx.path())
            )
        }
        SpanName::Group { name, occurrence } => {
            write!(out, "group {} #{occurrence}", Printable(name))
        }
    };
    let _ = write!(out, " {}", span.status);
    let _ = span
        .duration_ms
        .map_or(Ok(()), |millis| write!(out, " {millis}ms"));
    let _ = write!(out, " by {}", span.parent_rule.as_str());
    if let Some(group) = &span.group {
        let _ = write!(out, " in [{}]", Printable(&group.name));
    }
    let _ = span
        .missing
        .map_or(Ok(()), |end| write!(out, ", no {end:?}"));
    if span.ops > 0 {
        let _ = write!(out, ", {} ops, {} errors", span.ops, span.errors);
    }
    if span.yields.seen > 0 || span.yields.count > 1 {
        let yields = &span.yields;
        let _ = write!(out, ", yields {} of {}", yields.seen, yields.count);
        if let (Some(first), Some(last)) = (yields.first_index, yields.last_index) {
            let _ = write!(out, " [{first}..={last}]");
        }
    }
    write_usage(&span.usage, out);
    let _ = if span.content_dropped > 0 {
        write!(out, ", {} bytes dropped", span.content_dropped)
    } else {
        Ok(())
    };
    out.push('\n');
    write_content(span, level + 1, out);
}

fn write_content(span: &SpanRecord, level: usize, out: &mut String) {
    if let Some(error) = &span.error {
        let said: Vec<&str> = [&error.kind, &error.message]
            .into_iter()
            .flatten()
            .map(|text| &**text)
            .collect();
        write_value(level, "error", Some(&said.join(": ")), out);
    }
    write_value(level, "in", span.inputs.as_deref(), out);
    write_value(level, "out", span.outputs.as_deref(), out);
    write_value(level, "last item", span.yields.last_value.as_deref(), out);
    write_value(level, "metadata", span.metadata.as_deref(), out);
    for note in &span.annotations {
        write_value(
            level,
            &format!("note {}", Printable(&note.key)),
            Some(&note.value),
            out,
        );
    }
    for media in &span.media {
        let mime = media.mime.as_deref().unwrap_or("?");
        let size = media
            .size_bytes
            .map_or("? bytes".to_owned(), |size| format!("{size} bytes"));
        write_value(level, "media", Some(&format!("{mime}, {size}")), out);
    }
}

fn write_usage(usage: &Usage, out: &mut String) {
    if usage.calls == 0 {
        return;
    }
    let tokens = |count: Option<i64>| count.map_or("?".to_owned(), |count| count.to_string());
    let _ = write!(
        out,
        ", {} calls {}+{}={} tokens",
        usage.calls,
        tokens(usage.prompt_tokens),
        tokens(usage.completion_tokens),
        tokens(usage.total_tokens)
    );
    let _ = match usage.cost_usd {
        Some(cost) => write!(out, " ${cost}"),
        None => write!(out, " no cost"),
    };
    let _ = write!(out, " {}", Printable(&usage.models.join("+")));
}

fn write_value(level: usize, label: &str, value: Option<&str>, out: &mut String) {
    let Some(value) = value else { return };
    let words: Vec<&str> = value.split_ascii_whitespace().collect();
    let line = words.join(" ");
    let head: String = line.chars().take(SHOWN).collect();
    let _ = write!(out, "{:1$}{label}: {2}", "", 2 * level, Printable(&head));
    let _ = if head.len() < line.len() {
        writeln!(out, "… ({} bytes)", value.len())
    } else {
        writeln!(out)
    };
}
