//! The matrix products of an update alone: the least that an update can take, with which `.ci/training_speed` compares what it takes.
//!
//! `cargo run --release --workspace --example update_products` prints a line for each case: algorithm, width of both hidden layers,
//! batch, microseconds that faer takes for one update's products on one thread, and their rate in GFLOP/s.

use sinew_trainer::network::matrix::{product, product_transposed_left, product_transposed_right};
use std::time::Instant;

/// Sizes of `pendulum-v1`.
const OBSERVATION: usize = 3;
const ACTION: usize = 1;
const CASES: [Case; 4] = [
    Case {
        algorithm: "sac",
        critics: 2,
        climbed: 2,
        actor_outputs: 2 * ACTION,
        actor_steps: 2,
        width: 64,
        batch: 100,
    },
    Case {
        algorithm: "td3",
        critics: 2,
        climbed: 1,
        actor_outputs: ACTION,
        actor_steps: 1,
        width: 64,
        batch: 100,
    },
    Case {
        algorithm: "ddpg",
        critics: 1,
        climbed: 1,
        actor_outputs: ACTION,
        actor_steps: 2,
        width: 64,
        batch: 100,
    },
    Case {
        algorithm: "sac",
        critics: 2,
        climbed: 2,
        actor_outputs: 2 * ACTION,
        actor_steps: 2,
        width: 256,
        batch: 256,
    },
];
/// The median of so many measurements counts.
const TURNS: usize = 15;
const MULTIPLY_ADDS_IN_A_TURN: usize = 2_000_000_000;

/// What two updates of an algorithm multiply.
struct Case {
    algorithm: &'static str,
    critics: usize,
    /// Critics that the actor's step asks.
    climbed: usize,
    actor_outputs: usize,
    /// How often two updates step the actor.
    actor_steps: usize,
    width: usize,
    batch: usize,
}

/// `[m, k, n]`: the result is `[m, n]`, the sum has `k` terms.
type Sizes = [usize; 3];
type Product = (fn(&mut [f32], &[f32], &[f32], Sizes), Sizes);

fn main() {
    for case in &CASES {
        let Case { algorithm, width, batch, .. } = case;
        let products = case.products();
        let multiply_adds: usize = products.iter().map(|(_, [m, k, n])| m * k * n).sum();
        let microseconds = median_microseconds(&products, MULTIPLY_ADDS_IN_A_TURN / multiply_adds + 1) / 2.0;
        let rate = multiply_adds as f64 / microseconds / 1e3;
        println!("{algorithm} {width} {batch} {microseconds:.1} {rate:.0}");
    }
}

fn median_microseconds(products: &[Product], rounds: usize) -> f64 {
    let largest =
        |size: fn(&Sizes) -> usize| products.iter().map(|(_, sizes)| size(sizes)).max().unwrap_or(0);
    let operand = |length: usize, period: usize| -> Vec<f32> {
        (0..length).map(|index| (index % period) as f32 / period as f32 - 0.5).collect()
    };
    let left = operand(largest(|[m, k, _]| m * k), 7);
    let right = operand(largest(|[_, k, n]| k * n), 11);
    let mut destination = vec![0.0; largest(|[m, _, n]| m * n)];
    let mut turns: Vec<f64> = (0..TURNS)
        .map(|_| {
            let start = Instant::now();
            for _ in 0..rounds {
                for (multiply, sizes) in products {
                    let [m, k, n] = *sizes;
                    multiply(&mut destination[..m * n], &left[..m * k], &right[..k * n], *sizes);
                }
            }
            start.elapsed().as_secs_f64() * 1e6 / rounds as f64
        })
        .collect();
    turns.sort_by(f64::total_cmp);
    turns[TURNS / 2]
}

impl Case {
    /// Of two updates.
    fn products(&self) -> Vec<Product> {
        let pair = OBSERVATION + ACTION;
        let mut products = Vec::new();
        for update in 0..2 {
            // y from the actor and the slow critics over s', then each critic's regression.
            products.extend(self.forward(OBSERVATION, self.actor_outputs));
            for _ in 0..self.critics {
                products.extend(self.forward(pair, 1).into_iter().chain(self.forward(pair, 1)));
                products.extend(self.parameter_gradient(pair, 1));
            }
            // The actor over s, the critics at its actions, and back through one of them for each row.
            if update < self.actor_steps {
                products.extend(self.forward(OBSERVATION, self.actor_outputs));
                (0..self.climbed).for_each(|_| products.extend(self.forward(pair, 1)));
                products.extend(self.hidden_gradients(1));
                products.push((product_transposed_right, [self.batch, self.width, ACTION]));
                products.extend(self.parameter_gradient(OBSERVATION, self.actor_outputs));
            }
        }
        products
    }

    fn forward(&self, inputs: usize, outputs: usize) -> [Product; 3] {
        let layers = [[inputs, self.width], [self.width, self.width], [self.width, outputs]];
        layers.map(|[from, to]| -> Product { (product, [self.batch, from, to]) })
    }

    fn hidden_gradients(&self, outputs: usize) -> [Product; 2] {
        [outputs, self.width]
            .map(|outputs| -> Product { (product_transposed_right, [self.batch, outputs, self.width]) })
    }

    fn parameter_gradient(&self, inputs: usize, outputs: usize) -> impl Iterator<Item = Product> {
        let layers = [[inputs, self.width], [self.width, self.width], [self.width, outputs]];
        let weights =
            layers.map(|[from, to]| -> Product { (product_transposed_left, [from, self.batch, to]) });
        weights.into_iter().chain(self.hidden_gradients(outputs))
    }
}
