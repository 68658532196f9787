//! Images in a program's own memory, which a microcontroller executes from flash.

/// Holds bytes on a 64-byte boundary; made by [`include_image!`](crate::include_image).
#[doc(hidden)]
#[repr(C, align(64))]
pub struct Aligned<B: ?Sized>(pub B);

/// Embeds a file's bytes on a 64-byte boundary, as a `&'static [u8]` for [`Image::parse`](crate::image::Image::parse).
///
/// ```text
/// static POLICY: &[u8] = sinew_policy_runtime::include_image!("policy.img");
/// ```
#[macro_export]
macro_rules! include_image {
    ($path:expr) => {{
        static ALIGNED: &$crate::image::Aligned<[u8]> = &$crate::image::Aligned(*include_bytes!($path));
        &ALIGNED.0
    }};
}
