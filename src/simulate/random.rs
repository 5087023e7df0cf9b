//! A small seeded generator: xoshiro256** seeded by splitmix64.
//!
//! Blackman and Vigna, "Scrambled linear pseudorandom number generators", ACM TOMS 47(4), 2021.
//! For simulation only; it must never be used for secrets. The sequence for a seed never changes,
//! because recorded scenarios and tests lean on it.

/// A stream of pseudo-random numbers that its seed determines.
#[derive(Clone, Debug)]
pub(super) struct Random {
    state: [u64; 4],
}

impl Random {
    /// The stream of `seed`; every seed is good, 0 too.
    pub(super) fn seeded(seed: u64) -> Random {
        let mut mix = seed;
        Random { state: std::array::from_fn(|_| splitmix64(&mut mix)) }
    }

    /// The next 64 bits.
    pub(super) fn bits(&mut self) -> u64 {
        let state = &mut self.state;
        let result = state[1].wrapping_mul(5).rotate_left(7).wrapping_mul(9);
        let shifted = state[1] << 17;
        state[2] ^= state[0];
        state[3] ^= state[1];
        state[1] ^= state[2];
        state[0] ^= state[3];
        state[2] ^= shifted;
        state[3] = state[3].rotate_left(45);
        result
    }

    /// Uniform in [0, 1), with 53 random bits.
    pub(super) fn unit(&mut self) -> f64 {
        (self.bits() >> 11) as f64 * (1.0 / (1_u64 << 53) as f64)
    }

    /// True with probability `share`; a share of 0 draws nothing.
    pub(super) fn chance(&mut self, share: f64) -> bool {
        share > 0.0 && self.unit() < share
    }

    /// Uniform in 0..`count`; 0 where `count` is 0. The bias is below count / 2^64.
    pub(super) fn below(&mut self, count: u64) -> u64 {
        ((u128::from(self.bits()) * u128::from(count)) >> 64) as u64
    }

    /// Exponential with mean 1.
    pub(super) fn exponential(&mut self) -> f64 {
        // 1 − u lies in (0, 1], so that the logarithm is finite.
        -(1.0 - self.unit()).ln()
    }

    /// Standard normal, by Box and Muller; the second value of the pair is not kept.
    pub(super) fn normal(&mut self) -> f64 {
        let radius = (2.0 * self.exponential()).sqrt();
        radius * (std::f64::consts::TAU * self.unit()).cos()
    }
}

/// One step of splitmix64: moves `state` on and gives a well mixed word.
pub(super) fn splitmix64(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut word = *state;
    word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ (word >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splitmix_gives_its_published_first_word() {
        let mut state = 0;
        assert_eq!(splitmix64(&mut state), 0xe220_a839_7b1d_cdaf);
    }

    #[test]
    fn the_moments_are_those_of_the_laws() {
        let mut random = Random::seeded(7);
        let draws = 40_000;
        let (mut unit, mut exponential, mut normal, mut square) = (0.0, 0.0, 0.0, 0.0);
        for _ in 0..draws {
            unit += random.unit();
            exponential += random.exponential();
            let value = random.normal();
            normal += value;
            square += value * value;
        }
        let mean = |sum: f64| sum / f64::from(draws);
        // Four standard errors each: sd / 200.
        assert!((mean(unit) - 0.5).abs() < 4.0 * 0.2887 / 200.0);
        assert!((mean(exponential) - 1.0).abs() < 4.0 / 200.0);
        assert!(mean(normal).abs() < 4.0 / 200.0);
        assert!((mean(square) - 1.0).abs() < 4.0 * 1.4143 / 200.0);
    }

    #[test]
    fn below_stays_below_and_reaches_every_value() {
        let mut random = Random::seeded(0);
        let mut seen = [0_u32; 7];
        for _ in 0..7_000 {
            seen[random.below(7) as usize] += 1;
        }
        assert!(seen.iter().all(|count| (800..1200).contains(count)), "{seen:?}");
        assert_eq!(random.below(0), 0);
    }
}
