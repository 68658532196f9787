//! Reads a log from its beginning for as long as its bytes make sense, whether or not it was finished.
//!
//! MCAP's records stand one after the other, each with its length before it, and chunks are not compressed; so all that
//! an index adds is speed, and of a chunk that was cut every whole message can be read.

use mcap::McapError;
use mcap::records::{MessageHeader, Record, op};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, ErrorKind, Read};
use std::path::{Path, PathBuf};

const MAGIC: [u8; 8] = *b"\x89MCAP0\r\n";
const CRC_32: crc::Crc<u32> = crc::Crc::<u32>::new(&crc::CRC_32_ISO_HDLC);
/// Larger chunks are damage; a log's have some kilobytes.
const LARGEST_RECORD_BYTES: u64 = 1 << 28;
/// Opcode and length.
const RECORD_HEAD_BYTES: usize = 9;

/// Why a log cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FileError {
    /// The operating system refused.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// No MCAP.
    #[error("{}: not an MCAP file: it does not begin with MCAP's eight bytes", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// Another writer's log.
    #[error("{}: a chunk is compressed with {compression:?}; Sinew's logs are not compressed", path.display())]
    Compressed {
        /// The file.
        path: PathBuf,
        /// With what.
        compression: String,
    },
    /// A record that is whole and holds nonsense.
    #[error("{}: the record at byte {at} is damaged: {source}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Where it begins.
        at: u64,
        /// How.
        source: Box<McapError>,
    },
}

/// What a log holds, in the order of the file.
#[derive(Debug)]
pub enum Entry<'e> {
    /// How later messages on a channel are to be read.
    Channel {
        /// The file's number for it.
        id: u16,
        /// Such as `/tick`.
        topic: &'e str,
        /// Such as `json`.
        encoding: &'e str,
        /// Name, encoding and text of its schema, where it has one.
        schema: Option<(&'e str, &'e str, &'e [u8])>,
    },
    /// A message.
    Message {
        /// Channel, sequence and times.
        header: MessageHeader,
        /// Its content.
        data: &'e [u8],
    },
    /// Messages that are missing: a chunk whose checksum is wrong.
    Lost,
}

/// Where the bytes stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The file is whole, with its index.
    Complete,
    /// It was cut; what follows this byte could not be read.
    Cut {
        /// Counted from 0.
        at: u64,
    },
}

/// Shows `visit` everything in the log at `path` that can be read.
///
/// # Errors
/// The file cannot be read, is no log of ours, or `visit` failed.
pub fn read<E: From<FileError>>(path: &Path, visit: impl FnMut(Entry) -> Result<(), E>) -> Result<End, E> {
    let failed = |source| FileError::Io { path: path.to_owned(), source };
    let file = File::open(path).map_err(failed)?;
    let length = file.metadata().map_err(failed)?.len();
    let mut reader = BufReader::with_capacity(1 << 20, file);
    let mut magic = [0; MAGIC.len()];
    if reader.read_exact(&mut magic).is_err() || magic != MAGIC {
        return Err(FileError::Foreign { path: path.to_owned() }.into());
    }
    let at = MAGIC.len() as u64;
    Scan { path, reader, at, length, schemas: BTreeMap::new(), visit }.run()
}

struct Scan<'p, V> {
    path: &'p Path,
    reader: BufReader<File>,
    at: u64,
    length: u64,
    /// Name, encoding and text.
    schemas: BTreeMap<u16, (String, String, Vec<u8>)>,
    visit: V,
}

impl<V> Scan<'_, V> {
    fn run<E: From<FileError>>(mut self) -> Result<End, E>
    where
        V: FnMut(Entry) -> Result<(), E>,
    {
        let mut body = Vec::new();
        loop {
            let cut = Ok(End::Cut { at: self.at });
            let Some((opcode, length)) = self.head()? else { return cut };
            let rest = self.length.saturating_sub(self.at + RECORD_HEAD_BYTES as u64);
            let whole = length <= rest;
            if !(op::HEADER..=op::DATA_END).contains(&opcode) || length > LARGEST_RECORD_BYTES {
                return cut;
            }
            body.resize(length.min(rest) as usize, 0);
            self.fill(&mut body)?;
            match opcode {
                op::FOOTER if whole => {
                    let mut magic = [0; MAGIC.len()];
                    let ended = self.reader.read_exact(&mut magic).is_ok() && magic == MAGIC;
                    return if ended { Ok(End::Complete) } else { cut };
                }
                op::CHUNK => self.chunk(&body)?,
                op::SCHEMA | op::CHANNEL | op::MESSAGE if whole => self.record(opcode, &body)?,
                _ => {}
            }
            if !whole {
                return cut;
            }
            self.at += RECORD_HEAD_BYTES as u64 + length;
        }
    }

    fn io(&self, source: std::io::Error) -> FileError {
        FileError::Io { path: self.path.to_owned(), source }
    }

    /// The next record's opcode and length, if the file has so many bytes.
    fn head(&mut self) -> Result<Option<(u8, u64)>, FileError> {
        let mut head = [0; RECORD_HEAD_BYTES];
        match self.reader.read_exact(&mut head) {
            Ok(()) => Ok(split_head(&head).map(|(opcode, length, _)| (opcode, length))),
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => Ok(None),
            Err(error) => Err(self.io(error)),
        }
    }

    fn fill(&mut self, body: &mut [u8]) -> Result<(), FileError> {
        self.reader.read_exact(body).map_err(|error| self.io(error))
    }

    /// All messages of a chunk, or of what there is of one.
    fn chunk<E: From<FileError>>(&mut self, body: &[u8]) -> Result<(), E>
    where
        V: FnMut(Entry) -> Result<(), E>,
    {
        let Some(chunk) = Chunk::parse(body) else { return Ok(()) };
        if !chunk.compression.is_empty() {
            let compression = String::from_utf8_lossy(chunk.compression).into_owned();
            return Err(FileError::Compressed { path: self.path.to_owned(), compression }.into());
        }
        let whole = chunk.records.len() as u64 >= chunk.size;
        if whole && chunk.checksum != 0 && CRC_32.checksum(chunk.records) != chunk.checksum {
            return (self.visit)(Entry::Lost);
        }
        let mut records = chunk.records;
        while let Some((opcode, length, rest)) = split_head(records) {
            let Some((body, rest)) =
                usize::try_from(length).ok().and_then(|length| rest.split_at_checked(length))
            else {
                break;
            };
            self.record(opcode, body)?;
            records = rest;
        }
        Ok(())
    }

    fn record<E: From<FileError>>(&mut self, opcode: u8, body: &[u8]) -> Result<(), E>
    where
        V: FnMut(Entry) -> Result<(), E>,
    {
        if !matches!(opcode, op::SCHEMA | op::CHANNEL | op::MESSAGE) {
            return Ok(());
        }
        let record = mcap::parse_record(opcode, body).map_err(|source| FileError::Damaged {
            path: self.path.to_owned(),
            at: self.at,
            source: Box::new(source),
        })?;
        match record {
            Record::Schema { header, data } => {
                self.schemas.insert(header.id, (header.name, header.encoding, data.into_owned()));
                Ok(())
            }
            Record::Channel(channel) => {
                let schema = self.schemas.get(&channel.schema_id);
                (self.visit)(Entry::Channel {
                    id: channel.id,
                    topic: &channel.topic,
                    encoding: &channel.message_encoding,
                    schema: schema.map(|(name, encoding, text)| (&name[..], &encoding[..], &text[..])),
                })
            }
            Record::Message { header, data } => (self.visit)(Entry::Message { header, data: &data }),
            _ => Ok(()),
        }
    }
}

/// A chunk's head and as many of its records' bytes as there are.
struct Chunk<'b> {
    /// Of its records, bytes.
    size: u64,
    checksum: u32,
    compression: &'b [u8],
    records: &'b [u8],
}

impl<'b> Chunk<'b> {
    /// `None` if not even the head is whole.
    fn parse(body: &'b [u8]) -> Option<Self> {
        // First and last time, size, checksum, compression, size as stored.
        let (_, body) = body.split_at_checked(16)?;
        let (size, body) = body.split_first_chunk()?;
        let (checksum, body) = body.split_first_chunk()?;
        let (length, body) = body.split_first_chunk()?;
        let (compression, body) = body.split_at_checked(u32::from_le_bytes(*length) as usize)?;
        let (_, records) = body.split_at_checked(8)?;
        Some(Self {
            size: u64::from_le_bytes(*size),
            checksum: u32::from_le_bytes(*checksum),
            compression,
            records,
        })
    }
}

/// Opcode, length, and what follows.
fn split_head(bytes: &[u8]) -> Option<(u8, u64, &[u8])> {
    let (opcode, rest) = bytes.split_first()?;
    let (length, rest) = rest.split_first_chunk()?;
    Some((*opcode, u64::from_le_bytes(*length), rest))
}
