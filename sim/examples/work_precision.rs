//! Plays and times motions that its caller describes, one JSON request a line on stdin, one JSON answer a line on stdout:
//! the simulator's half of `.ci/work_precision` and `.ci/speed_mujoco`, which put it beside MuJoCo.
//!
//! Time is this process's CPU time around stepping alone, the least of the request's repeats.

#[path = "../benches/support/bare.rs"]
mod bare;
#[path = "../benches/support/standing.rs"]
mod standing;

use bare::Standing;
use rustix::time::{ClockId, clock_gettime};
use serde::{Deserialize, Serialize};
use sinew_policy_runtime::interface::{JointSetpoint, Setpoint};
use sinew_sim::{JointState, Randomization, SimulatedRobot, Task, Truth, VecEnv};
use std::io::{BufRead, Write};

/// What is to be measured.
#[derive(Deserialize)]
#[serde(tag = "measure", rename_all = "snake_case", deny_unknown_fields)]
enum Request {
    /// A motion of a task's robot.
    Motion(Motion),
    /// A standing quadruped, step by step.
    Standing {
        layer: Layer,
        formulation: String,
        period_s: f64,
        solver_iterations: u32,
        steps: u32,
        repeats: u32,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Motion {
    task: String,
    /// Of the base at the start, m.
    height_m: f64,
    /// Joint positions at the start, rad.
    start: Vec<f64>,
    /// Joint positions that servos hold, rad; N m/rad and N m s/rad.
    target: Vec<f64>,
    stiffness: f32,
    damping: f32,
    /// On the base from the first time to the second, N, world frame.
    push_n: [f64; 3],
    push_s: [f64; 2],
    duration_s: f64,
    sample_s: f64,
    repeats: u32,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Layer {
    /// rapier alone.
    Bare,
    /// rapier alone, with a force set on every body before every step.
    Forces,
    /// The robot: motors, delays, sensors.
    Robot,
    /// One environment of a policy's: the robot, observation, action, reward.
    Environment,
}

#[derive(Serialize)]
struct Answer {
    cpu_s: f64,
    /// The base's position in m, its orientation as w, x, y, z, and every joint's position in rad, at every sample.
    samples: Vec<Vec<f64>>,
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    for line in std::io::stdin().lock().lines() {
        let answer = match serde_json::from_str(&line?)? {
            Request::Motion(motion) => motion.play()?,
            Request::Standing { layer, formulation, period_s, solver_iterations, steps, repeats } => {
                let (mut best, mut height) = (f64::INFINITY, 0.0);
                for _ in 0..repeats {
                    let (cpu_s, at) = stand(layer, &formulation, period_s, solver_iterations, steps)?;
                    (best, height) = (best.min(cpu_s), at);
                }
                Answer { cpu_s: best, samples: vec![vec![height]] }
            }
        };
        let mut output = std::io::stdout().lock();
        serde_json::to_writer(&mut output, &answer)?;
        writeln!(output)?;
        output.flush()?;
    }
    Ok(())
}

fn cpu_s() -> f64 {
    let now = clock_gettime(ClockId::ProcessCPUTime);
    now.tv_sec as f64 + 1e-9 * now.tv_nsec as f64
}

impl Motion {
    fn play(&self) -> Result<Answer, Box<dyn std::error::Error>> {
        let task = Task::load(&self.task)?;
        let mut robot = SimulatedRobot::new(&task, Randomization::Nominal)?;
        let mut answer = Answer { cpu_s: f64::INFINITY, samples: Vec::new() };
        for _ in 0..self.repeats {
            answer.samples.clear();
            answer.cpu_s = answer.cpu_s.min(self.play_once(&mut robot, &mut answer.samples)?);
        }
        Ok(answer)
    }

    fn play_once(
        &self,
        robot: &mut SimulatedRobot,
        samples: &mut Vec<Vec<f64>>,
    ) -> Result<f64, Box<dyn std::error::Error>> {
        let joints = self.start.iter().map(|position| JointState { position: *position, velocity: 0.0 });
        let mut truth = Truth { joints: joints.collect(), ..Truth::default() };
        truth.base.position_m[2] = self.height_m;
        robot.place(&truth);
        let setpoint = |position: &f64| {
            Setpoint::Joint(JointSetpoint {
                position: *position as f32,
                stiffness: self.stiffness,
                damping: self.damping,
                ..JointSetpoint::default()
            })
        };
        robot.command(&self.target.iter().map(setpoint).collect::<Vec<_>>())?;
        let steps = (self.sample_s / robot.physics_period_s()).round() as u32;
        let mut spent_s = 0.0;
        for sample in 0..(self.duration_s / self.sample_s).round() as u32 {
            let middle_s = (f64::from(sample) + 0.5) * self.sample_s;
            let pushed = self.push_s[0] < middle_s && middle_s < self.push_s[1];
            robot.set_external_force(if pushed { self.push_n } else { [0.0; 3] });
            let start_s = cpu_s();
            robot.advance(steps);
            spent_s += cpu_s() - start_s;
            let truth = robot.truth();
            let joints = truth.joints.iter().map(|joint| joint.position);
            samples.push(
                truth.base.position_m.into_iter().chain(truth.base.orientation).chain(joints).collect(),
            );
        }
        Ok(spent_s)
    }
}

/// CPU time of so many physics steps of a robot that has come to rest, and the trunk's height afterwards.
fn stand(
    layer: Layer,
    formulation: &str,
    period_s: f64,
    solver_iterations: u32,
    steps: u32,
) -> Result<(f64, f64), Box<dyn std::error::Error>> {
    let settling = (1.0 / period_s).round() as u32;
    if let Layer::Bare | Layer::Forces = layer {
        let [stiffness, damping] = standing::GAINS;
        let hold = Standing { stiffness, damping };
        let xml = include_str!("../robots/quadruped.xml");
        let build =
            if formulation == "multibody" { bare::standing_multibody } else { bare::standing_constrained };
        let mut world = build(xml, period_s, solver_iterations as usize, hold);
        let forces = matches!(layer, Layer::Forces);
        bare::advance(&mut world, settling, forces);
        let start_s = cpu_s();
        bare::advance(&mut world, steps, forces);
        let spent_s = cpu_s() - start_s;
        let trunk = world.bodies.iter().find(|(_, body)| body.mass() > 5.0).ok_or("no trunk")?;
        return Ok((spent_s, trunk.1.translation().z.into()));
    }
    let task = standing::task(formulation, period_s, solver_iterations);
    if let Layer::Robot = layer {
        let mut robot = SimulatedRobot::new(&task, Randomization::Nominal)?;
        robot.advance(settling);
        let start_s = cpu_s();
        robot.advance(steps);
        return Ok((cpu_s() - start_s, robot.truth().base.position_m[2]));
    }
    let mut environment = VecEnv::new(&task, Randomization::Nominal, 1, 1, 1)?;
    environment.reset()?;
    let actions = vec![0.0; task.action_size()];
    let period_steps = (task.policy_period_s() / task.physics_period_s()).round() as u32;
    let periods = |steps: u32| steps / period_steps;
    for _ in 0..periods(settling) {
        environment.step(&actions)?;
    }
    let start_s = cpu_s();
    for _ in 0..periods(steps) {
        environment.step(&actions)?;
    }
    let spent_s = cpu_s() - start_s;
    let env = environment.env(0).ok_or("no environment")?;
    Ok((spent_s, env.truth().base.position_m[2]))
}
