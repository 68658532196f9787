//! Frames over a stream of bytes: terminals, serial lines, sockets.
//!
//! A stream may take half a frame. [`Stream`] keeps the other half and sends it first next time, so a reader that falls
//! behind loses whole frames and never the one behind a half. [`Reconnecting`] replaces a stream that broke: another thread
//! opens the new one and closes the old one, because both may block, and the thread that ticks only picks it up.

use super::{Link, LinkCounters, LinkError};
use crate::wire::frame::LARGEST_FRAME;
use crossbeam::queue::ArrayQueue;
use std::fs::File;
use std::io::{self, ErrorKind, Read, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Between two attempts to open a stream again, and the longest that a closed link's thread stays.
const ATTEMPT: Duration = Duration::from_millis(50);

/// A file that never blocks, and what it has not taken yet of a frame that it began.
pub(super) struct Stream {
    file: File,
    unsent: [u8; LARGEST_FRAME],
    unsent_length: usize,
}

impl Stream {
    /// Takes a file that is open without blocking.
    pub(super) fn new(file: File) -> Self {
        Self { file, unsent: [0; LARGEST_FRAME], unsent_length: 0 }
    }

    /// The same for a stream that takes the place of one that broke: the zero ends what the other end has of a frame.
    fn anew(file: File) -> Self {
        Self { unsent_length: 1, ..Self::new(file) }
    }

    pub(super) fn send(&mut self, frame: &[u8]) -> Result<(), LinkError> {
        if frame.len() > LARGEST_FRAME {
            return Err(LinkError::TooLong);
        }
        self.flush()?;
        let written = if self.unsent_length == 0 { taken(self.file.write(frame))? } else { 0 };
        if written == 0 {
            return Err(LinkError::Full);
        }
        let rest = &frame[written..];
        self.unsent[..rest.len()].copy_from_slice(rest);
        self.unsent_length = rest.len();
        Ok(())
    }

    pub(super) fn receive(&mut self, buffer: &mut [u8]) -> Result<usize, LinkError> {
        self.flush()?;
        match self.file.read(buffer) {
            // None of these streams ends while its other end is there.
            Ok(0) if !buffer.is_empty() => Err(LinkError::Lost),
            Ok(length) => Ok(length),
            Err(error) => nothing_taken(error),
        }
    }

    /// Sends what is left of a frame that was begun.
    fn flush(&mut self) -> Result<(), LinkError> {
        if self.unsent_length > 0 {
            let written = taken(self.file.write(&self.unsent[..self.unsent_length]))?;
            self.unsent.copy_within(written..self.unsent_length, 0);
            self.unsent_length -= written;
        }
        Ok(())
    }
}

/// How many bytes a stream took; none where it is full or was interrupted.
fn taken(result: io::Result<usize>) -> Result<usize, LinkError> {
    result.map_or_else(nothing_taken, Ok)
}

fn nothing_taken(error: io::Error) -> Result<usize, LinkError> {
    match error.kind() {
        ErrorKind::WouldBlock | ErrorKind::Interrupted => Ok(0),
        _ => Err(LinkError::Io(error)),
    }
}

/// A stream that is opened again whenever it breaks; see the [module](self).
pub(super) struct Reconnecting {
    stream: Option<Stream>,
    exchange: Arc<Exchange>,
    /// Whether the reader is still to be told that a frame ends here.
    begins_anew: bool,
    counters: LinkCounters,
}

/// Between the thread that ticks and the one that opens. Neither waits for the other.
struct Exchange {
    fresh: ArrayQueue<File>,
    broken: ArrayQueue<File>,
    wanted: AtomicBool,
    closed: AtomicBool,
}

impl Reconnecting {
    /// Opens a stream, and starts the thread that will open it again.
    ///
    /// # Errors
    /// It cannot be opened: what is wrong now, such as a path, is not a link that was lost.
    pub(super) fn open(
        address: String,
        open: impl Fn() -> io::Result<File> + Send + 'static,
    ) -> Result<Self, LinkError> {
        let failed = |source| LinkError::Open { address, source };
        let first = match open() {
            Ok(file) => file,
            Err(source) => return Err(failed(source)),
        };
        let exchange = Arc::new(Exchange {
            fresh: ArrayQueue::new(1),
            broken: ArrayQueue::new(1),
            wanted: AtomicBool::new(false),
            closed: AtomicBool::new(false),
        });
        let shared = Arc::clone(&exchange);
        let spawned = std::thread::Builder::new().name("reconnect".to_owned()).spawn(move || {
            while !shared.closed.load(Ordering::Acquire) {
                std::thread::sleep(ATTEMPT);
                shared.repair(&open);
            }
        });
        if let Err(source) = spawned {
            return Err(failed(source));
        }
        let counters = LinkCounters { sessions: 1, ..LinkCounters::default() };
        Ok(Self { stream: Some(Stream::new(first)), exchange, begins_anew: false, counters })
    }

    /// Takes a stream that was opened again, if one was.
    fn pick_up(&mut self) {
        if self.stream.is_none()
            && let Some(file) = self.exchange.fresh.pop()
        {
            self.stream = Some(Stream::anew(file));
            self.begins_anew = true;
            self.counters.sessions += 1;
        }
    }

    /// Gives a broken stream away and asks for another.
    fn lose(&mut self) {
        if let Some(stream) = self.stream.take() {
            // There is room: the one before was closed before this one was opened.
            let _ = self.exchange.broken.push(stream.file);
            self.exchange.wanted.store(true, Ordering::Release);
        }
    }
}

impl Exchange {
    fn repair(&self, open: &impl Fn() -> io::Result<File>) {
        drop(self.broken.pop());
        if self.wanted.load(Ordering::Acquire)
            && let Ok(file) = open()
        {
            self.wanted.store(false, Ordering::Release);
            let _ = self.fresh.push(file);
        }
    }
}

impl Drop for Reconnecting {
    fn drop(&mut self) {
        self.exchange.closed.store(true, Ordering::Release);
    }
}

impl Link for Reconnecting {
    fn counters(&self) -> LinkCounters {
        self.counters
    }

    fn send(&mut self, frame: &[u8]) -> Result<(), LinkError> {
        self.pick_up();
        let Some(stream) = &mut self.stream else { return Err(LinkError::NoPeer) };
        let sent = stream.send(frame);
        if matches!(sent, Err(LinkError::Io(_) | LinkError::Lost)) {
            self.lose();
        }
        sent
    }

    fn receive(&mut self, buffer: &mut [u8]) -> Result<usize, LinkError> {
        self.pick_up();
        if self.begins_anew
            && let Some(first) = buffer.first_mut()
        {
            self.begins_anew = false;
            *first = 0;
            return Ok(1);
        }
        let Some(stream) = &mut self.stream else { return Ok(0) };
        match stream.receive(buffer) {
            Err(LinkError::Io(_) | LinkError::Lost) => {
                self.lose();
                Ok(0)
            }
            received => {
                self.counters.received += u64::from(matches!(received, Ok(1..)));
                received
            }
        }
    }
}
