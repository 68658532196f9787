//! `sinew-host jog`.

use anyhow::anyhow;
use sinew_firmware_host::exit::{Failure, Outcome, failed, unusable};
use sinew_firmware_host::jog::{
    Finding, Jog, JogError, JogOptions, JoggedJoint, Verdict, Wish, conduct, jogged_joints,
};
use sinew_firmware_host::link::{LinkAddress, Traffic, fresh_nonce, open_host_end, read_key};
use sinew_firmware_host::robot::Robot;
use std::io::BufRead;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, TryRecvError, channel};

/// Check the signs and zero offsets of a robot's joints, one at a time and at low authority. Waits for `go` on stdin; `stop`, or the
/// end of stdin, stops the robot.
#[derive(clap::Args)]
pub(crate) struct JogCommand {
    /// The robot's description.
    #[arg(long)]
    robot: String,
    /// udp:HOST:PORT (connects), serial:DEVICE@BAUD, unix:PATH or pty:PATH.
    #[arg(long)]
    link: LinkAddress,
    /// The secret shared with the robot: authenticates datagrams, which without it stay on loopback.
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    /// Jog this actuator's joint; again for another. All, in the robot's order, unless given.
    #[arg(long, value_name = "NAME")]
    actuator: Vec<String>,
    /// Share of each actuator's largest torque and of its servo's gains.
    #[arg(long, default_value_t = JogOptions::default().authority, value_name = "SHARE")]
    authority: f32,
    /// How far a position target is moved either way, rad or m.
    #[arg(long, default_value_t = JogOptions::default().step, value_name = "RAD")]
    step: f32,
    /// A joint that moves further than this ends the jog, rad or m.
    #[arg(long, default_value_t = JogOptions::default().largest_motion, value_name = "RAD")]
    largest_motion: f32,
    /// A zero offset beyond this is a finding, rad or m.
    #[arg(long, default_value_t = JogOptions::default().offset_tolerance, value_name = "RAD")]
    offset_tolerance: f32,
}

impl JogCommand {
    pub(crate) fn run(self) -> Outcome {
        let robot = Robot::load(&self.robot).map_err(unusable)?;
        let options = self.options()?;
        let unfit = |error: JogError| unusable(anyhow!("{}: {error}", self.robot));
        let joints = jogged_joints(&robot).map_err(unfit)?;
        let chosen = self.chosen(&joints).map_err(unfit)?;
        let key = self.key.as_deref().map(read_key).transpose().map_err(unusable)?;
        let tick_hz = 1e6 / Jog::PERIOD_US as f64;
        let traffic = Traffic::new(&robot.interface(), tick_hz, robot.sample_rate_hz.unwrap_or(tick_hz));
        let mut link = open_host_end(&self.link, key, &traffic).map_err(unusable)?;
        let random = fresh_nonce().map_err(unusable)?;
        let session = random.iter().take(8).fold(0, |session, byte| session << 8 | u64::from(*byte));
        let mut jog = Jog::new(joints, &chosen, options);
        let wishes = read_wishes();
        eprintln!("ready: type go, and stop at any time");
        let ended = conduct(&robot, &mut *link, session, &mut jog, || newest_wish(&wishes));
        for finding in jog.findings() {
            println!("{}", told(finding, jog.joints()));
        }
        let wrong = jog.findings().iter().filter(|finding| finding.verdict != Verdict::Right).count();
        match ended {
            Ok(()) if wrong == 0 => Ok(()),
            Ok(()) | Err(JogError::Finding) => Err(failed(anyhow!(
                "{wrong} of {} joints are not as {} says",
                jog.findings().len(),
                self.robot
            ))),
            Err(error) => Err(failed(error)),
        }
    }

    fn options(&self) -> Result<JogOptions, Failure> {
        for (name, value, most) in [
            ("authority", self.authority, 1.0),
            ("step", self.step, 0.5),
            ("largest-motion", self.largest_motion, 3.2),
            ("offset-tolerance", self.offset_tolerance, 3.2),
        ] {
            if !(value > 0.0 && value <= most) {
                return Err(unusable(anyhow!("--{name} is {value}, expected above 0 and at most {most}")));
            }
        }
        let Self { authority, step, largest_motion, offset_tolerance, .. } = *self;
        Ok(JogOptions { authority, step, largest_motion, offset_tolerance, ..JogOptions::default() })
    }

    /// Positions of the joints that were asked for; of all where none was.
    fn chosen(&self, joints: &[JoggedJoint]) -> Result<Vec<usize>, JogError> {
        if self.actuator.is_empty() {
            return Ok((0..joints.len()).collect());
        }
        let find = |name: &String| {
            joints.iter().position(|joint| joint.name == *name).ok_or_else(|| JogError::Unknown {
                found: name.clone(),
                known: joints.iter().map(|joint| &joint.name[..]).collect::<Vec<_>>().join(", "),
            })
        };
        self.actuator.iter().map(find).collect()
    }
}

/// Reads stdin on a thread that ends with it or with the process.
fn read_wishes() -> Receiver<Wish> {
    let (sender, wishes) = channel();
    std::thread::spawn(move || {
        for line in std::io::stdin().lock().lines().map_while(Result::ok) {
            let wish = match line.trim() {
                "go" => Wish::Go,
                "stop" => Wish::Stop,
                other => {
                    eprintln!("{other:?}: expected go or stop");
                    continue;
                }
            };
            if sender.send(wish).is_err() {
                return;
            }
        }
    });
    wishes
}

/// A stop counts more than whatever else was typed, and an operator who is gone has stopped.
fn newest_wish(wishes: &Receiver<Wish>) -> Wish {
    let mut newest = Wish::Nothing;
    loop {
        match wishes.try_recv() {
            Ok(Wish::Stop) | Err(TryRecvError::Disconnected) => return Wish::Stop,
            Ok(wish) => newest = wish,
            Err(TryRecvError::Empty) => return newest,
        }
    }
}

/// One line about a joint: its sign and offset, and what is to be made of them.
fn told(finding: &Finding, joints: &[JoggedJoint]) -> String {
    let Finding { joint, verdict, rest, response } = *finding;
    let JoggedJoint { name, rest: expected, .. } = &joints[joint];
    let sign = match verdict {
        Verdict::Right | Verdict::Offset => "+1",
        Verdict::Inverted => "-1",
        _ => "?",
    };
    let offset = expected.map_or("not known: robot.toml gives no rest".to_owned(), |expected| {
        format!("{:+.4} from its rest of {expected}", rest - expected)
    });
    let verdict = match verdict {
        Verdict::Right => "right".to_owned(),
        Verdict::Inverted => "WRONG: it moves against its command; its sign is inverted".to_owned(),
        Verdict::Offset => "WRONG: its zero is elsewhere".to_owned(),
        Verdict::Still => "WRONG: it did not move".to_owned(),
        Verdict::Swapped { with } => format!("WRONG: {} moved instead", joints[with].name),
        Verdict::TooFar => {
            "WRONG: it moved further than it may; its sign or its zero may be wrong".to_owned()
        }
        Verdict::TooFast => "WRONG: it moved faster than it may".to_owned(),
        Verdict::NoReading => "WRONG: its position is no number".to_owned(),
    };
    format!("{name}: sign {sign}, moved {response:+.4}, offset {offset}: {verdict}")
}
