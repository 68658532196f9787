//! ONNX Runtime through its C interface, on one thread, with input and output bound once: its fastest way to run.
#![allow(unsafe_code, reason = "a C interface")]

use libloading::Library;
use ort_sys::{
    ONNXTensorElementDataType, ORT_API_VERSION, OrtAllocatorType, OrtApi, OrtApiBase, OrtLoggingLevel,
    OrtMemType, OrtStatusPtr, OrtValue,
};
use std::error::Error;
use std::ffi::{CStr, OsStr, c_void};
use std::hint::black_box;
use std::ptr::null_mut;

/// Where the shared library is named; without it ONNX Runtime is left out.
pub(super) const LIBRARY: &str = "SINEW_ONNXRUNTIME";

/// One inference of `model` for `observation` by the library at `path`. All that it holds lives as long as the program.
pub(super) fn engine(
    path: &OsStr,
    model: &[u8],
    observation: Vec<f32>,
    output_size: usize,
) -> Result<Box<dyn FnMut()>, Box<dyn Error>> {
    let library: &'static Library = Box::leak(Box::new({
        // SAFETY: the caller names ONNX Runtime's library, whose loading runs no code that asks for more.
        unsafe { Library::new(path)? }
    }));
    // SAFETY: the symbol has this type in every release; the interface lives as long as the library.
    let api = unsafe {
        let base = library.get::<unsafe extern "system" fn() -> *const OrtApiBase>(b"OrtGetApiBase")?;
        ((*base()).GetApi)(ORT_API_VERSION).as_ref().ok_or("the library is older than this interface")?
    };
    let run = api.RunWithBinding;
    let (mut env, mut options, mut session, mut binding) = (null_mut(), null_mut(), null_mut(), null_mut());
    // SAFETY: every pointer was given by the call before that made its object, and strings end in a zero.
    unsafe {
        check(
            api,
            (api.CreateEnv)(OrtLoggingLevel::ORT_LOGGING_LEVEL_WARNING, c"bench".as_ptr(), &raw mut env),
        )?;
        check(api, (api.CreateSessionOptions)(&raw mut options))?;
        check(api, (api.SetIntraOpNumThreads)(options, 1))?;
        let (start, length) = (model.as_ptr().cast(), model.len());
        check(api, (api.CreateSessionFromArray)(env, start, length, options, &raw mut session))?;
        check(api, (api.CreateIoBinding)(session, &raw mut binding))?;
        check(api, (api.BindInput)(binding, c"observation".as_ptr(), tensor(api, observation)?))?;
        check(api, (api.BindOutput)(binding, c"action".as_ptr(), tensor(api, vec![0.0; output_size])?))?;
    }
    Ok(Box::new(move || {
        // SAFETY: session and binding are never released; no options means the defaults.
        let status = unsafe { run(session, null_mut(), black_box(binding)) };
        assert!(status.0.is_null(), "ONNX Runtime failed while it was timed");
    }))
}

/// A tensor `[1, n]` over values that live as long as the program.
fn tensor(api: &OrtApi, values: Vec<f32>) -> Result<*mut OrtValue, Box<dyn Error>> {
    let values = values.leak();
    let shape = [1, values.len() as i64];
    let (mut memory, mut tensor) = (null_mut(), null_mut());
    let float = ONNXTensorElementDataType::ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT;
    // SAFETY: the values are never freed, and the lengths are those of the memory.
    unsafe {
        let (kind, place) = (OrtAllocatorType::OrtDeviceAllocator, OrtMemType::OrtMemTypeDefault);
        check(api, (api.CreateCpuMemoryInfo)(kind, place, &raw mut memory))?;
        let (data, bytes) = (values.as_mut_ptr().cast::<c_void>(), size_of_val(values));
        let (dims, rank) = (shape.as_ptr(), shape.len());
        let create = api.CreateTensorWithDataAsOrtValue;
        check(api, create(memory, data, bytes, dims, rank, float, &raw mut tensor))?;
    }
    Ok(tensor)
}

/// The library's message where a call failed.
fn check(api: &OrtApi, status: OrtStatusPtr) -> Result<(), Box<dyn Error>> {
    if status.0.is_null() {
        return Ok(());
    }
    // SAFETY: a failed call gives a status whose message ends in a zero.
    let message = unsafe { CStr::from_ptr((api.GetErrorMessage)(status.0)) };
    Err(message.to_string_lossy().into())
}
