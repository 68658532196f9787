//! The best that anybody can do on Pendulum-v1: the yardstick for published returns.
//!
//! Backward induction over the 200 steps of an episode, undiscounted, on a grid of angles and speeds with bilinear
//! interpolation gives the value of every state with every number of steps left. [`optimal_returns`] then plays the
//! true equations, choosing each torque by looking one step ahead, so its returns are reached by a policy and never an
//! artefact of the grid.

use sinew_sim::equations::pendulum::{MAX_SPEED, MAX_TORQUE, PERIOD_S, cost, next};
use sinew_sim::quantity::wrapped;
use std::f64::consts::TAU;

/// Steps of an episode.
const STEPS: usize = 200;
/// Torques that a rollout chooses from; finer than the grid's, because it is cheap here.
const ROLLOUT_TORQUES: usize = 401;
/// Gymnasium's weight of the squared torque in [`cost`].
const TORQUE_COST: f64 = 0.001;

/// Resolution of the grid, in units that keep every torque's next speed on a shared comb of speeds.
///
/// The largest torque changes the speed by 0.3 rad/s in a step; `torques_per_side` divides that into the comb's spacing,
/// and every `comb_per_speed`-th tooth is a speed of the grid.
#[derive(Clone, Copy, Debug)]
pub struct Resolution {
    /// Angles over a full turn.
    pub angles: usize,
    /// Torques from 0, which is not counted, to one limit.
    pub torques_per_side: usize,
    /// Teeth of the comb from one speed to the next.
    pub comb_per_speed: usize,
}

impl Resolution {
    /// 321 angles, 321 speeds, 61 torques: refining it moves the mean return by less than a point.
    pub const STANDARD: Self = Self { angles: 321, torques_per_side: 30, comb_per_speed: 5 };

    /// Speeds from one limit to the other: the range over 0.3 rad/s is 160 / 3.
    const fn speeds(self) -> usize {
        160 * self.torques_per_side / (3 * self.comb_per_speed) + 1
    }

    const fn torques(self) -> usize {
        2 * self.torques_per_side + 1
    }
}

/// The value of every state with every number of steps left.
pub struct Optimum {
    resolution: Resolution,
    rows_per_rad: f64,
    columns_per_rad_per_s: f64,
    /// `values[steps left]`, `[angles, speeds]`, angle-major; f32 because 200 tables are kept.
    values: Vec<Vec<f32>>,
}

/// Undiscounted returns of an optimal policy over one episode from each start, given as (angle in rad, speed in rad/s).
pub fn optimal_returns(starts: &[(f64, f64)]) -> Vec<f64> {
    Optimum::solve(Resolution::STANDARD).returns(starts)
}

impl Optimum {
    /// Backward induction: `V_k(s) = max over u of -cost(s, u) + V_(k-1)(next(s, u))`, `V_0 = 0`.
    ///
    /// # Panics
    /// If the comb does not end on the speed limits.
    pub fn solve(resolution: Resolution) -> Self {
        let Resolution { angles, torques_per_side, comb_per_speed } = resolution;
        assert!(
            (160 * torques_per_side).is_multiple_of(3 * comb_per_speed),
            "{resolution:?} misses the speed limits"
        );
        let speeds = resolution.speeds();
        let mut optimum = Self {
            resolution,
            rows_per_rad: angles as f64 / TAU,
            columns_per_rad_per_s: (speeds - 1) as f64 / (2.0 * MAX_SPEED),
            values: vec![vec![0.0; angles * speeds]],
        };
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        let rows_per_thread = angles.div_ceil(threads);
        for left in 0..STEPS {
            let mut table = vec![0.0; angles * speeds];
            std::thread::scope(|scope| {
                for (index, rows) in table.chunks_mut(rows_per_thread * speeds).enumerate() {
                    let optimum = &optimum;
                    scope.spawn(move || {
                        for (row, values) in rows.chunks_exact_mut(speeds).enumerate() {
                            optimum.improve(left, index * rows_per_thread + row, values);
                        }
                    });
                }
            });
            optimum.values.push(table);
        }
        optimum
    }

    /// Plays an episode from each start.
    pub fn returns(&self, starts: &[(f64, f64)]) -> Vec<f64> {
        starts.iter().map(|start| self.play(*start)).collect()
    }

    /// Fills one row, all speeds at one angle, from the table with `left` steps left.
    ///
    /// At one angle the next state depends on the next speed alone, so the old table is read once along a comb of next
    /// speeds, and each torque is a shift along it.
    fn improve(&self, left: usize, row: usize, values: &mut [f32]) {
        let Resolution { angles, torques_per_side, comb_per_speed } = self.resolution;
        let (speeds, torques) = (self.resolution.speeds(), self.resolution.torques());
        let angle = row as f64 * TAU / angles as f64;
        let falling = next(angle, 0.0, 0.0).1;
        let tooth = next(0.0, 0.0, MAX_TORQUE).1 / torques_per_side as f64;
        // One run for each phase of the comb, so that a torque's shift is a plain offset.
        let run = speeds + torques.div_ceil(comb_per_speed);
        let mut comb = vec![0.0_f32; comb_per_speed * run];
        for (index, slot) in comb.iter_mut().enumerate() {
            let position = (index % run * comb_per_speed + index / run) as f64 - torques_per_side as f64;
            let speed_after = (position * tooth - MAX_SPEED + falling).clamp(-MAX_SPEED, MAX_SPEED);
            *slot = self.value(left, angle + speed_after * PERIOD_S, speed_after) as f32;
        }
        values.fill(f32::NEG_INFINITY);
        for index in 0..torques {
            let torque = level(index, torques, MAX_TORQUE);
            let price = (TORQUE_COST * torque * torque) as f32;
            let shifted = &comb[index % comb_per_speed * run + index / comb_per_speed..][..speeds];
            for (value, after) in values.iter_mut().zip(shifted) {
                let total = after - price;
                *value = if total > *value { total } else { *value };
            }
        }
        for (column, value) in values.iter_mut().enumerate() {
            *value -= cost(angle, level(column, speeds, MAX_SPEED), 0.0) as f32;
        }
    }

    fn play(&self, (angle, mut speed): (f64, f64)) -> f64 {
        let mut angle = wrapped(angle);
        let mut total = 0.0;
        for left in (0..STEPS).rev() {
            let (_, torque) = (0..ROLLOUT_TORQUES).fold((f64::NEG_INFINITY, 0.0), |best, index| {
                let torque = level(index, ROLLOUT_TORQUES, MAX_TORQUE);
                let (angle_after, speed_after) = next(angle, speed, torque);
                let value = self.value(left, angle_after, speed_after) - TORQUE_COST * torque * torque;
                if value > best.0 { (value, torque) } else { best }
            });
            total -= cost(angle, speed, torque);
            (angle, speed) = next(angle, speed, torque);
            angle = wrapped(angle);
        }
        total
    }

    /// Bilinear and periodic in the angle, which lies within a turn of 0 to a turn; the speed lies within its limits.
    #[inline]
    fn value(&self, left: usize, angle: f64, speed: f64) -> f64 {
        let (angles, speeds) = (self.resolution.angles, self.resolution.speeds());
        // One turn more, so that truncation rounds down.
        let turned = (angle + TAU) * self.rows_per_rad;
        let whole = turned as usize;
        let along_angle = turned - whole as f64;
        let row = within(whole, angles);
        let row_after = within(row + 1, angles);
        let position = (speed + MAX_SPEED) * self.columns_per_rad_per_s;
        let column = (position as usize).min(speeds - 2);
        let along_speed = position - column as f64;
        let table = &self.values[left];
        let at_row = |row: usize| {
            let pair = &table[row * speeds + column..][..2];
            let (low, high) = (f64::from(pair[0]), f64::from(pair[1]));
            low + (high - low) * along_speed
        };
        let (low, high) = (at_row(row), at_row(row_after));
        low + (high - low) * along_angle
    }
}

/// `index` modulo `count`, for an index below three times the count.
fn within(index: usize, count: usize) -> usize {
    let once = if index >= count { index - count } else { index };
    if once >= count { once - count } else { once }
}

/// The `index`-th of `count` evenly spaced numbers from `-limit` to `limit`.
fn level(index: usize, count: usize, limit: f64) -> f64 {
    limit * (2.0 * index as f64 / (count - 1) as f64 - 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use sinew_policy_runtime::math;
    use sinew_sim::{Randomization, Task, VecEnv};

    /// Start states of the first episodes of pendulum-v1 under a seed.
    fn starts(count: usize, seed: u64) -> Vec<(f64, f64)> {
        let task = Task::load("pendulum-v1").unwrap();
        let mut environments = VecEnv::new(&task, Randomization::Acceptance, count, seed, 1).unwrap();
        environments.reset().unwrap();
        let state = |index| environments.env(index).unwrap().truth().joints[0];
        (0..count).map(state).map(|joint| (joint.position, joint.velocity)).collect()
    }

    /// Pumps energy until upright is in reach, then holds it there with a linear law.
    fn energy_shaping(angle: f64, speed: f64) -> f64 {
        let angle = wrapped(angle);
        let energy = speed * speed / 6.0 + 5.0 * f64::from(math::cos(angle as f32));
        let torque = if angle.abs() < 0.4 && speed.abs() < 2.0 {
            -10.0 * angle - 2.0 * speed
        } else {
            2.0 * (5.0 - energy) * speed
        };
        torque.clamp(-MAX_TORQUE, MAX_TORQUE)
    }

    fn energy_shaping_return((mut angle, mut speed): (f64, f64)) -> f64 {
        let mut total = 0.0;
        for _ in 0..STEPS {
            let torque = energy_shaping(angle, speed);
            total -= cost(angle, speed, torque);
            (angle, speed) = next(angle, speed, torque);
        }
        total
    }

    fn mean(values: &[f64]) -> f64 {
        values.iter().sum::<f64>() / values.len() as f64
    }

    #[test]
    fn no_start_is_played_better_by_energy_shaping() {
        let starts = starts(100, 1);
        let optimal = optimal_returns(&starts);
        let shaped: Vec<f64> = starts.iter().map(|start| energy_shaping_return(*start)).collect();
        // The grid may cost a point where a start lies on the edge between two ways up.
        assert!(optimal.iter().zip(&shaped).all(|(best, other)| *best > other - 1.0));
        assert!(mean(&shaped) > -400.0, "the rival does not swing up: {}", mean(&shaped));
        println!("mean return {:.3}, by energy shaping {:.3}", mean(&optimal), mean(&shaped));
        assert!(mean(&optimal) > mean(&shaped) + 5.0, "{} against {}", mean(&optimal), mean(&shaped));
    }

    #[test]
    fn a_finer_grid_changes_the_mean_by_less_than_a_point() {
        let starts = starts(100, 2);
        let standard = mean(&optimal_returns(&starts));
        let finer = Resolution { angles: 481, torques_per_side: 45, comb_per_speed: 5 };
        let refined = mean(&Optimum::solve(finer).returns(&starts));
        println!("mean optimal return {standard:.3}, on the finer grid {refined:.3}");
        assert!((standard - refined).abs() < 1.0, "{standard} became {refined}");
    }

    #[test]
    fn resting_upright_costs_nothing() {
        let returns = Optimum::solve(Resolution { angles: 101, torques_per_side: 15, comb_per_speed: 8 })
            .returns(&[(0.0, 0.0)]);
        assert!(returns[0] > -1e-6, "{returns:?}");
    }
}
