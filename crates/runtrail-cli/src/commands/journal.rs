//! `runtrail journal`: what exports planned, did and came to.

mod find;
mod list;
mod show;
mod words;

use runtrail_journal::{Journal, JournalFile};

use find::Found;

use crate::args::JournalArgs;
use crate::code::Code;
use crate::failure::{Failure, Outcome};
use crate::out::Out;

/// Runs the command.
pub(crate) fn run(args: &JournalArgs, out: &mut Out) -> Outcome {
    let found = find::journals(&args.lake)?;
    match (&args.id, found) {
        (Some(id), Found::Many(files)) => show::one(find::named(&files, id)?, &args.show, out),
        (Some(id), Found::One(file)) => show::one(
            find::named(std::slice::from_ref(&file), id)?,
            &args.show,
            out,
        ),
        (None, Found::One(file)) => show::one(&file, &args.show, out),
        (None, Found::Many(files)) => list::all(&files, &args.show, out),
    }
}

fn read(file: &JournalFile) -> Result<Journal, Failure> {
    Journal::read(file.path()).map_err(|error| Failure::of(Code::Io, &error))
}
