//! What went wrong, as a number and as text.

use core::ffi::{CStr, c_char};
use sinew_policy_runtime::executor::{ExecutorError, InferenceFault};
use sinew_policy_runtime::image::ImageError;

/// What a call gives. Anything but `SINEW_STATUS_OK` means that nothing may move on its account.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SinewStatus {
    /// Done.
    Ok = 0,
    /// A pointer is null.
    Null = 1,
    /// The image is not on a boundary of `SINEW_POLICY_ALIGNMENT` bytes.
    Misaligned = 2,
    /// The bytes are no image, or one of another version of the format.
    NotAnImage = 3,
    /// The image was cut, changed or damaged.
    Damaged = 4,
    /// The image's parts contradict each other.
    Invalid = 5,
    /// Too few values of scratch.
    Scratch = 6,
    /// This thread's arithmetic would give other bits: flushing of small numbers, or another rounding.
    FloatEnvironment = 7,
    /// The golden pairs do not hold: this compiler, flag or processor computes otherwise.
    GoldenPairs = 8,
    /// `sinew_policy_load` has not filled this policy.
    NotLoaded = 9,
    /// The observation or the action has another length than the policy's.
    Length = 10,
    /// The observation holds a value that is not finite.
    Observation = 11,
    /// A value inside the policy, or its action, is not finite.
    NotFinite = 12,
    /// The image's memory has changed since it was loaded.
    Changed = 13,
    /// Something that this version of the interface has no name for.
    Other = 14,
}

impl SinewStatus {
    fn text(self) -> &'static CStr {
        match self {
            Self::Ok => c"done",
            Self::Null => c"a pointer is null",
            Self::Misaligned => c"the image is not on a 64-byte boundary",
            Self::NotAnImage => c"the bytes are no policy image of a version that this library reads",
            Self::Damaged => c"the image was cut, changed or damaged",
            Self::Invalid => c"the image's parts contradict each other",
            Self::Scratch => c"too little scratch; sinew_policy_sizes says how much is needed",
            Self::FloatEnvironment => {
                c"this thread flushes small numbers or does not round to nearest, which gives other bits"
            }
            Self::GoldenPairs => c"the golden pairs do not hold: this build computes otherwise",
            Self::NotLoaded => c"the policy is not loaded",
            Self::Length => c"the observation or the action has another length than the policy's",
            Self::Observation => c"the observation holds a value that is not finite",
            Self::NotFinite => c"a value inside the policy is not finite",
            Self::Changed => c"the image's memory has changed since it was loaded",
            Self::Other => c"a refusal that this version of the interface has no name for",
        }
    }
}

/// In the order of their numbers.
const ALL: [SinewStatus; 15] = [
    SinewStatus::Ok,
    SinewStatus::Null,
    SinewStatus::Misaligned,
    SinewStatus::NotAnImage,
    SinewStatus::Damaged,
    SinewStatus::Invalid,
    SinewStatus::Scratch,
    SinewStatus::FloatEnvironment,
    SinewStatus::GoldenPairs,
    SinewStatus::NotLoaded,
    SinewStatus::Length,
    SinewStatus::Observation,
    SinewStatus::NotFinite,
    SinewStatus::Changed,
    SinewStatus::Other,
];

/// A sentence for a log about a `SinewStatus`, which ends in a zero and lives as long as the program. Any number is allowed.
#[unsafe(no_mangle)]
pub extern "C" fn sinew_policy_text(status: u32) -> *const c_char {
    ALL.get(status as usize).unwrap_or(&SinewStatus::Other).text().as_ptr()
}

impl From<&ImageError> for SinewStatus {
    fn from(error: &ImageError) -> Self {
        match error {
            ImageError::Misaligned { .. } => Self::Misaligned,
            ImageError::Magic { .. } | ImageError::Version { .. } => Self::NotAnImage,
            ImageError::Length { .. } | ImageError::Checksum => Self::Damaged,
            _ => Self::Invalid,
        }
    }
}

impl From<&ExecutorError> for SinewStatus {
    fn from(error: &ExecutorError) -> Self {
        match error {
            ExecutorError::Scratch { .. } => Self::Scratch,
            ExecutorError::FloatEnvironment(_) => Self::FloatEnvironment,
            _ => Self::Other,
        }
    }
}

impl From<&InferenceFault> for SinewStatus {
    fn from(fault: &InferenceFault) -> Self {
        match fault {
            InferenceFault::Length { .. } => Self::Length,
            InferenceFault::Observation { .. } => Self::Observation,
            InferenceFault::NotFinite { .. } => Self::NotFinite,
            InferenceFault::Changed { .. } => Self::Changed,
            _ => Self::Other,
        }
    }
}
