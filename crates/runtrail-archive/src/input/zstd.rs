//! Reading Zstandard so that everything before damage comes out.

use std::io::{self, BufRead, ErrorKind, Read};

use zstd::stream::raw::{DParameter, Decoder, Operation};

/// Windows beyond 128 MiB are refused: a frame can ask for gigabytes of memory.
const WINDOW_LOG_MAX: u32 = 27;

/// The plain bytes of Zstandard frames, one after another.
///
/// What the library decodes in the call that meets damage is lost. It is therefore given one block
/// at a time, so that a block has been handed out before the next one is looked at.
pub(super) struct Zstd<R> {
    input: R,
    decoder: Decoder<'static>,
    /// How many more bytes the library wants; 0 between frames, where the input may end.
    wanted: usize,
    /// Whether the library may hold bytes for which there was no room.
    holds: bool,
}

impl<R: BufRead> Zstd<R> {
    pub(super) fn new(input: R) -> io::Result<Self> {
        let mut decoder = Decoder::new()?;
        decoder.set_parameter(DParameter::WindowLogMax(WINDOW_LOG_MAX))?;
        Ok(Self {
            input,
            decoder,
            wanted: 0,
            holds: false,
        })
    }

    /// How much to give the library: what it wants, without the header of the block after.
    fn portion(&self) -> usize {
        const BLOCK_HEADER: usize = 3;
        // A frame's header takes at least five bytes.
        const FRAME_START: usize = 5;
        match self.wanted {
            0 => FRAME_START,
            few @ 1..=BLOCK_HEADER => few,
            wanted => wanted - BLOCK_HEADER,
        }
    }
}

impl<R: BufRead> Read for Zstd<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        while !buf.is_empty() {
            let portion = self.portion();
            let input = if self.holds {
                &[][..]
            } else {
                self.input.fill_buf()?
            };
            if input.is_empty() && !self.holds {
                if self.wanted == 0 {
                    break;
                }
                return Err(io::Error::new(
                    ErrorKind::UnexpectedEof,
                    "it ends inside a Zstandard frame",
                ));
            }
            let status = self
                .decoder
                .run_on_buffers(&input[..input.len().min(portion)], buf)?;
            self.input.consume(status.bytes_read);
            self.wanted = status.remaining;
            self.holds = status.bytes_written == buf.len() && self.wanted > 0;
            if status.bytes_written > 0 {
                return Ok(status.bytes_written);
            }
        }
        Ok(0)
    }
}
