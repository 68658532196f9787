//! What a board must offer; a port to another one implements this and nothing else.

/// A board's peripherals, as the programs use them.
pub trait Board {
    /// How often [`Self::ticks`] counts in a second.
    const TICKS_PER_S: u32;
    /// The largest number that [`Self::ticks`] reaches before it begins anew at 0: all ones in binary.
    const LARGEST_TICK: u32;

    /// Writes bytes to the console, waiting while it is busy.
    fn write(&mut self, bytes: &[u8]);

    /// A clock that counts up.
    fn ticks(&mut self) -> u32;

    /// The most bytes of stack that have been in use since the start, by the paint that is left.
    fn stack_used(&self) -> usize;

    /// Bytes of variables that are not on the stack.
    fn static_bytes(&self) -> usize;

    /// Ends the program.
    fn finish(&mut self, success: bool) -> !;
}
