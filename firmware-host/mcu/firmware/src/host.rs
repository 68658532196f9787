//! A robot's host on a microcontroller: the workstation's tick, on a serial line.
//!
//! [`run`] proves the policy in flash by its golden pairs, builds a [`Host`] in lent memory and lets it tick: at the deadlines
//! of the board's clock ([`Pace::RealTime`]), or whenever a plant in lockstep says so ([`Pace::Lockstep`]). What a tick does is
//! `sinew_firmware_host::host`, the code of a workstation's host, so the same bytes get the same answer on both. Nothing in it
//! allocates or can panic.

use crate::board::{Board, Line};
use crate::console::{decimal, text};
use core::mem::MaybeUninit;
use sinew_firmware_host::host::{Host, Settings};
use sinew_firmware_host::link::{Link, LinkError};
use sinew_firmware_host::operator::most_careful;
use sinew_firmware_host::wire::frame::LARGEST_FRAME;
use sinew_firmware_host::wire::{Decoder, ToHost, ToRobot, encode};
use sinew_policy_runtime::contract::Contract;
use sinew_policy_runtime::controller::Storage;
use sinew_policy_runtime::executor::Executor;
use sinew_policy_runtime::image::Image;
use sinew_policy_runtime::supervisor::Request;

/// Bytes that are taken from the second line at once.
const PIECE_BYTES: usize = 64;
/// Pieces that are looked at for one message, and messages in a tick at the board's deadlines: what comes beyond waits, so that no
/// flood makes a tick late.
const PIECES_AT_ONCE: usize = 16;
const MESSAGES_PER_TICK: usize = 4;

/// What lies in flash.
#[derive(Clone, Copy)]
pub struct Flash {
    /// `policy.img`, on a 64-byte boundary.
    pub policy: &'static [u8],
    /// What `sinew-host firmware` wrote beside it: robot, period, goal, limits, guards, fallback.
    pub settings: &'static [u8],
}

/// What more than a small stack holds.
pub struct Memory {
    host: MaybeUninit<Host<'static>>,
    beside: MaybeUninit<Decoder>,
}

impl Memory {
    /// Empty.
    #[allow(clippy::new_without_default, reason = "a variable of its own is all that it is for")]
    pub const fn new() -> Self {
        Self { host: MaybeUninit::uninit(), beside: MaybeUninit::uninit() }
    }
}

/// Who says when to tick.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// The board's clock. The second line is an operator's.
    RealTime,
    /// A plant that owns time. The second line carries its exchange, and what an operator asks for.
    Lockstep,
}

/// Why the host does not start.
enum Failure {
    Settings,
    Image,
    Contract,
    Executor,
    Golden,
    Robot,
    Lines,
}

impl Failure {
    const fn text(&self) -> &'static str {
        match self {
            Self::Settings => "the settings in flash are damaged or of another version\n",
            Self::Image => "the policy in flash is damaged\n",
            Self::Contract => "the policy has no contract\n",
            Self::Executor => "the policy needs more memory than this program has, or other arithmetic\n",
            Self::Golden => "a golden pair does not hold\n",
            Self::Robot => "policy, robot and settings do not belong together\n",
            Self::Lines => "the serial lines are taken\n",
        }
    }
}

/// Hosts the robot; returns only where it cannot start, after it has said why.
pub fn run(
    board: &mut impl Board,
    flash: Flash,
    storage: Storage<&'static mut [f32]>,
    memory: &'static mut Memory,
    pace: Pace,
) {
    let Memory { host, beside } = memory;
    let beside = beside.write(Decoder::default());
    let failure = match start(board, flash, storage, host) {
        Ok((host, period_us)) => match (board.lines(), pace) {
            (Some([robot, second]), Pace::RealTime) => {
                keep_pace(board, host, (Wire::new(robot), Beside::new(second, beside)), period_us)
            }
            (Some([robot, second]), Pace::Lockstep) => {
                follow(board, host, (Wire::new(robot), Beside::new(second, beside)), period_us)
            }
            (None, _) => Failure::Lines,
        },
        Err(failure) => failure,
    };
    text(board, failure.text());
}

/// A host whose policy has been proved, in its place, and its period in µs.
///
/// Each step is a function of its own, so that what one takes of the stack is free for the next.
#[inline(never)]
fn start<'m>(
    board: &mut impl Board,
    flash: Flash,
    storage: Storage<&'static mut [f32]>,
    place: &'m mut MaybeUninit<Host<'static>>,
) -> Result<(&'m mut Host<'static>, u64), Failure> {
    let image = prove(flash.policy, storage.scratch)?;
    let contract = contract(&image)?;
    let mut settings = settings(flash.settings)?;
    settings.options.session = board.start_number();
    let period_us = (settings.options.tick_period_s * 1e6 + 0.5) as u64;
    Ok((build(image, &contract, settings, storage, place)?, period_us.max(1)))
}

/// The policy, whose golden pairs hold.
#[inline(never)]
fn prove(policy: &'static [u8], scratch: &mut [f32]) -> Result<Image<'static>, Failure> {
    let image = Image::parse(policy).map_err(|_| Failure::Image)?;
    let mut executor = Executor::new(image, scratch).map_err(|_| Failure::Executor)?;
    executor.verify_golden().map_err(|_| Failure::Golden)?;
    Ok(image)
}

#[inline(never)]
fn contract(image: &Image<'static>) -> Result<Contract<'static>, Failure> {
    image.contract().map_err(|_| Failure::Image)?.ok_or(Failure::Contract)
}

#[inline(never)]
fn settings(bytes: &'static [u8]) -> Result<Settings<'static>, Failure> {
    Settings::parse(bytes).map_err(|_| Failure::Settings)
}

#[inline(never)]
fn build<'m>(
    image: Image<'static>,
    contract: &Contract<'static>,
    settings: Settings<'static>,
    storage: Storage<&'static mut [f32]>,
    place: &'m mut MaybeUninit<Host<'static>>,
) -> Result<&'m mut Host<'static>, Failure> {
    let Settings { interface, valid_for_us, options, protection } = settings;
    // A host is more than belongs on a small stack twice, so nothing stands between it and its place.
    match Host::with_storage(image, contract, interface, valid_for_us, options, storage) {
        Ok(host) => {
            let host = place.write(host);
            host.protect(protection);
            Ok(host)
        }
        Err(_) => Err(Failure::Robot),
    }
}

/// Ticks at the deadlines of the board's clock. One that ends late keeps the grid; the next tick hears of it.
fn keep_pace<B: Board>(
    board: &mut B,
    host: &mut Host<'static>,
    (mut wire, mut beside): (Wire<B::Line>, Beside<B::Line>),
    period_us: u64,
) -> ! {
    let mut deadline_us = board.time_us() + period_us;
    loop {
        while board.time_us() < deadline_us {}
        let now_us = board.time_us();
        for _ in 0..MESSAGES_PER_TICK {
            match beside.next() {
                Some(ToHost::Operator(message)) => host.hear(now_us, &message),
                Some(_) => {}
                None => break,
            }
        }
        host.tick(now_us, &mut wire, None);
        deadline_us += period_us;
        let ended_us = board.time_us();
        if ended_us > deadline_us {
            host.report_overrun();
        }
        while deadline_us < ended_us {
            deadline_us += period_us;
        }
    }
}

/// Ticks when a plant in lockstep says so, until it begins anew.
fn follow<B: Board>(
    board: &mut B,
    host: &mut Host<'static>,
    (mut wire, mut beside): (Wire<B::Line>, Beside<B::Line>),
    period_us: u64,
) -> ! {
    beside.say(&ToRobot::Hello(host.hello()));
    let (mut figures, mut request) = (Figures::default(), None::<Request>);
    let (mut due, mut expected_bytes, mut next_tick) = (None::<u64>, 0, None::<u64>);
    loop {
        // The two lines do not keep each other's order.
        if let Some(tick) = due.take_if(|_| wire.arrived() >= expected_bytes) {
            if next_tick.is_some_and(|next| tick > next) {
                host.report_overrun();
            }
            let begun = board.ticks();
            host.tick(tick.wrapping_mul(period_us), &mut wire, request.take());
            figures.count::<B>(board.ticks().wrapping_sub(begun));
            beside.say(&ToRobot::Sent { bytes: wire.sent });
            beside.say(&ToRobot::Done { tick, finished: false });
            next_tick = Some(tick.wrapping_add(1));
        }
        match beside.next() {
            Some(ToHost::Operator(message)) => request = most_careful(request, message.request),
            Some(ToHost::Sent { bytes }) => expected_bytes = bytes,
            Some(ToHost::Advance { tick }) => due = Some(tick),
            // As it has begun already, it says again who it is.
            Some(ToHost::Begin) if next_tick.is_none() && due.is_none() => {
                beside.say(&ToRobot::Hello(host.hello()));
            }
            Some(ToHost::Begin) => {
                figures.tell(board, wire.line.lost());
                board.restart()
            }
            Some(ToHost::Hello(_) | ToHost::Refused { .. } | ToHost::Status(_) | ToHost::Sample(_)) => {}
            None => board.rest(),
        }
    }
}

/// The robot's line as the host sees it.
struct Wire<L> {
    line: L,
    sent: u64,
    arrived: u64,
    /// What the line's own count was last.
    counted: u32,
}

impl<L: Line> Wire<L> {
    fn new(line: L) -> Self {
        let counted = line.arrived();
        Self { line, sent: 0, arrived: 0, counted }
    }

    /// Bytes that have arrived since the host began.
    fn arrived(&mut self) -> u64 {
        let counted = self.line.arrived();
        self.arrived += u64::from(counted.wrapping_sub(self.counted));
        self.counted = counted;
        self.arrived
    }
}

impl<L: Line> Link for Wire<L> {
    fn send(&mut self, frame: &[u8]) -> Result<(), LinkError> {
        self.line.write(frame);
        self.sent += frame.len() as u64;
        Ok(())
    }

    fn receive(&mut self, buffer: &mut [u8]) -> Result<usize, LinkError> {
        Ok(self.line.read(buffer))
    }
}

/// Messages on the line beside the robot's.
struct Beside<'m, L> {
    line: L,
    decoder: &'m mut Decoder,
    piece: [u8; PIECE_BYTES],
    /// Of the piece, what is not decoded yet.
    pending: (usize, usize),
}

impl<'m, L: Line> Beside<'m, L> {
    fn new(line: L, decoder: &'m mut Decoder) -> Self {
        Self { line, decoder, piece: [0; PIECE_BYTES], pending: (0, 0) }
    }

    /// The next message that has arrived whole.
    fn next(&mut self) -> Option<ToHost> {
        for _ in 0..PIECES_AT_ONCE {
            let (begin, end) = self.pending;
            let (message, rest) = self.decoder.feed::<ToHost>(self.piece.get(begin..end).unwrap_or_default());
            self.pending = (end.saturating_sub(rest.len()), end);
            if message.is_some() {
                return message;
            }
            let length = self.line.read(&mut self.piece);
            self.pending = (0, length);
            if length == 0 {
                break;
            }
        }
        None
    }

    fn say(&mut self, message: &ToRobot) {
        let mut frame = [0; LARGEST_FRAME];
        if let Ok(bytes) = encode(message, &mut frame) {
            self.line.write(bytes);
        }
    }
}

/// What a flight in lockstep cost.
#[derive(Default)]
struct Figures {
    ticks: u32,
    longest_ns: u32,
}

impl Figures {
    fn count<B: Board>(&mut self, clock_ticks: u32) {
        let ns = f64::from(clock_ticks & B::LARGEST_TICK) * (1e9 / f64::from(B::TICKS_PER_S));
        self.ticks = self.ticks.saturating_add(1);
        self.longest_ns = self.longest_ns.max(ns as u32);
    }

    fn tell(&self, board: &mut impl Board, lost: u32) {
        let (statics, stack) = (board.static_bytes() as u32, board.stack_used() as u32);
        let figures = [
            ("ticks: ", self.ticks),
            ("longest tick ns: ", self.longest_ns),
            ("lost bytes: ", lost),
            ("static bytes: ", statics),
            ("stack bytes: ", stack),
        ];
        for (name, value) in figures {
            text(board, name);
            decimal(board, value);
            text(board, "\n");
        }
    }
}
