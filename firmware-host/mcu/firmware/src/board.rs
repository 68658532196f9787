//! What a board must offer; a port to another one implements these two and nothing else.

/// A board's peripherals, as the programs use them.
pub trait Board {
    /// How often [`Self::ticks`] counts in a second.
    const TICKS_PER_S: u32;
    /// The largest number that [`Self::ticks`] reaches before it begins anew at 0: all ones in binary.
    const LARGEST_TICK: u32;
    /// Of the board's serial lines.
    type Line: Line;

    /// Writes bytes to the console, waiting while it is busy.
    fn write(&mut self, bytes: &[u8]);

    /// A clock that counts up.
    fn ticks(&mut self) -> u32;

    /// Since the start, µs; never decreases.
    fn time_us(&mut self) -> u64;

    /// Opens the lines to the robot and to whoever stands beside it: an operator, or lockstep's plant. `None` the second
    /// time.
    fn lines(&mut self) -> Option<[Self::Line; 2]>;

    /// Lets the processor rest until anything has happened, such as an interrupt of a line. May return early, and does at once
    /// where bytes wait to be read.
    fn rest(&mut self);

    /// Another number than at every other start: entropy, or a count that outlives the loss of power.
    fn start_number(&mut self) -> u64;

    /// The most bytes of stack that have been in use since the start, by the paint that is left.
    fn stack_used(&self) -> usize;

    /// Bytes of variables that are not on the stack.
    fn static_bytes(&self) -> usize;

    /// Begins anew, as after a loss of power.
    fn restart(&mut self) -> !;

    /// Ends the program.
    fn finish(&mut self, success: bool) -> !;
}

/// A serial line. An interrupt keeps what arrives until it is read.
pub trait Line: Send {
    /// Sends bytes, waiting while the line is busy.
    fn write(&mut self, bytes: &[u8]);

    /// Takes bytes that have arrived and says how many.
    fn read(&mut self, buffer: &mut [u8]) -> usize;

    /// How many bytes have arrived since the start, modulo 2³², those included that are not read yet or are lost.
    fn arrived(&self) -> u32;

    /// How many bytes found no room and are lost.
    fn lost(&self) -> u32;
}
