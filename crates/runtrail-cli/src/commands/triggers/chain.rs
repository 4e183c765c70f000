//! `runtrail triggers STORE chain`.

use std::fmt::Write as _;

use runtrail_core::json::push_string;
use runtrail_core::printable::Printable;
use runtrail_trigger::{Chain, ChainLimits, Record, Step, TriggerStore, chain};

use super::{print_json, source};
use crate::args::{ChainArgs, Format};
use crate::code::Code;
use crate::failure::{Failure, Outcome};
use crate::glyph::Glyphs;
use crate::markdown;
use crate::out::Out;

pub(super) fn run(store: &dyn TriggerStore, args: &ChainArgs, out: &mut Out) -> Outcome {
    let limits = ChainLimits {
        max_depth: args.depth,
        ..ChainLimits::default()
    };
    let chain = chain(store, &args.run, limits)?;
    if chain.before.is_empty() && chain.after.is_empty() {
        let what = format!(
            "nothing is known of what led to run {:?} or what it led to",
            args.run
        );
        return Err(Failure::new(Code::No, what).help(
            "the whole id is wanted; `runtrail triggers STORE runs` lists what was started",
        ));
    }
    match args.show.format.unwrap_or(Format::Text) {
        Format::Text => {
            let glyphs = Glyphs::new(out.terminal.unicode, out.terminal.out_colour);
            out.answer(&text(&chain, glyphs))?;
        }
        Format::Markdown => out.answer(&as_markdown(&chain))?,
        Format::Json => print_json(&json(&chain), out)?,
        Format::Jsonl => {
            for (step, way) in all_steps(&chain) {
                print_json(&step_json(step, way), out)?;
            }
        }
    }
    if chain.truncated {
        out.warn("the chain goes on: --depth follows it further, up to 1,000 links in all\n");
    }
    Ok(Code::Done)
}

fn text(chain: &Chain, glyphs: Glyphs) -> String {
    let foreign = |text: &str| Printable(text).to_string();
    let mut text = format!("{}\n", glyphs.bold(&foreign(&chain.request_id)));
    section(&mut text, "started by", &chain.before, glyphs, |step| {
        let started = if step.depth > 1 {
            let to = foreign(&step.link.to_request_id);
            glyphs.dim(&format!("  (started {to})"))
        } else {
            String::new()
        };
        source::link(&step.link.link, foreign) + &started
    });
    section(&mut text, "it started", &chain.after, glyphs, |step| {
        let why = source::link(&step.link.link, foreign);
        let to = glyphs.bold(&foreign(&step.link.to_request_id));
        format!("{to}  {}", glyphs.dim(&format!("by {why}")))
    });
    text
}

fn section(
    text: &mut String,
    title: &str,
    steps: &[Step],
    glyphs: Glyphs,
    line: impl Fn(&Step) -> String,
) {
    if steps.is_empty() {
        return;
    }
    let _ = writeln!(text, "{title}");
    // Whether more follows at each level, told from the end.
    let mut guides = Vec::with_capacity(steps.len());
    let mut open: Vec<bool> = Vec::new();
    for step in steps.iter().rev() {
        let depth = step.depth as usize;
        open.resize(depth, false);
        let mut guide = String::new();
        for more in open.iter().take(depth - 1) {
            guide.push_str(glyphs.trunk(!more));
        }
        guide.push_str(glyphs.branch(!open[depth - 1]));
        open[depth - 1] = true;
        guides.push(guide);
    }
    for (step, guide) in steps.iter().zip(guides.iter().rev()) {
        let _ = writeln!(text, "{}{}", glyphs.dim(guide), line(step));
    }
}

fn as_markdown(chain: &Chain) -> String {
    let mut text = format!("# Chain of {}\n", markdown::code(&chain.request_id));
    for (title, steps) in [("Started by", &chain.before), ("It started", &chain.after)] {
        if steps.is_empty() {
            continue;
        }
        let _ = write!(text, "\n## {title}\n\n");
        for step in steps {
            let indent = "  ".repeat((step.depth as usize - 1).min(10));
            let to = markdown::code(&step.link.to_request_id);
            let why = source::link(&step.link.link, markdown::code);
            let _ = writeln!(text, "{indent}- {why} → {to}");
        }
    }
    text
}

/// Every step, with the sign of its depth: negative before the run.
fn all_steps(chain: &Chain) -> impl Iterator<Item = (&Step, i64)> {
    let before = chain.before.iter().map(|step| (step, -1));
    before.chain(chain.after.iter().map(|step| (step, 1)))
}

fn step_json(step: &Step, way: i64) -> String {
    let link = step.link.to_json();
    let rest = link.strip_prefix('{').unwrap_or(&link);
    format!("{{\"depth\":{},{rest}", way * i64::from(step.depth))
}

fn json(chain: &Chain) -> String {
    let mut json = String::from("{\"request_id\":");
    push_string(&mut json, &chain.request_id);
    let steps: Vec<String> = all_steps(chain)
        .map(|(step, way)| step_json(step, way))
        .collect();
    let _ = write!(
        json,
        ",\"links\":[{}],\"truncated\":{}}}",
        steps.join(","),
        chain.truncated
    );
    json
}
