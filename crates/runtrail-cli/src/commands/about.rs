//! `runtrail completions` and `runtrail man`: what the program says of itself.

use std::fs;
use std::path::Path;

use clap::CommandFactory;
use clap_complete::Shell;

use crate::args::Cli;
use crate::code::Code;
use crate::failure::{Failure, Outcome};
use crate::out::Out;

/// Prints a completion script.
pub(crate) fn completions(shell: Shell, out: &mut Out) -> Outcome {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "runtrail", &mut script);
    out.answer(&String::from_utf8_lossy(&script))?;
    Ok(Code::Done)
}

/// Prints the manual page, or writes one for the program and one for every command.
pub(crate) fn manual(dir: Option<&Path>, out: &mut Out) -> Outcome {
    let mut program = Cli::command();
    program.build();
    let Some(dir) = dir else {
        out.answer(&String::from_utf8_lossy(&page(program)?))?;
        return Ok(Code::Done);
    };
    fs::create_dir_all(dir).map_err(|error| Failure::path("make the folder", dir, &error))?;
    let commands: Vec<clap::Command> = program
        .get_subcommands()
        .filter(|command| command.get_name() != "help")
        .cloned()
        .collect();
    for command in std::iter::once(program).chain(commands) {
        let name = command
            .get_display_name()
            .unwrap_or_else(|| command.get_name())
            .to_owned();
        let path = dir.join(format!("{name}.1"));
        fs::write(&path, page(command)?).map_err(|error| Failure::path("write", &path, &error))?;
        out.answer(&format!("{}\n", path.display()))?;
    }
    Ok(Code::Done)
}

fn page(command: clap::Command) -> Result<Vec<u8>, Failure> {
    let mut page = Vec::new();
    let rendered = clap_mangen::Man::new(command).render(&mut page);
    rendered
        .map_err(|error| Failure::new(Code::Io, "cannot render the manual page").because(&error))?;
    Ok(page)
}
