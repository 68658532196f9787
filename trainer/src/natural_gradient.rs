//! The natural gradient (Amari 1998; Kakade 2002): the direction that gains most for a given divergence of the policy.
//!
//! With `g` the surrogate's gradient and `F` the Fisher information of the policy over a rollout, the direction is `F⁻¹ g`, found by
//! conjugate gradient with products `F v = 1/N Jᵀ M J v` alone (Schulman et al. 2015, appendix C): `J` the derivative of the network's outputs by
//! its parameters, `M` the Fisher information of the distribution by its outputs. Nothing of the size of `F` is ever made.

use crate::actor_critic::{ActorCritic, Estimates};
use crate::gradient_shard::{Shard, add, add_up, minibatch};
use crate::parallel::Workers;
use crate::rollout::Rollout;
use sinew_policy_runtime::math;

/// A residual this much shorter than the gradient ends the search, squared.
const ENOUGH: f64 = 1e-10;

/// How the direction is found, and how far it goes.
#[derive(Clone, Copy, Debug)]
pub struct Descent {
    /// Products with the Fisher information.
    pub iterations: usize,
    /// Added to its diagonal.
    pub damping: f32,
    /// Divergence in nats that the step may come to.
    pub largest_kl: f32,
}

/// A rollout's natural gradient, and its vectors, each laid out as the actor's parameters.
#[derive(Clone, Debug)]
pub struct NaturalGradient {
    descent: Descent,
    shards: Vec<Shard>,
    scale: f32,
    gradient: Vec<f32>,
    /// `F⁻¹ g`.
    direction: Vec<f32>,
    residual: Vec<f32>,
    conjugate: Vec<f32>,
    product: Vec<f32>,
    /// Parameters before the step.
    before: Vec<f32>,
}

/// What the present parameters come to on a rollout.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Standing {
    /// `mean ratio A`.
    pub gain: f32,
    /// `mean KL(pi_old || pi)`.
    pub kl: f32,
}

/// `Σ scale · ratio A`; writes the derivative of its negative by `log_prob`. All `[rows]`.
pub fn surrogate_gain(
    by_log_prob: &mut [f32],
    [log_probs, old_log_probs]: [&[f32]; 2],
    advantages: &[f32],
    scale: f32,
) -> f32 {
    let mut gain = 0.0;
    for (row, by_log_prob) in by_log_prob.iter_mut().enumerate() {
        let part = scale * math::exp(log_probs[row] - old_log_probs[row]) * advantages[row];
        gain += part;
        *by_log_prob = -part;
    }
    gain
}

/// The step's length: `√(2 delta / (x · F x))` nats away along `x`.
pub fn step_length(largest_kl: f32, curvature: f64) -> f32 {
    if curvature > 0.0 { (2.0 * f64::from(largest_kl) / curvature).sqrt() as f32 } else { 0.0 }
}

/// Solves `A x = b` by conjugate gradient (Hestenes and Stiefel 1952) from `x = 0`, for a symmetric, positive definite `A` that `multiply`
/// applies; `[residual, conjugate, product]` are room. Returns `x · A x`.
pub fn conjugate_gradient(
    x: &mut [f32],
    b: &[f32],
    [residual, conjugate, product]: [&mut [f32]; 3],
    iterations: usize,
    mut multiply: impl FnMut(&[f32], &mut [f32]),
) -> f64 {
    x.fill(0.0);
    residual.copy_from_slice(b);
    conjugate.copy_from_slice(b);
    let mut length = dot(residual, residual);
    let enough = ENOUGH * length;
    for _ in 0..iterations {
        if length <= enough {
            break;
        }
        multiply(conjugate, product);
        let step = (length / dot(conjugate, product)) as f32;
        for index in 0..x.len() {
            x[index] += step * conjugate[index];
            residual[index] -= step * product[index];
        }
        let next = dot(residual, residual);
        let share = (next / length) as f32;
        for (conjugate, residual) in conjugate.iter_mut().zip(&*residual) {
            *conjugate = residual + share * *conjugate;
        }
        length = next;
    }
    // A x = b - residual.
    dot(x, b) - dot(x, residual)
}

fn dot(left: &[f32], right: &[f32]) -> f64 {
    left.iter().zip(right).map(|(left, right)| f64::from(*left) * f64::from(*right)).sum()
}

impl NaturalGradient {
    /// Buffers for a whole rollout.
    pub fn new(descent: Descent, networks: &ActorCritic) -> Self {
        let rows = networks.shape.rows();
        let vector = || vec![0.0; networks.actor.parameters().len()];
        Self {
            descent,
            shards: minibatch(networks, networks.shape.sequences()),
            scale: 1.0 / rows as f32,
            gradient: vector(),
            direction: vector(),
            residual: vector(),
            conjugate: vector(),
            product: vector(),
            before: vector(),
        }
    }

    /// Where the present parameters stand on the rollout: its rows are gathered, and the surrogate's gradient is taken along.
    pub fn evaluate(
        &mut self,
        networks: &ActorCritic,
        rollout: &Rollout,
        estimates: &Estimates,
        workers: &Workers,
    ) -> Standing {
        let (scale, actor, behaviour) = (self.scale, &networks.actor, &rollout.behaviour);
        workers.for_each(&mut self.shards, |shard| {
            shard.gather(rollout, estimates, 0);
            shard.differentiate_actor(actor, behaviour, [scale, 0.0, 0.0], |by_log_prob, log_probs, rows| {
                surrogate_gain(by_log_prob, [log_probs, &rows.log_probs], &rows.advantages, scale)
            });
        });
        let losses = add_up(&mut self.shards);
        Standing { gain: losses.policy, kl: losses.kl }
    }

    /// The natural gradient at the parameters just evaluated, scaled to come to the largest divergence.
    pub fn aim(&mut self, networks: &ActorCritic, workers: &Workers) {
        let Self { descent, shards, scale, gradient, direction, residual, conjugate, product, before } = self;
        before.copy_from_slice(networks.actor.parameters());
        if let Some(shard) = shards.first() {
            // Uphill: the shards hold the negative's gradient.
            gradient.iter_mut().zip(&shard.actor.gradient).for_each(|(value, loss)| *value = -loss);
        }
        let room = [&mut residual[..], &mut conjugate[..], &mut product[..]];
        let curvature =
            conjugate_gradient(direction, gradient, room, descent.iterations, |vector, product| {
                workers.for_each(shards, |shard| {
                    let Shard { rows, actor: pass, .. } = shard;
                    networks.actor.fisher_product(rows, vector, *scale, pass);
                });
                product.fill(0.0);
                for shard in shards.iter() {
                    add(product, &shard.actor.gradient);
                }
                product.iter_mut().zip(vector).for_each(|(value, along)| *value += descent.damping * along);
            });
        let length = step_length(descent.largest_kl, curvature);
        for value in direction {
            *value *= length;
        }
    }

    /// Puts the actor `share` of the step away from where it aimed.
    pub fn step(&self, networks: &mut ActorCritic, share: f32) {
        let parameters = networks.actor.parameters_mut();
        for ((value, before), along) in parameters.iter_mut().zip(&self.before).zip(&self.direction) {
            *value = before + share * along;
        }
        networks.actor.bound();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::actor_critic::Estimation;
    use crate::actor_critic::example::{SHAPE, all_networks, disturb, rollout};
    use crate::random::Stream;

    #[test]
    fn conjugate_gradient_solves_a_small_system_exactly() {
        // [[4, 1], [1, 3]] x = [1, 2] has x = [1, 7] / 11 and x · A x = 15 / 11.
        let (mut x, mut room) = ([9.0; 2], [[0.0; 2]; 3]);
        let [residual, conjugate, product] = &mut room;
        let curvature =
            conjugate_gradient(&mut x, &[1.0, 2.0], [residual, conjugate, product], 5, |vector, product| {
                product.copy_from_slice(&[4.0 * vector[0] + vector[1], vector[0] + 3.0 * vector[1]]);
            });
        assert!((x[0] - 1.0 / 11.0).abs() < 1e-6 && (x[1] - 7.0 / 11.0).abs() < 1e-6, "{x:?}");
        assert!((curvature - 15.0 / 11.0).abs() < 1e-6);
        // A quadratic divergence of 1/2 l² x · A x = delta.
        assert!((step_length(0.01, 0.5) - 0.2).abs() < 1e-7);
    }

    #[test]
    fn the_surrogate_agrees_with_a_hand_computed_case() {
        let mut by_log_prob = [0.0; 2];
        let log_probs = [math::ln(1.5), math::ln(0.5)];
        let gain = surrogate_gain(&mut by_log_prob, [&log_probs, &[0.0; 2]], &[2.0, 4.0], 0.5);
        assert!((gain - 2.5).abs() < 1e-6);
        assert!((by_log_prob[0] + 1.5).abs() < 1e-6 && (by_log_prob[1] + 1.0).abs() < 1e-6);
    }

    #[test]
    fn fisher_products_agree_with_finite_differences_of_the_divergences_gradient() {
        all_networks().into_iter().for_each(fisher_products_agree);
    }

    fn fisher_products_agree(mut networks: ActorCritic) {
        let rollout = rollout(&mut networks);
        let mut estimates = Estimates::new(networks.shape);
        let estimation =
            Estimation { gamma: 0.9, lambda: 0.9, normalize_advantages: true, normalize_values: false };
        networks.estimate(&rollout, estimation, &mut estimates);
        let mut stream = Stream::new(3, "fisher test");
        let origin = networks.actor.parameters().to_vec();
        let direction: Vec<f32> = origin.iter().map(|_| stream.normal()).collect();
        let mut shards = minibatch(&networks, networks.shape.sequences());
        let scale = 1.0 / SHAPE.rows() as f32;
        let mut gradient = |step: f32| {
            let parameters = networks.actor.parameters_mut().iter_mut();
            for ((value, origin), along) in parameters.zip(&origin).zip(&direction) {
                *value = origin + step * along;
            }
            for shard in &mut shards {
                shard.gather(&rollout, &estimates, 0);
                let prices = [scale, scale, 0.0];
                let (actor, behaviour) = (&networks.actor, &rollout.behaviour);
                shard.differentiate_actor(actor, behaviour, prices, |by_log_prob, _, _| {
                    by_log_prob.fill(0.0);
                    0.0
                });
            }
            add_up(&mut shards);
            shards[0].actor.gradient.clone()
        };
        let step = 2e-3;
        let (above, below) = (gradient(step), gradient(-step));
        gradient(0.0);
        for shard in &mut shards {
            networks.actor.fisher_product(&shard.rows, &direction, scale, &mut shard.actor);
        }
        add_up(&mut shards);
        let products = &shards[0].actor.gradient;
        let largest = products.iter().fold(0.0_f32, |largest, value| largest.max(value.abs()));
        for ((above, below), found) in above.iter().zip(&below).zip(products) {
            let numeric = (above - below) / (2.0 * step);
            assert!((numeric - found).abs() < 0.01 * largest, "{numeric} {found} of {largest}");
        }
    }

    #[test]
    fn a_step_of_the_natural_gradient_comes_to_the_divergence_that_was_asked_for() {
        all_networks().into_iter().for_each(a_step_comes_to_its_divergence);
    }

    fn a_step_comes_to_its_divergence(mut networks: ActorCritic) {
        // Fresh outputs hardly depend on the hidden layers, along which a step would then leave the quadratic's range.
        disturb(&mut networks);
        let rollout = rollout(&mut networks);
        let mut estimates = Estimates::new(networks.shape);
        let estimation =
            Estimation { gamma: 0.9, lambda: 0.9, normalize_advantages: true, normalize_values: false };
        networks.estimate(&rollout, estimation, &mut estimates);
        let descent = Descent { iterations: 20, damping: 0.1, largest_kl: 1e-3 };
        let (mut natural, workers) = (NaturalGradient::new(descent, &networks), Workers::new(1));
        let before = natural.evaluate(&networks, &rollout, &estimates, &workers);
        natural.aim(&networks, &workers);
        natural.step(&mut networks, 1.0);
        let after = natural.evaluate(&networks, &rollout, &estimates, &workers);
        assert!(after.gain > before.gain, "{before:?} {after:?}");
        // largest_kl = s · (F + damping) s / 2, of which the divergence is the part without damping.
        let moved = networks.actor.parameters().iter().zip(&natural.before).map(|(now, before)| now - before);
        let damped = 0.5 * 0.1 * moved.map(|value| value * value).sum::<f32>();
        assert!((after.kl + damped - 1e-3).abs() < 1e-4, "{after:?} {damped}");
    }
}
