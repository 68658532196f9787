//! TensorBoard's event files: [`EventFile`] writes scalars under the tag names that users of Stable-Baselines3 know.
//!
//! The format is a sequence of records (length, masked CRC-32C of the length, an `Event` message, masked CRC-32C of the
//! message) as TensorFlow's `TFRecord` and `event.proto` define them. A resumed run writes a file of its own that begins with
//! a start of session: TensorBoard then forgets what an earlier file says from that step on.

use crate::training::{EvaluationPoint, Metric, Progress};
use prost::Message;
use sinew_sim::randomization::AdaptiveRanges;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

const CRC_32C: crc::Crc<u32> = crc::Crc::<u32>::new(&crc::CRC_32_ISCSI);
/// What TensorBoard looks for in a file's name.
const NAME: &str = "events.out.tfevents";
/// The format's version, which the first event of a file states.
const FILE_VERSION: &str = "brain.Event:2";
/// `SessionLog.START`.
const SESSION_START: i32 = 1;
/// Metrics that Stable-Baselines3 knows by another name; every other one is `train/` and its own.
const TAGS: [(&str, &str); 8] = [
    ("alpha", "train/ent_coef"),
    ("alpha_loss", "train/ent_coef_loss"),
    ("epsilon", "rollout/exploration_rate"),
    ("policy_loss", "train/policy_gradient_loss"),
    ("kl", "train/approx_kl"),
    ("q_loss", "train/loss"),
    ("entropy_loss", "train/entropy_loss"),
    ("learning_rate", "train/learning_rate"),
];

/// `tensorflow.Event`.
#[derive(Clone, PartialEq, Message)]
struct Event {
    #[prost(double, tag = "1")]
    wall_time: f64,
    #[prost(int64, tag = "2")]
    step: i64,
    #[prost(string, optional, tag = "3")]
    file_version: Option<String>,
    #[prost(message, optional, tag = "5")]
    summary: Option<Summary>,
    #[prost(message, optional, tag = "7")]
    session_log: Option<SessionLog>,
}

/// `tensorflow.Summary`.
#[derive(Clone, PartialEq, Message)]
struct Summary {
    #[prost(message, repeated, tag = "1")]
    value: Vec<Scalar>,
}

/// `tensorflow.Summary.Value`, of which scalars alone are written.
#[derive(Clone, PartialEq, Message)]
struct Scalar {
    #[prost(string, tag = "1")]
    tag: String,
    /// Always written, 0 too: it is one of several kinds of value.
    #[prost(float, optional, tag = "2")]
    simple_value: Option<f32>,
}

/// `tensorflow.SessionLog`.
#[derive(Clone, PartialEq, Message)]
struct SessionLog {
    #[prost(int32, tag = "1")]
    status: i32,
}

/// One event file of a run.
pub struct EventFile {
    writer: BufWriter<File>,
}

impl EventFile {
    /// Creates the next event file in a run's folder; `resumed_at` says after how many steps the run goes on.
    ///
    /// # Errors
    /// The file system refused.
    pub fn create(folder: &Path, resumed_at: Option<u64>) -> io::Result<Self> {
        let names = fs::read_dir(folder)?.collect::<io::Result<Vec<_>>>()?;
        let earlier =
            names.iter().filter(|entry| entry.file_name().to_string_lossy().starts_with(NAME)).count();
        // TensorBoard reads a folder's files in the order of their names.
        let file = File::create_new(folder.join(format!("{NAME}.{earlier:010}.sinew")))?;
        let mut events = Self { writer: BufWriter::new(file) };
        events.write(&Event { file_version: Some(FILE_VERSION.to_owned()), ..Event::now(0) })?;
        if let Some(steps) = resumed_at {
            let session_log = Some(SessionLog { status: SESSION_START });
            events.write(&Event { session_log, ..Event::now(steps + 1) })?;
        }
        Ok(events)
    }

    /// Of the training episodes and the last update.
    ///
    /// # Errors
    /// The file system refused.
    pub fn progress(&mut self, progress: &Progress) -> io::Result<()> {
        let mut scalars = vec![
            ("rollout/ep_rew_mean".to_owned(), progress.return_mean),
            ("rollout/ep_len_mean".to_owned(), progress.episode_steps_mean),
            ("time/fps".to_owned(), progress.steps_per_s),
            ("time/episodes".to_owned(), progress.episodes as f64),
            ("time/time_elapsed".to_owned(), progress.seconds),
        ];
        scalars.extend(progress.metrics.iter().map(|metric| (tag(metric), metric.value)));
        self.scalars(progress.steps, scalars)
    }

    /// Of an evaluation, with the ends of its 95 % intervals.
    ///
    /// # Errors
    /// The file system refused.
    pub fn evaluation(&mut self, point: &EvaluationPoint) -> io::Result<()> {
        let [low, high] = point.return_interval;
        let mut scalars = vec![
            ("eval/mean_reward".to_owned(), point.return_mean),
            ("eval/mean_reward_low".to_owned(), low),
            ("eval/mean_reward_high".to_owned(), high),
            ("eval/mean_ep_length".to_owned(), point.episode_steps_mean),
        ];
        if let (Some(rate), Some([low, high])) = (point.success_rate, point.success_interval) {
            scalars.push(("eval/success_rate".to_owned(), rate));
            scalars.push(("eval/success_rate_low".to_owned(), low));
            scalars.push(("eval/success_rate_high".to_owned(), high));
        }
        self.scalars(point.steps, scalars)
    }

    /// Of the adaptive ranges.
    ///
    /// # Errors
    /// The file system refused.
    pub fn ranges(&mut self, steps: u64, ranges: &AdaptiveRanges) -> io::Result<()> {
        let mut scalars = vec![("adr/entropy".to_owned(), ranges.entropy())];
        for (term, [low, high]) in ranges.ranges() {
            scalars.push((format!("adr/{term} low"), low));
            scalars.push((format!("adr/{term} high"), high));
        }
        self.scalars(steps, scalars)
    }

    /// One event; a value that does not exist yet is left out.
    fn scalars(&mut self, steps: u64, scalars: Vec<(String, f64)>) -> io::Result<()> {
        let finite = scalars.into_iter().filter(|(_, value)| value.is_finite());
        let value = finite.map(|(tag, value)| Scalar { tag, simple_value: Some(value as f32) }).collect();
        self.write(&Event { summary: Some(Summary { value }), ..Event::now(steps) })
    }

    /// Hands the record to the operating system, so that a killed run leaves every event.
    fn write(&mut self, event: &Event) -> io::Result<()> {
        self.writer.write_all(&record(&event.encode_to_vec()))?;
        self.writer.flush()
    }
}

impl Event {
    fn now(step: u64) -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self { wall_time: since.as_secs_f64(), step: step as i64, ..Self::default() }
    }
}

fn tag(metric: &Metric) -> String {
    let known = TAGS.iter().find(|(name, _)| *name == metric.name);
    known.map_or_else(|| format!("train/{}", metric.name), |(_, tag)| (*tag).to_owned())
}

/// `TFRecord`: length, its masked checksum, the message, its masked checksum.
fn record(message: &[u8]) -> Vec<u8> {
    let length = (message.len() as u64).to_le_bytes();
    let mut bytes = Vec::with_capacity(message.len() + 16);
    bytes.extend_from_slice(&length);
    bytes.extend_from_slice(&masked(&length).to_le_bytes());
    bytes.extend_from_slice(message);
    bytes.extend_from_slice(&masked(message).to_le_bytes());
    bytes
}

/// A checksum that stays a checksum where a record holds records.
fn masked(bytes: &[u8]) -> u32 {
    CRC_32C.checksum(bytes).rotate_right(15).wrapping_add(0xa282_ead8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_record_is_the_one_that_every_event_file_begins_with() {
        // As TensorFlow writes it: wall time 1.0 and the version.
        let event = Event { wall_time: 1.0, file_version: Some(FILE_VERSION.to_owned()), ..Event::default() };
        let bytes = record(&event.encode_to_vec());
        // The checksum of a length of 24 bytes is that of every file's first record.
        assert_eq!(bytes[..12], [0x18, 0, 0, 0, 0, 0, 0, 0, 0xa3, 0x7f, 0x4b, 0x22]);
        assert_eq!(bytes[12..21], [0x09, 0, 0, 0, 0, 0, 0, 0xf0, 0x3f]);
        assert_eq!(&bytes[21..36], b"\x1a\x0dbrain.Event:2");
        assert_eq!(bytes.len(), 40);
    }

    #[test]
    fn a_zero_is_written_and_a_nan_is_left_out() {
        let folder = std::env::temp_dir().join(format!("sinew-events-{}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).unwrap();
        let mut file = EventFile::create(&folder, None).unwrap();
        file.scalars(7, vec![("a".to_owned(), 0.0), ("b".to_owned(), f64::NAN)]).unwrap();
        let bytes = fs::read(folder.join("events.out.tfevents.0000000000.sinew")).unwrap();
        let message = &bytes[40 + 12..bytes.len() - 4];
        let event = Event::decode(message).unwrap();
        assert_eq!(event.step, 7);
        let value = event.summary.unwrap().value;
        assert_eq!(value, [Scalar { tag: "a".to_owned(), simple_value: Some(0.0) }]);
        assert_eq!(EventFile::create(&folder, Some(7)).err().map(|error| error.to_string()), None);
        assert!(folder.join("events.out.tfevents.0000000001.sinew").is_file());
        fs::remove_dir_all(folder).unwrap();
    }
}
