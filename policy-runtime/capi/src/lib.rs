//! Sinew policies in C and C++: firmware loads an image from memory and steps it, with the bits of the Rust executor.
//!
//! [`SinewPolicy`] is what a program declares; [`sinew_policy_load`] fills it, [`sinew_policy_infer`] runs it. The library
//! neither allocates nor locks nor reads a clock, needs no standard library of either language, and keeps nothing beyond the
//! memory that the caller lends. Images come from `sinew compile`.
//!
//! Nothing here panics for any input. Should a defect panic all the same, the program must not go on:
//! `sinew_policy_panicked`, which the program supplies, is called and must not return.
#![no_std]

mod status;

pub use status::SinewStatus;

use core::mem::MaybeUninit;
use core::slice;
use sinew_policy_runtime::executor::Executor;
use sinew_policy_runtime::image::Image;

/// Version of this interface: a program compares `SINEW_POLICY_INTERFACE` with `sinew_policy_interface()`.
pub const SINEW_POLICY_INTERFACE: u32 = 1;

/// Alignment that an image needs in memory, in bytes.
pub const SINEW_POLICY_ALIGNMENT: usize = 64;

/// Words of a `SinewPolicy`.
pub const SINEW_POLICY_WORDS: usize = 48;

/// A loaded policy. Declare it, let `sinew_policy_load` fill it, touch nothing inside. It may be moved or copied as long as
/// one copy alone is used, and needs no release. One thread at a time may use it.
#[repr(C)]
pub struct SinewPolicy {
    words: [u64; SINEW_POLICY_WORDS],
}

/// What an image holds and needs.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct SinewSizes {
    /// Values of an observation.
    pub observation: usize,
    /// Values of an action.
    pub action: usize,
    /// Values of scratch.
    pub scratch: usize,
}

/// What a `SinewPolicy` holds once it is loaded.
#[repr(C)]
struct Loaded {
    /// [`LOADED`], read through a pointer before anything else is.
    _mark: u64,
    executor: Executor<'static, &'static mut [f32]>,
}

/// In the first word of what `sinew_policy_load` has filled.
const LOADED: u64 = 0x5349_4e45_5750_4f4c;

const _: () = {
    assert!(size_of::<Loaded>() <= size_of::<SinewPolicy>());
    assert!(align_of::<Loaded>() <= align_of::<SinewPolicy>());
    assert!(sinew_policy_runtime::image::ALIGNMENT == SINEW_POLICY_ALIGNMENT);
};

unsafe extern "C" {
    /// Supplied by the program: stops it, and whatever it moves. Called only after a defect of this library.
    fn sinew_policy_panicked() -> !;
}

#[panic_handler]
fn panicked(_: &core::panic::PanicInfo<'_>) -> ! {
    // SAFETY: the program supplies it, and it takes nothing.
    unsafe { sinew_policy_panicked() }
}

/// `SINEW_POLICY_INTERFACE` of the library that was linked.
#[unsafe(no_mangle)]
pub extern "C" fn sinew_policy_interface() -> u32 {
    SINEW_POLICY_INTERFACE
}

/// Checks the image and says what it holds and needs.
///
/// # Safety
/// `image` points to `length` bytes, or is null; `sizes` points to a `SinewSizes`, or is null.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sinew_policy_sizes(
    image: *const u8,
    length: usize,
    sizes: *mut SinewSizes,
) -> SinewStatus {
    if image.is_null() || sizes.is_null() {
        return SinewStatus::Null;
    }
    // SAFETY: not null, and as long as the caller says.
    let bytes = unsafe { slice::from_raw_parts(image, length) };
    match Image::parse(bytes) {
        Ok(image) => {
            let found = SinewSizes {
                observation: image.input_size(),
                action: image.output_size(),
                scratch: image.scratch_len(),
            };
            // SAFETY: not null, and the caller gives room for it.
            unsafe { sizes.write(found) };
            SinewStatus::Ok
        }
        Err(error) => SinewStatus::from(&error),
    }
}

/// Checks the image, probes this thread's arithmetic, runs the golden pairs that the image carries, and fills `policy`.
///
/// The image and the scratch must stay where they are, and only this policy may touch the scratch, as long as the policy is
/// used. `scratch` has at least as many values as `sinew_policy_sizes` says.
///
/// # Safety
/// `policy` points to a `SinewPolicy`, `image` to `image_length` bytes and `scratch` to `scratch_length` values that are as said
/// above; or they are null.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sinew_policy_load(
    policy: *mut SinewPolicy,
    image: *const u8,
    image_length: usize,
    scratch: *mut f32,
    scratch_length: usize,
) -> SinewStatus {
    if policy.is_null() || image.is_null() || scratch.is_null() {
        return SinewStatus::Null;
    }
    // SAFETY: not null, and the first word of memory that the caller gives.
    unsafe { policy.cast::<u64>().write(0) };
    // SAFETY: not null, as long as the caller says, and left alone by others from now on.
    let bytes: &'static [u8] = unsafe { slice::from_raw_parts(image, image_length) };
    // SAFETY: the caller lends as many values; what they hold before does not matter, so they are written first.
    let scratch: &'static mut [f32] = unsafe {
        let room = slice::from_raw_parts_mut(scratch.cast::<MaybeUninit<f32>>(), scratch_length);
        room.fill(MaybeUninit::new(0.0));
        slice::from_raw_parts_mut(scratch, scratch_length)
    };
    let image = match Image::parse(bytes) {
        Ok(image) => image,
        Err(error) => return SinewStatus::from(&error),
    };
    let mut executor = match Executor::new(image, scratch) {
        Ok(executor) => executor,
        Err(error) => return SinewStatus::from(&error),
    };
    if executor.verify_golden().is_err() {
        return SinewStatus::GoldenPairs;
    }
    // SAFETY: `Loaded` fits a `SinewPolicy` in size and alignment, as is asserted above.
    unsafe { policy.cast::<Loaded>().write(Loaded { _mark: LOADED, executor }) };
    SinewStatus::Ok
}

/// Computes the action for an observation, both in the order and units of the policy's contract. Where the status is not
/// `SINEW_STATUS_OK`, `action` is left as it was and must not be used.
///
/// # Safety
/// `policy` was filled by `sinew_policy_load`, or was set to zeros; `observation` and `action` point to as many values as said; or
/// they are null.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sinew_policy_infer(
    policy: *mut SinewPolicy,
    observation: *const f32,
    observation_length: usize,
    action: *mut f32,
    action_length: usize,
) -> SinewStatus {
    if observation.is_null() || action.is_null() {
        return SinewStatus::Null;
    }
    // SAFETY: as the caller says.
    let loaded = match unsafe { loaded(policy) } {
        Ok(loaded) => loaded,
        Err(status) => return status,
    };
    // SAFETY: not null, and as long as the caller says.
    let observation = unsafe { slice::from_raw_parts(observation, observation_length) };
    if action_length != loaded.executor.image().output_size() {
        return SinewStatus::Length;
    }
    match loaded.executor.infer(observation) {
        Ok(inference) => {
            // SAFETY: not null, with room for as many values; scratch, from which they are copied, is nobody else's.
            unsafe { action.copy_from_nonoverlapping(inference.action.as_ptr(), inference.action.len()) };
            SinewStatus::Ok
        }
        Err(fault) => SinewStatus::from(&fault),
    }
}

/// Begins anew, as after loading: a recurrent policy forgets what it has seen.
///
/// # Safety
/// `policy` was filled by `sinew_policy_load`, or was set to zeros, or is null.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sinew_policy_reset(policy: *mut SinewPolicy) -> SinewStatus {
    // SAFETY: as the caller says.
    match unsafe { loaded(policy) } {
        Ok(loaded) => {
            loaded.executor.reset();
            SinewStatus::Ok
        }
        Err(status) => status,
    }
}

/// What `sinew_policy_load` has filled.
///
/// # Safety
/// `policy` was filled by it, or was set to zeros, or is null; no other reference to it lives.
unsafe fn loaded<'p>(policy: *mut SinewPolicy) -> Result<&'p mut Loaded, SinewStatus> {
    if policy.is_null() {
        return Err(SinewStatus::Null);
    }
    // SAFETY: the first word is written by `sinew_policy_load`, or a zero of the caller's.
    if unsafe { policy.cast::<u64>().read() } != LOADED {
        return Err(SinewStatus::NotLoaded);
    }
    // SAFETY: the word says that a `Loaded` was written here, and no other reference lives, as the caller says.
    Ok(unsafe { &mut *policy.cast::<Loaded>() })
}
