//! The serial ports: USART1 for text, USART2 and USART3 for the lines.

use crate::register::{change, get, set};
use board_cortex_m::line::Port;

/// Of text.
const TEXT_BAUD: u32 = 115_200;
/// Of the lines: a sixteenth of the clock after a reset, the fastest that divides it exactly.
const LINE_BAUD: u32 = 1_000_000;

/// Clocks of peripherals: ports A and B, and the serial ports.
const CLOCKS_OF_PORTS: usize = 0x4002_3830;
const CLOCKS_OF_FIRST: usize = 0x4002_3844;
const CLOCKS_OF_OTHERS: usize = 0x4002_3840;

/// A port's pins: what each is, two bits each, and which function the lower and the upper eight have, four bits each.
const PORT_A: usize = 0x4002_0000;
const PORT_B: usize = 0x4002_0400;
const MODES: usize = 0x00;
const FUNCTIONS: usize = 0x20;
const PIN_OF_A_PERIPHERAL: u32 = 2;
const SERIAL_1_TO_3: u32 = 7;

/// Registers, bytes behind a serial port's address.
const STATUS: usize = 0x00;
const DATA: usize = 0x04;
const BAUD_DIVIDER: usize = 0x08;
const CONTROL: usize = 0x0c;
const STATUS_TRANSMIT_EMPTY: u32 = 1 << 7;
const STATUS_RECEIVED: u32 = 1 << 5;
const CONTROL_ENABLE: u32 = 1 << 13;
const CONTROL_RECEIVE_INTERRUPT: u32 = 1 << 5;
const CONTROL_TRANSMIT: u32 = 1 << 3;
const CONTROL_RECEIVE: u32 = 1 << 2;

/// One serial port.
#[derive(Clone, Copy)]
pub struct Usart {
    address: usize,
    /// The register and the bit that give it a clock.
    clock: (usize, u32),
    /// The port of its pins, that port's own clock, and the pins: to send and to receive.
    pins: (usize, u32, [u32; 2]),
}

impl Usart {
    /// USART1.
    pub(crate) const CONSOLE: Self =
        Self { address: 0x4001_1000, clock: (CLOCKS_OF_FIRST, 1 << 4), pins: (PORT_A, 1, [9, 10]) };
    /// USART2 to the robot, USART3 beside it.
    pub(crate) const LINES: [Self; 2] = [
        Self { address: 0x4000_4400, clock: (CLOCKS_OF_OTHERS, 1 << 17), pins: (PORT_A, 1, [2, 3]) },
        Self { address: 0x4000_4800, clock: (CLOCKS_OF_OTHERS, 1 << 18), pins: (PORT_B, 1 << 1, [10, 11]) },
    ];

    /// Opens it to send alone; `clock_hz` drives its bus.
    pub(crate) fn open_for_text(self, clock_hz: u32) -> Self {
        self.open(clock_hz, TEXT_BAUD, CONTROL_TRANSMIT)
    }

    /// Opens it to send and to receive, with an interrupt for each byte that arrives.
    pub(crate) fn open_both_ways(self, clock_hz: u32) -> Self {
        self.open(clock_hz, LINE_BAUD, CONTROL_TRANSMIT | CONTROL_RECEIVE | CONTROL_RECEIVE_INTERRUPT)
    }

    fn open(self, clock_hz: u32, baud: u32, control: u32) -> Self {
        let Self { address, clock: (clocks, own), pins: (port, port_clock, pins) } = self;
        change(CLOCKS_OF_PORTS, (port_clock, port_clock));
        change(clocks, (own, own));
        for pin in pins {
            // Eight pins to a register of functions.
            let (functions, place) = (port + FUNCTIONS + (pin as usize / 8) * 4, pin % 8 * 4);
            change(functions, (15 << place, SERIAL_1_TO_3 << place));
            change(port + MODES, (3 << (2 * pin), PIN_OF_A_PERIPHERAL << (2 * pin)));
        }
        set(address + BAUD_DIVIDER, (clock_hz + baud / 2).checked_div(baud).unwrap_or(1));
        set(address + CONTROL, CONTROL_ENABLE | control);
        self
    }
}

impl Port for Usart {
    fn put(self, byte: u8) {
        while get(self.address + STATUS) & STATUS_TRANSMIT_EMPTY == 0 {}
        set(self.address + DATA, u32::from(byte));
    }

    fn take(self) -> Option<u8> {
        // Reading the data ends the interrupt.
        (get(self.address + STATUS) & STATUS_RECEIVED != 0).then(|| get(self.address + DATA) as u8)
    }
}
