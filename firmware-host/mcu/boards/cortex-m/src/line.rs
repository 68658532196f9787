//! Serial lines: a chip's port, and the ring into which its interrupt puts what arrives.

use crate::board::Chip;
use crate::ring::Ring;
use cortex_m::asm;
use sinew_firmware::board::Line;

/// One for each line.
static RINGS: [Ring; 2] = [Ring::new(), Ring::new()];

/// A serial port's registers, which each maker has others of.
pub trait Port: Copy + Send + 'static {
    /// Sends a byte, waiting while the port is busy.
    fn put(self, byte: u8);

    /// The byte that has arrived, if one has; its interrupt is over then.
    fn take(self) -> Option<u8>;
}

/// An opened line.
pub struct SerialLine<P> {
    port: P,
    ring: &'static Ring,
}

impl<P: Port> SerialLine<P> {
    /// Both lines, around their ports.
    pub(crate) fn pair(ports: [P; 2]) -> [Self; 2] {
        let ([robot, beside], [first, second]) = (ports, &RINGS);
        [Self { port: robot, ring: first }, Self { port: beside, ring: second }]
    }
}

impl<P: Port> Line for SerialLine<P> {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.port.put(*byte);
        }
    }

    fn read(&mut self, buffer: &mut [u8]) -> usize {
        let mut read = 0;
        for place in buffer {
            let Some(byte) = self.ring.pop() else { break };
            *place = byte;
            read += 1;
        }
        read
    }

    fn arrived(&self) -> u32 {
        self.ring.pushed().wrapping_add(self.ring.lost())
    }

    fn lost(&self) -> u32 {
        self.ring.lost()
    }
}

/// Keeps what has arrived on the lines.
pub(crate) fn keep<C: Chip>() {
    for (port, ring) in C::LINES.into_iter().zip(&RINGS) {
        while let Some(byte) = port.take() {
            ring.push(byte);
        }
    }
}

/// Waits for an interrupt, unless bytes wait to be read. One that comes in between ends the wait too: it is held back, and a
/// processor does not rest over an interrupt that is held back.
pub(crate) fn rest() {
    cortex_m::interrupt::free(|_| {
        if RINGS.iter().all(Ring::is_empty) {
            asm::wfi();
        }
    });
}
