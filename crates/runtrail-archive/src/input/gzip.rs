//! Reading gzip so that everything before damage comes out.

use std::io::{self, BufRead, ErrorKind, Read};

use flate2::{Decompress, FlushDecompress, Status};

/// The plain bytes of gzip members, one after another.
///
/// A decoder of `flate2` gives up what it has decoded in the call that meets damage, up to a whole
/// chunk of good lines.
pub(super) struct Gzip<R> {
    input: R,
    /// The member being read; none between members, where the input may end.
    member: Option<Decompress>,
    failure: Option<io::Error>,
}

impl<R: BufRead> Gzip<R> {
    pub(super) fn new(input: R) -> Self {
        Self {
            input,
            member: None,
            failure: None,
        }
    }

    /// Finds the next member's start; none at the end.
    fn member(&mut self) -> io::Result<Option<&mut Decompress>> {
        // The largest window that the format has.
        const WINDOW_BITS: u8 = 15;
        while self.member.is_none() {
            let padding = match self.input.fill_buf()? {
                [] => return Ok(None),
                bytes => bytes.iter().take_while(|byte| **byte == 0).count(),
            };
            if padding == 0 {
                self.member = Some(Decompress::new_gzip(WINDOW_BITS));
            }
            self.input.consume(padding);
        }
        Ok(self.member.as_mut())
    }
}

impl<R: BufRead> Read for Gzip<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if let Some(failure) = self.failure.take() {
            return Err(failure);
        }
        while !buf.is_empty() && self.member()?.is_some() {
            let Some(member) = &mut self.member else {
                break;
            };
            let input = self.input.fill_buf()?;
            let at_end = input.is_empty();
            let (read_before, written_before) = (member.total_in(), member.total_out());
            let result = member.decompress(input, buf, FlushDecompress::None);
            let read = (member.total_in() - read_before) as usize;
            let written = (member.total_out() - written_before) as usize;
            self.input.consume(read);
            let failure = match result {
                Ok(Status::StreamEnd) => {
                    self.member = None;
                    None
                }
                Ok(Status::Ok | Status::BufError) if at_end && written == 0 => Some(
                    io::Error::new(ErrorKind::UnexpectedEof, "it ends inside a gzip member"),
                ),
                Ok(Status::Ok | Status::BufError) => None,
                // The library's own words depend on how much it was asked for.
                Err(_) => Some(io::Error::new(
                    ErrorKind::InvalidData,
                    "a gzip member is corrupt",
                )),
            };
            match failure {
                Some(failure) if written == 0 => return Err(failure),
                failure => self.failure = failure,
            }
            if written > 0 {
                return Ok(written);
            }
        }
        Ok(0)
    }
}
