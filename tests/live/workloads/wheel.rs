// SPDX-License-Identifier: Apache-2.0

//! Nine tenths of the work in a trait's method of a generic type, the rest in a function.
use std::io::Write;

mod engine {
    pub trait Turn {
        fn turn(&mut self, steps: u64);
    }

    pub struct Wheel<T> {
        pub at: T,
    }

    impl Turn for Wheel<u64> {
        #[inline(never)]
        fn turn(&mut self, steps: u64) {
            for _ in 0..9 * steps {
                self.at = super::step(self.at);
            }
        }
    }

    #[inline(never)]
    pub fn brake(from: u64, steps: u64) -> u64 {
        let mut at = from;
        for _ in 0..steps {
            at = super::step(at);
        }
        at
    }
}

/// What the compiler cannot see through; std::hint has it from Rust 1.66 on only.
#[inline(always)]
fn black_box(x: u64) -> u64 {
    unsafe { std::ptr::read_volatile(&x) }
}

#[inline(always)]
fn step(x: u64) -> u64 {
    black_box(x.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407))
}

fn main() {
    let mut wheel = engine::Wheel { at: 1u64 };
    println!("ready");
    std::io::stdout().flush().unwrap();
    loop {
        engine::Turn::turn(&mut wheel, black_box(20000));
        wheel.at = engine::brake(wheel.at, black_box(20000));
    }
}
