//! A robot's whole control path, both ends of the link included: sample, frame, decode, tick, encode, obey.
//!
//! Nothing in it allocates or can panic. `.ci/mcu` holds the program that runs this to it: not one symbol of `core::panicking`
//! is linked.

use crate::board::Board;
use crate::console::{decimal, text};
use sinew_firmware_host::wire::frame::LARGEST_FRAME;
use sinew_firmware_host::wire::message::{Header, HostHello, RobotState, Status};
use sinew_firmware_host::wire::robot_session::RobotSession;
use sinew_firmware_host::wire::sample::{Assembly, split};
use sinew_firmware_host::wire::{Decoder, PROTOCOL_REVISION, PROTOCOL_VERSION, ToHost, ToRobot, encode};
use sinew_policy_runtime::controller::{Controller, Storage};
use sinew_policy_runtime::image::Image;
use sinew_policy_runtime::interface::{Interface, MAX_ACTUATORS, Setpoint};
use sinew_policy_runtime::observation::SensorFrame;
use sinew_policy_runtime::supervisor::{Inputs, Limits, Request, Source, Supervisor};

/// Periods that are run.
const PERIODS: u64 = 100;
/// Between two of them, µs.
const PERIOD_US: u64 = 20_000;
const SESSION: u64 = 1;
const MAX_VALUES: usize = 64;

/// Runs the control path for some periods and says whether every command was obeyed as it was computed.
pub fn run(
    board: &mut impl Board,
    image: &'static [u8],
    storage: Storage<&mut [f32]>,
    ends: &mut Ends,
) -> bool {
    let obeyed = fly(image, storage, ends).unwrap_or(0);
    text(board, "commands obeyed: ");
    decimal(board, obeyed);
    text(board, "\n");
    u64::from(obeyed) == PERIODS
}

/// What both ends hold: more than belongs on a small stack.
#[derive(Default)]
pub struct Ends {
    to_host: Decoder,
    to_robot: Decoder,
    assembly: Assembly,
}

fn fly(image: &'static [u8], storage: Storage<&mut [f32]>, ends: &mut Ends) -> Option<u32> {
    let image = Image::parse(image).ok()?;
    let contract = image.contract().ok()??;
    let interface = Interface { sensors: contract.sensors.clone(), actuators: contract.actions.clone() };
    let mut controller = Controller::new(image, &contract, &interface, storage).ok()?;
    let mut supervisor = Supervisor::new(Limits::immediate());
    let mut resting = heapless::Vec::<Setpoint, MAX_ACTUATORS>::new();
    interface.actuators.iter().try_for_each(|actuator| resting.push(actuator.setpoint(0.0))).ok()?;
    let mut robot = RobotSession::new(interface.hash(), 1, &resting);
    let hello = HostHello {
        protocol: PROTOCOL_VERSION,
        revision: PROTOCOL_REVISION,
        session: SESSION,
        attempt: 1,
        contract_hash: image.contract_hash(),
        interface_hash: interface.hash(),
    };
    ends.tell(&mut robot, 0, &ToRobot::Hello(hello))?;
    ends.tell(&mut robot, 0, &ToRobot::Arm(header(1, 0)))?;
    let mut obeyed = 0;
    for period in 1..=PERIODS {
        let time_us = period * PERIOD_US;
        let status = robot.status(time_us)?;
        let command = ends.tick(&interface, &mut controller, &mut supervisor, status, time_us)?;
        let message = ToRobot::Command {
            header: header(period + 1, time_us),
            sample_sequence: status.sequence,
            valid_for_us: 2 * PERIOD_US as u32,
            setpoints: command.clone(),
        };
        ends.tell(&mut robot, time_us, &message)?;
        obeyed += u32::from(robot.setpoints() == Some(&command));
    }
    Some(obeyed)
}

fn header(sequence: u64, time_us: u64) -> Header {
    Header { session: SESSION, sequence, time_us, ..Header::default() }
}

impl Ends {
    /// The robot sends its sensors, and the host decides on them.
    fn tick(
        &mut self,
        interface: &Interface,
        controller: &mut Controller<&mut [f32]>,
        supervisor: &mut Supervisor,
        status: Status,
        time_us: u64,
    ) -> Option<heapless::Vec<Setpoint, MAX_ACTUATORS>> {
        let mut values = [0.0; MAX_VALUES];
        let values = values.get_mut(..interface.sample_size())?;
        let angle = time_us as f32 * 1e-6;
        values.iter_mut().enumerate().for_each(|(index, value)| *value = angle - 0.2 * index as f32);
        let mut received = None;
        for part in split(status, &[0], values) {
            let mut frame = [0; LARGEST_FRAME];
            let bytes = encode(&ToHost::Sample(part), &mut frame).ok()?;
            let (Some(ToHost::Sample(part)), _) = self.to_host.feed(bytes) else { return None };
            received = self.assembly.take(&part);
        }
        let sample = received?;
        let frame = SensorFrame { values: &sample.values, ages_us: &sample.ages_us };
        let (command, saturated) = controller.step(&frame, &[]).ok()?;
        let request = (status.state == RobotState::Armed).then_some(Request::Arm);
        let inputs =
            Inputs { time_us, request, inferred: true, saturated: saturated > 0, ..Inputs::default() };
        let Source::Policy { .. } = supervisor.step(&inputs).source else { return None };
        let mut setpoints = heapless::Vec::new();
        for (actuator, value) in interface.actuators.iter().zip(command) {
            setpoints.push(actuator.setpoint(*value)).ok()?;
        }
        Some(setpoints)
    }

    /// What the host says reaches the robot as a frame.
    fn tell(&mut self, robot: &mut RobotSession, time_us: u64, message: &ToRobot) -> Option<()> {
        let mut frame = [0; LARGEST_FRAME];
        let bytes = encode(message, &mut frame).ok()?;
        let message: ToRobot = self.to_robot.feed(bytes).0?;
        robot.take(time_us, &message);
        Some(())
    }
}
