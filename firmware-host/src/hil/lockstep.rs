//! Lockstep: the plant owns virtual time, and a tick is one `Advance` and `Done` on a link of their own.

use super::{Ends, Flight, HilError, HilOptions, HilReport, Pilot, Script};
use crate::allocation;
use crate::control_loop::{Directive, LoopReport};
use crate::host::send_message;
use crate::link::Link;
use crate::plant::{Plant, PlantReport};
use crate::rt::{RtPolicy, RtReport};
use crate::telemetry::Timing;
use crate::wire::frame::LARGEST_FRAME;
use crate::wire::message::Operator;
use crate::wire::{Decoder, ToHost, ToRobot};
use sinew_policy_runtime::supervisor::Request;
use std::time::{Duration, Instant};

/// A silence of so much wall time is a failed run.
const SILENCE: Duration = Duration::from_secs(10);
/// How often the core is only offered before it is left alone for [`PAUSE`].
const YIELDS: u32 = 2000;
const PAUSE: Duration = Duration::from_micros(20);

/// Flies with the plant's clock. `sync` carries the exchange, the flight's own link and `robot_end` everything else.
pub(super) fn fly(
    flight: &mut Flight,
    plant: Plant,
    mut robot_end: Box<dyn Link>,
    mut sync: Ends,
    options: &HilOptions,
) -> Result<HilReport, HilError> {
    let mut pilot = flight.pilot();
    let period_us = (flight.tick_period_s * 1e6).round() as u64;
    // Datagrams are answered to whoever spoke: the robot's end must hear of the host first.
    send_message(&mut *sync.host, &ToRobot::Done { tick: 0, finished: false })?;
    std::thread::scope(|scope| {
        let robot_sync = &mut *sync.robot;
        let robot_end = &mut *robot_end;
        let script = flight.script.clone();
        let plant = scope.spawn(move || lead_lockstep(plant, robot_end, robot_sync, period_us, &script));
        let flown = flight.follow(&mut pilot, &mut *sync.host, period_us);
        let plant = plant.join().map_err(|_| HilError::Panicked { who: "plant" })?;
        let report = flown?;
        let rt = RtReport { policy: RtPolicy::Off, items: Vec::new() };
        flight.report(&pilot, &report, plant?, rt, options)
    })
}

/// The robot's side of lockstep: it owns time.
fn lead_lockstep(
    mut plant: Plant,
    link: &mut dyn Link,
    sync: &mut dyn Link,
    period_us: u64,
    script: &Script,
) -> Result<PlantReport, HilError> {
    let physics_us = (plant.physics_period_s() * 1e6).round() as u64;
    let mut exchange = Exchange::default();
    exchange.await_message::<ToRobot>(sync, "host")?;
    for tick in 0_u64.. {
        let now_us = tick * period_us;
        if let Some(since_us) = plant.since_first_command_us(now_us)
            && script.restarts(since_us.saturating_sub(period_us), since_us)
        {
            plant.restart();
        }
        plant.publish(now_us, link);
        if script.operator_speaks(plant.since_first_command_us(now_us)) {
            // A message that the link refuses is lost like any other.
            let _ = send_message(link, &ToHost::Operator(presence(tick)));
        }
        send_message(sync, &ToHost::Advance { tick })?;
        let finished = loop {
            match exchange.await_message::<ToRobot>(sync, "host")? {
                ToRobot::Done { tick: answered, finished } if answered == tick => break finished,
                _ => {}
            }
        };
        plant.receive(now_us, link);
        if finished {
            break;
        }
        for step in 0..period_us / physics_us {
            plant.step(now_us + step * physics_us)?;
        }
    }
    Ok(plant.into_report())
}

/// What an operator's station says when its person wants nothing.
fn presence(tick: u64) -> Operator {
    Operator { session: 1, sequence: tick + 1, request: None, valid_for_us: 0, goal: heapless::Vec::new() }
}

/// Waits for lockstep's messages, at most [`SILENCE`].
#[derive(Default)]
struct Exchange {
    decoder: Decoder,
}

impl Exchange {
    fn await_message<M: serde::de::DeserializeOwned>(
        &mut self,
        link: &mut dyn Link,
        who: &'static str,
    ) -> Result<M, HilError> {
        let mut patience = Patience::default();
        let mut buffer = [0; LARGEST_FRAME];
        loop {
            let length = link.receive(&mut buffer)?;
            // Each message is answered before the next is sent, so nothing lies behind it.
            if let (Some(message), _) = self.decoder.feed(&buffer[..length]) {
                return Ok(message);
            }
            patience.wait(who)?;
        }
    }
}

/// Waits for the other end a little at a time, and for [`SILENCE`] in all.
pub(super) struct Patience {
    begun: Instant,
    yields: u32,
}

impl Default for Patience {
    fn default() -> Self {
        Self { begun: Instant::now(), yields: 0 }
    }
}

impl Patience {
    /// Waits a little.
    pub(super) fn wait(&mut self, who: &'static str) -> Result<(), HilError> {
        if self.begun.elapsed() > SILENCE {
            return Err(HilError::Silent { who });
        }
        // Whoever answers at once is not made to wait; an emulator needs the core.
        if self.yields < YIELDS {
            self.yields += 1;
            std::thread::yield_now();
        } else {
            std::thread::sleep(PAUSE);
        }
        Ok(())
    }
}

impl Flight<'_> {
    /// The host's side of lockstep.
    fn follow(
        &mut self,
        pilot: &mut Pilot,
        sync: &mut dyn Link,
        period_us: u64,
    ) -> Result<LoopReport, HilError> {
        let mut exchange = Exchange::default();
        let mut report = LoopReport::default();
        let mut stalled = 0;
        loop {
            let ToHost::Advance { tick } = exchange.await_message(sync, "plant")? else { continue };
            let now_us = tick * period_us;
            let since_arming_us = pilot.since_arming_us(now_us);
            let finished = if since_arming_us.is_some_and(|since_us| self.script.is_stalled(since_us)) {
                stalled += 1;
                false
            } else {
                match pilot.direct(now_us, &self.host) {
                    Directive::Tick(request) => {
                        let ahead_us =
                            since_arming_us.map_or(0, |since_us| self.script.clock_offset_us(since_us));
                        let (now_us, swallowed) = (now_us + ahead_us, std::mem::take(&mut stalled));
                        let tick = now_us / period_us;
                        self.follow_tick((tick, now_us), request, swallowed, &mut report)?;
                        false
                    }
                    Directive::Finish => true,
                }
            };
            send_message(sync, &ToRobot::Done { tick, finished })?;
            if finished {
                return Ok(report);
            }
        }
    }

    /// One tick, after so many that a stall swallowed: the one before them ended late, as in real time.
    fn follow_tick(
        &mut self,
        (tick, now_us): (u64, u64),
        request: Option<Request>,
        stalled: u64,
        report: &mut LoopReport,
    ) -> Result<(), HilError> {
        if stalled > 0 {
            report.overruns += 1;
            report.skipped += stalled;
        }
        if stalled > 0 || self.microcontroller.as_ref().is_some_and(|other| other.is_late(tick)) {
            self.host.report_overrun();
        }
        let allocations = allocation::count();
        let Self { host, link, recorder, microcontroller, .. } = self;
        match microcontroller {
            None => recorder.tick(host, link, now_us, request),
            Some(other) => recorder.tick(host, &mut other.tap(link), now_us, request),
        };
        recorder.end_tick(host, Timing { skipped: stalled, ..Timing::default() });
        report.allocations += allocation::count() - allocations;
        report.ticks += 1;
        microcontroller.as_mut().map_or(Ok(()), |other| other.tick(tick, request, link))
    }
}
