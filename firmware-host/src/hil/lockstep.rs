//! Lockstep: the plant owns virtual time, and a tick is one `Advance` and `Done` on a link of their own.

use super::{Ends, Flight, HilError, HilOptions, HilReport, Pilot};
use crate::control_loop::{Directive, LoopReport};
use crate::host::send_message;
use crate::link::Link;
use crate::plant::{Plant, PlantReport};
use crate::rt::{RtPolicy, RtReport};
use crate::wire::frame::LARGEST_FRAME;
use crate::wire::{Decoder, ToHost, ToRobot};
use std::time::{Duration, Instant};

/// A silence of so much wall time is a failed run.
const SILENCE: Duration = Duration::from_secs(10);

/// Flies with the plant's clock. `sync` carries the exchange, the flight's own link and `robot_end` everything else.
pub(super) fn fly(
    mut flight: Flight,
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
        let plant = scope.spawn(move || lead_lockstep(plant, robot_end, robot_sync, period_us));
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
) -> Result<PlantReport, HilError> {
    let physics_us = (plant.physics_period_s() * 1e6).round() as u64;
    let mut exchange = Exchange::default();
    exchange.await_message::<ToRobot>(sync, "host")?;
    for tick in 0_u64.. {
        let now_us = tick * period_us;
        plant.publish(now_us, link);
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
        let begun = Instant::now();
        let mut buffer = [0; LARGEST_FRAME];
        while begun.elapsed() < SILENCE {
            let length = link.receive(&mut buffer)?;
            // Each message is answered before the next is sent, so nothing lies behind it.
            if let (Some(message), _) = self.decoder.feed(&buffer[..length]) {
                return Ok(message);
            }
            std::thread::yield_now();
        }
        Err(HilError::Silent { who })
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
        loop {
            let ToHost::Advance { tick } = exchange.await_message(sync, "plant")? else { continue };
            let now_us = tick * period_us;
            let directive = pilot.direct(now_us, &self.host);
            let finished = match directive {
                Directive::Tick(request) => {
                    let allocations = crate::allocation::count();
                    self.host.tick(now_us, &mut self.injector, request);
                    report.allocations += crate::allocation::count() - allocations;
                    report.ticks += 1;
                    false
                }
                Directive::Finish => true,
            };
            send_message(sync, &ToRobot::Done { tick, finished })?;
            if finished {
                return Ok(report);
            }
        }
    }
}
