//! `runtrail check`: what is wrong with a program's configuration.

use runtrail::{Config, ConfigErrors, Place, Problem};
use runtrail_core::printable::Printable;
use serde_json::{Value, json};

use crate::args::{CheckArgs, Format};
use crate::code::Code;
use crate::failure::{Failure, Outcome};
use crate::human::counted;
use crate::markdown;
use crate::out::Out;

/// Runs the command: the file alone is looked at, not the environment.
pub(crate) fn run(args: &CheckArgs, out: &mut Out) -> Outcome {
    if let Err(error) = std::fs::metadata(&args.file) {
        return Err(Failure::path("read", &args.file, &error));
    }
    let checked = Config::builder().file(&args.file).load();
    match args.format {
        Format::Text => out.answer(&text(&checked, args))?,
        Format::Markdown => out.answer(&in_markdown(&checked, args))?,
        Format::Json => out.answer(&format!("{:#}\n", whole(&checked)))?,
        Format::Jsonl => {
            for problem in problems(&checked) {
                out.answer(&format!("{}\n", record(problem)))?;
            }
        }
    }
    Ok(if checked.is_ok() {
        Code::Done
    } else {
        Code::Usage
    })
}

type Checked = Result<Config, ConfigErrors>;

fn problems(checked: &Checked) -> &[Problem] {
    checked
        .as_ref()
        .map_or_else(ConfigErrors::problems, |_| &[])
}

fn text(checked: &Checked, args: &CheckArgs) -> String {
    match checked {
        Ok(config) => format!(
            "{}: nothing is wrong\n{}",
            Printable(&args.file.display().to_string()),
            summary(config)
        ),
        Err(errors) => {
            let mut said = String::new();
            for problem in errors.problems() {
                said.push_str(&format!("{}\n", Printable(&problem.to_string())));
            }
            let count = errors.problems().len() as u64;
            said + &counted(count, "mistake") + "\n"
        }
    }
}

fn summary(config: &Config) -> String {
    let processors: Vec<&str> = config.processor_names().collect();
    let list = |names: Vec<String>| {
        if names.is_empty() {
            "none".to_owned()
        } else {
            names.join(", ")
        }
    };
    let exporters = config.exporters().iter().map(|plan| {
        let to = plan.destination();
        if to.is_empty() {
            return format!("{} to where OpenTelemetry's variables say", plan.name());
        }
        format!("{} to {}", plan.name(), Printable(&to))
    });
    let enabled = if config.is_enabled() {
        ""
    } else {
        "  not enabled: nothing is recorded\n"
    };
    format!(
        "{enabled}  processors: {}\n  exporters:  {}\n",
        list(processors.into_iter().map(str::to_owned).collect()),
        list(exporters.collect())
    )
}

fn in_markdown(checked: &Checked, args: &CheckArgs) -> String {
    if checked.is_ok() {
        let file = args.file.display().to_string();
        return format!("{}: nothing is wrong\n", markdown::code(&file));
    }
    let lines = problems(checked).iter().map(|problem| {
        let place = markdown::code(&problem.place.to_string());
        let help = problem.help.as_ref();
        let help = help.map(|help| format!("; {}", Printable(help)));
        format!(
            "- {place}: {}{}\n",
            Printable(&problem.message),
            help.unwrap_or_default()
        )
    });
    lines.collect()
}

fn whole(checked: &Checked) -> Value {
    let exporter =
        |plan: &runtrail::ExporterPlan| json!({"name": plan.name(), "to": plan.destination()});
    let config = checked.as_ref().ok();
    json!({
        "ok": checked.is_ok(),
        "enabled": config.map(Config::is_enabled),
        "processors": config.map(|config| config.processor_names().collect::<Vec<_>>()),
        "exporters": config.map(|config| config.exporters().iter().map(exporter).collect::<Vec<_>>()),
        "problems": problems(checked).iter().map(record).collect::<Vec<_>>(),
    })
}

fn record(problem: &Problem) -> Value {
    let (file, line, column) = match &problem.place {
        Place::File { path, line, column } => (Some(path), Some(line), Some(column)),
        Place::Environment(_) | Place::Code => (None, None, None),
    };
    json!({
        "file": file,
        "line": line.filter(|line| **line > 0),
        "column": column.filter(|column| **column > 0),
        "message": problem.message,
        "help": problem.help,
    })
}
