//! What only tests need: yardsticks that the product is measured against.

pub mod pendulum_optimum;
