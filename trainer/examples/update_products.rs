//! The matrix products of an update alone: the least that an update can take, with which `.ci/training_speed` compares what it takes.
//!
//! `cargo run --release --workspace --example update_products` prints a line for each case: algorithm, width of both hidden layers,
//! batch, microseconds that faer takes for one update's products on one thread and their rate in GFLOP/s, then both for the
//! trainer's own products. The two take turns.

use faer::linalg::matmul::matmul;
use faer::{Accum, MatMut, MatRef, Par};
use sinew_trainer::network::matrix;
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

/// `destination [m, n] = left · right`, whose sums have `k` terms each, from `[m, k, n]`.
type Multiply = fn(&mut [f32], &[f32], &[f32], matrix::Shape);

/// How one library multiplies: both operands as they are, the left one transposed, the right one transposed.
struct Library {
    plain: Multiply,
    transposed_left: Multiply,
    transposed_right: Multiply,
}

const FAER: Library = Library {
    plain: |destination, left, right, [m, k, n]| multiply(destination, rows(left, m, k), rows(right, k, n)),
    transposed_left: |destination, left, right, [m, k, n]| {
        multiply(destination, rows(left, k, m).transpose(), rows(right, k, n));
    },
    transposed_right: |destination, left, right, [m, k, n]| {
        multiply(destination, rows(left, m, k), rows(right, n, k).transpose());
    },
};

const OURS: Library = Library {
    plain: matrix::product,
    transposed_left: matrix::product_transposed_left,
    transposed_right: matrix::product_transposed_right,
};

fn rows(values: &[f32], rows: usize, columns: usize) -> MatRef<'_, f32> {
    MatRef::from_row_major_slice(values, rows, columns)
}

fn multiply(destination: &mut [f32], left: MatRef<'_, f32>, right: MatRef<'_, f32>) {
    let destination = MatMut::from_row_major_slice_mut(destination, left.nrows(), right.ncols());
    matmul(destination, Accum::Replace, left, right, 1.0, Par::Seq);
}

type Product = (Multiply, matrix::Shape);

fn main() {
    for case in &CASES {
        let Case { algorithm, width, batch, .. } = case;
        let libraries = [FAER, OURS].map(|library| case.products(&library));
        let multiply_adds: usize = libraries[0].iter().map(|(_, [m, k, n])| m * k * n).sum();
        let microseconds =
            median_microseconds(&libraries, MULTIPLY_ADDS_IN_A_TURN / multiply_adds + 1).map(|two| two / 2.0);
        let [(faer, faer_rate), (ours, our_rate)] =
            microseconds.map(|microseconds| (microseconds, multiply_adds as f64 / microseconds / 1e3));
        println!("{algorithm} {width} {batch} {faer:.1} {faer_rate:.0} {ours:.1} {our_rate:.0}");
    }
}

fn median_microseconds<const N: usize>(libraries: &[Vec<Product>; N], rounds: usize) -> [f64; N] {
    let largest = |size: fn(&matrix::Shape) -> usize| {
        libraries[0].iter().map(|(_, shape)| size(shape)).max().unwrap_or(0)
    };
    let operand = |length: usize, period: usize| -> Vec<f32> {
        (0..length).map(|index| (index % period) as f32 / period as f32 - 0.5).collect()
    };
    let left = operand(largest(|[m, k, _]| m * k), 7);
    let right = operand(largest(|[_, k, n]| k * n), 11);
    let mut destination = vec![0.0; largest(|[m, _, n]| m * n)];
    let mut turns = [const { Vec::new() }; N];
    for _ in 0..TURNS {
        for (products, turns) in libraries.iter().zip(&mut turns) {
            let start = Instant::now();
            for _ in 0..rounds {
                for (multiply, shape) in products {
                    let [m, k, n] = *shape;
                    multiply(&mut destination[..m * n], &left[..m * k], &right[..k * n], *shape);
                }
            }
            turns.push(start.elapsed().as_secs_f64() * 1e6 / rounds as f64);
        }
    }
    turns.map(|mut turns| {
        turns.sort_by(f64::total_cmp);
        turns[TURNS / 2]
    })
}

impl Case {
    /// Of two updates.
    fn products(&self, library: &Library) -> Vec<Product> {
        let pair = OBSERVATION + ACTION;
        let mut products = Vec::new();
        for update in 0..2 {
            // y from the actor and the slow critics over s', then each critic's regression.
            products.extend(self.forward(library, OBSERVATION, self.actor_outputs));
            for _ in 0..self.critics {
                products
                    .extend(self.forward(library, pair, 1).into_iter().chain(self.forward(library, pair, 1)));
                products.extend(self.parameter_gradient(library, pair, 1));
            }
            // The actor over s, the critics at its actions, and back through one of them for each row.
            if update < self.actor_steps {
                products.extend(self.forward(library, OBSERVATION, self.actor_outputs));
                (0..self.climbed).for_each(|_| products.extend(self.forward(library, pair, 1)));
                products.extend(self.hidden_gradients(library, 1));
                products.push((library.transposed_right, [self.batch, self.width, ACTION]));
                products.extend(self.parameter_gradient(library, OBSERVATION, self.actor_outputs));
            }
        }
        products
    }

    fn forward(&self, library: &Library, inputs: usize, outputs: usize) -> [Product; 3] {
        let layers = [[inputs, self.width], [self.width, self.width], [self.width, outputs]];
        layers.map(|[from, to]| -> Product { (library.plain, [self.batch, from, to]) })
    }

    fn hidden_gradients(&self, library: &Library, outputs: usize) -> [Product; 2] {
        [outputs, self.width]
            .map(|outputs| -> Product { (library.transposed_right, [self.batch, outputs, self.width]) })
    }

    fn parameter_gradient(
        &self,
        library: &Library,
        inputs: usize,
        outputs: usize,
    ) -> impl Iterator<Item = Product> {
        let layers = [[inputs, self.width], [self.width, self.width], [self.width, outputs]];
        let weights =
            layers.map(|[from, to]| -> Product { (library.transposed_left, [from, self.batch, to]) });
        weights.into_iter().chain(self.hidden_gradients(library, outputs))
    }
}
