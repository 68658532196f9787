//! How much better than expected an action turned out: generalized advantage estimation (Schulman et al. 2016,
//! arXiv 1506.02438), with time limits that are no ends of the task (Pardo et al. 2018, arXiv 1712.00378).

use crate::end::End;
use crate::network::matrix::vectorized;
use crate::rollout::Rollout;

/// `A_t = delta_t + gamma lambda A_{t+1}`, `delta_t = r_t + gamma V(s_{t+1}) - V(s_t)`, all `[rows]`.
///
/// The sum stops where an episode ends. `V(s_{t+1})` is 0 after a termination, the value of the episode's own last
/// observation after a truncation, and that of the next row's else. A faulted step has advantage 0, and the step before it
/// bootstraps from where the fault began.
pub fn generalized_advantage(advantages: &mut [f32], rollout: &Rollout, gamma: f32, lambda: f32) {
    let count = rollout.shape.environments;
    for row in (0..advantages.len()).rev() {
        let next_value = match rollout.ends[row] {
            End::None => rollout.values[row + count],
            End::Terminated => 0.0,
            End::Truncated => rollout.final_values[row],
            End::Faulted => {
                advantages[row] = 0.0;
                continue;
            }
        };
        let delta = rollout.rewards[row] + gamma * next_value - rollout.values[row];
        let goes_on = rollout.ends[row] == End::None;
        let next = if goes_on { advantages.get(row + count).copied().unwrap_or(0.0) } else { 0.0 };
        advantages[row] = delta + gamma * lambda * next;
    }
}

/// `R_t = A_t + V(s_t)`: what the critic should have said, all `[rows]`.
pub fn value_targets(targets: &mut [f32], advantages: &[f32], values: &[f32]) {
    vectorized(
        #[inline(always)]
        || {
            for ((target, advantage), value) in targets.iter_mut().zip(advantages).zip(values) {
                *target = advantage + value;
            }
        },
    );
}

/// Shifts and scales the advantages of `rows` to mean 0 and deviation 1.
pub fn normalize(advantages: &mut [f32], rows: &[usize]) {
    let count = rows.len().max(1) as f64;
    let mean = rows.iter().map(|row| f64::from(advantages[*row])).sum::<f64>() / count;
    let square = |row: &usize| (f64::from(advantages[*row]) - mean) * (f64::from(advantages[*row]) - mean);
    let variance = rows.iter().map(square).sum::<f64>() / count;
    let (mean, scale) = (mean as f32, (1.0 / (variance.sqrt() + 1e-8)) as f32);
    for row in rows {
        advantages[*row] = (advantages[*row] - mean) * scale;
    }
}

/// Share of the targets' variance that the values explain: 1 is perfect, 0 no better than a constant.
pub fn explained_variance(values: &[f32], targets: &[f32], rows: &[usize]) -> f32 {
    let variance = |value: &dyn Fn(usize) -> f64| {
        let mean = rows.iter().map(|row| value(*row)).sum::<f64>() / rows.len().max(1) as f64;
        rows.iter().map(|row| (value(*row) - mean) * (value(*row) - mean)).sum::<f64>()
    };
    let total = variance(&|row| f64::from(targets[row]));
    let left = variance(&|row| f64::from(targets[row]) - f64::from(values[row]));
    if total > 0.0 { (1.0 - left / total) as f32 } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rollout::RolloutShape;

    const GAMMA: f32 = 0.5;
    const LAMBDA: f32 = 0.5;

    /// Rewards 1, 2, 3 and values 4, 8, 12, 16 in one environment.
    fn rollout(ends: [End; 3]) -> Rollout {
        let mut rollout = Rollout::new(RolloutShape {
            steps: 3,
            environments: 1,
            observation_size: 1,
            privileged_size: 0,
            sample_size: 1,
            output_size: 1,
            memory: None,
        });
        rollout.rewards = vec![1.0, 2.0, 3.0];
        rollout.values = vec![4.0, 8.0, 12.0, 16.0];
        rollout.final_values = vec![f32::NAN; 3];
        rollout.ends.copy_from_slice(&ends);
        rollout
    }

    fn advantages(rollout: &Rollout) -> Vec<f32> {
        let mut advantages = vec![f32::NAN; 3];
        generalized_advantage(&mut advantages, rollout, GAMMA, LAMBDA);
        advantages
    }

    #[test]
    fn an_unbroken_rollout_bootstraps_from_what_it_led_to() {
        // Deltas: 1 + 4 - 4 = 1, 2 + 6 - 8 = 0, 3 + 8 - 12 = -1; gamma lambda = 1/4.
        assert_eq!(advantages(&rollout([End::None; 3])), [1.0 - 0.0625, -0.25, -1.0]);
    }

    #[test]
    fn a_terminated_step_does_not_bootstrap_and_ends_the_sum() {
        let rollout = rollout([End::None, End::Terminated, End::None]);
        // Delta of the second: 2 - 8 = -6.
        assert_eq!(advantages(&rollout), [1.0 - 1.5, -6.0, -1.0]);
    }

    #[test]
    fn a_truncated_step_bootstraps_from_its_own_last_observation() {
        let mut rollout = rollout([End::None, End::Truncated, End::None]);
        rollout.final_values[1] = 20.0;
        // Delta of the second: 2 + 10 - 8 = 4, though the next row's value is 12.
        assert_eq!(advantages(&rollout), [1.0 + 1.0, 4.0, -1.0]);
    }

    #[test]
    fn a_fault_is_no_experience_and_the_step_before_bootstraps_from_its_state() {
        let rollout = rollout([End::None, End::Faulted, End::None]);
        assert_eq!(advantages(&rollout), [1.0, 0.0, -1.0]);
        let mut rows = Vec::new();
        rollout.experience(&mut rows);
        assert_eq!(rows, [0, 2]);
    }

    #[test]
    fn with_lambda_1_targets_are_discounted_returns() {
        let rollout = rollout([End::None, End::None, End::Terminated]);
        let (mut advantages, mut targets) = ([0.0; 3], [0.0; 3]);
        generalized_advantage(&mut advantages, &rollout, GAMMA, 1.0);
        value_targets(&mut targets, &advantages, &rollout.values);
        assert_eq!(targets, [1.0 + 0.5 * 2.0 + 0.25 * 3.0, 2.0 + 0.5 * 3.0, 3.0]);
    }

    #[test]
    fn normalizing_leaves_out_rows_that_are_no_experience() {
        let mut advantages = [1.0, 100.0, 3.0];
        normalize(&mut advantages, &[0, 2]);
        assert!((advantages[0] + 1.0).abs() < 1e-6 && (advantages[2] - 1.0).abs() < 1e-6);
        assert_eq!(advantages[1], 100.0);
    }

    #[test]
    fn explained_variance_is_1_for_perfect_values_and_0_for_constant_ones() {
        let targets = [1.0, 2.0, 3.0];
        assert_eq!(explained_variance(&targets, &targets, &[0, 1, 2]), 1.0);
        assert_eq!(explained_variance(&[7.0; 3], &targets, &[0, 1, 2]), 0.0);
    }
}
