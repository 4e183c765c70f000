//! The `runtrail` program: looks at archives of workflow runs and exports them.
//!
//! ```text
//! runtrail demo | export | runs | tree | cat | replay | verify | journal | triggers | check | completions | man
//! ```
//!
//! The program adds nothing to what the other crates do: it reads with `runtrail-archive`, exports
//! with the same exporters that a program uses, shows trees of `runtrail-json`, and asks the stores
//! of `runtrail-trigger`. Standard output
//! is the answer, standard error is everything else, and the exit code says how it went; `--help`
//! lists the codes.

mod anomaly;
mod args;
mod code;
mod commands;
mod excerpt;
mod export;
mod failure;
mod glyph;
mod human;
mod interrupt;
mod load;
mod logged;
mod markdown;
mod memory;
mod out;
mod problems;
mod progress;
mod size;
mod table;
mod terminal;
mod usage;
mod verify;
mod width;

use std::process::ExitCode;

use clap::Parser;

use args::{Cli, ColorChoice, Command};
use code::Code;
use failure::Outcome;
use out::Out;
use terminal::Terminal;

/// Runs the program with the process's arguments, and says how it ended.
pub fn main() -> ExitCode {
    pass_over_damage();
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Where nobody reads the help, nobody misses it.
            let _ = error.print();
            return if error.use_stderr() {
                Code::Usage.into()
            } else {
                Code::Done.into()
            };
        }
    };
    match cli.color {
        ColorChoice::Auto => {}
        ColorChoice::Always => anstream::ColorChoice::Always.write_global(),
        ColorChoice::Never => anstream::ColorChoice::Never.write_global(),
    }
    let mut out = Out::of_process(Terminal::detect());
    let outcome = dispatch(&cli.command, &mut out);
    // The answer comes before the reason why it is not complete.
    let flushed = out.finish();
    match outcome.and_then(|code| flushed.map(|()| code)) {
        Ok(code) => code.into(),
        Err(failure) => {
            out.error(&failure.render());
            failure.code.into()
        }
    }
}

/// Keeps panics of the decoder of Parquet files from being printed: the error that they become says which
/// file is damaged.
fn pass_over_damage() {
    let others = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if !runtrail_parquet::is_decoding() {
            others(panic);
        }
    }));
}

fn dispatch(command: &Command, out: &mut Out) -> Outcome {
    match command {
        Command::Demo(args) => commands::demo::run(args, out),
        Command::Export(args) => commands::export::run(args, out),
        Command::Runs(args) => commands::runs::run(args, out),
        Command::Tree(args) => commands::tree::run(args, out),
        Command::Cat(args) => commands::cat::run(args, out),
        Command::Replay(args) => commands::replay::run(args, out),
        Command::Verify(args) => commands::verify::run(args, out),
        Command::Journal(args) => commands::journal::run(args, out),
        Command::Triggers(args) => commands::triggers::run(args, out),
        Command::Check(args) => commands::check::run(args, out),
        Command::Completions { shell } => commands::about::completions(*shell, out),
        Command::Man { dir } => commands::about::manual(dir.as_deref(), out),
    }
}
