//! How far attention on tensor cores may be from the truth: a bound for every element, from what is rounded.
//!
//! A number of 8 bits is off by up to 2⁻⁸ of itself. Factors of the first products are rounded unless they have 8 bits
//! already. That puts a query's scores off by up to some `e`, and its probabilities by up to `exp(2 e) - 1` of themselves,
//! as their sum is off too. Probabilities and slopes are rounded before the second products. The rest is `f32`: sums of
//! these lengths are off by less than 2⁻¹⁷ of their terms without signs, scores by less than 2⁻¹⁷.

use equilayer_engine::reference::Values;

use crate::sizes::Sizes;

/// How far a number is off when rounded to 8 bits.
const ROUNDED: f64 = 1.0 / 256.0;

/// How far `f32` is off.
const SINGLE: f64 = 1.0 / 131_072.0;

/// What an element of each result may be off.
pub struct Bounds {
    pub out: Vec<f64>,
    pub d_qkv: Vec<f64>,
}

/// Of what is fed, and how far it is off when it becomes a factor.
struct Fed<'a> {
    sizes: Sizes,
    qkv: &'a [f64],
    arriving: &'a [f64],
    factors: f64,
}

/// One query of one head, beside all keys.
struct Query {
    probabilities: Vec<f64>,
    /// How far each probability is off, of itself.
    off: f64,
}

impl Bounds {
    pub fn new(sizes: Sizes, values: &Values, are_short: bool) -> Bounds {
        let factors = if are_short { 0.0 } else { ROUNDED };
        let fed = Fed { sizes, qkv: values["qkv"].data(), arriving: values["arriving"].data(), factors };
        let mut bounds = Bounds { out: vec![0.0; fed.arriving.len()], d_qkv: vec![0.0; fed.qkv.len()] };
        for sample in 0..sizes.batch {
            for head in 0..sizes.heads {
                for token in 0..sizes.tokens {
                    let at = [sample, head, token];
                    let query = fed.query(at);
                    bounds.forward(&fed, &query, at);
                    bounds.backward(&fed, &query, at);
                }
            }
        }
        bounds
    }

    fn forward(&mut self, fed: &Fed<'_>, query: &Query, at: [usize; 3]) {
        let off = (1.0 + query.off) * (1.0 + ROUNDED) * (1.0 + fed.factors) - 1.0 + SINGLE;
        for i in 0..fed.sizes.width {
            let terms = query.probabilities.iter().enumerate();
            let size: f64 = terms.map(|(key, p)| p * fed.of(at, key, 2, i).abs()).sum();
            self.out[fed.sizes.result(at, i)] = off * size;
        }
    }

    fn backward(&mut self, fed: &Fed<'_>, query: &Query, at: [usize; 3]) {
        let (sizes, scale) = (fed.sizes, fed.sizes.scale());
        let width = 0..sizes.width;
        let arriving = |i: usize| fed.arriving[sizes.result(at, i)];
        let towards: Vec<[f64; 2]> = (0..sizes.tokens)
            .map(|key| dot(width.clone().map(|i| (arriving(i), fed.of(at, key, 2, i)))))
            .collect();
        let mean: f64 = query.probabilities.iter().zip(&towards).map(|(p, [value, _])| p * value).sum();
        let mean_off: f64 = width
            .clone()
            .map(|i| {
                let size: f64 =
                    (0..sizes.tokens).map(|key| query.probabilities[key] * fed.of(at, key, 2, i).abs()).sum();
                arriving(i).abs() * (self.out[sizes.result(at, i)] + SINGLE * size)
            })
            .sum();
        for key in 0..sizes.tokens {
            let (probability, [value, size]) = (query.probabilities[key], towards[key]);
            let slope = probability * (value - mean).abs();
            let apart = fed.product_off() * size + mean_off + SINGLE * (value.abs() + mean.abs());
            let slope_off = probability * (1.0 + query.off) * apart + slope * query.off;
            let slope_off = slope_off + ROUNDED * (slope + slope_off);
            let probability_off = probability * ((1.0 + query.off) * (1.0 + ROUNDED) - 1.0);
            let other = [at[0], at[1], key];
            let off = |share: f64, share_off: f64, factor: f64| {
                (share_off * (1.0 + fed.factors) + share * (fed.factors + SINGLE)) * factor.abs()
            };
            for i in width.clone() {
                let (of_query, of_key) = (fed.of(at, at[2], 0, i), fed.of(at, key, 1, i));
                self.d_qkv[sizes.packed(at, 0, i)] += scale * off(slope, slope_off, of_key);
                self.d_qkv[sizes.packed(other, 1, i)] += scale * off(slope, slope_off, of_query);
                self.d_qkv[sizes.packed(other, 2, i)] += off(probability, probability_off, arriving(i));
            }
        }
    }
}

impl Fed<'_> {
    /// Element `i` of another token of the same head.
    fn of(&self, [sample, head, _]: [usize; 3], token: usize, part: usize, i: usize) -> f64 {
        self.qkv[self.sizes.packed([sample, head, token], part, i)]
    }

    /// How far a product of two factors is off, of its terms without signs.
    fn product_off(&self) -> f64 {
        (1.0 + self.factors).powi(2) - 1.0 + SINGLE
    }

    fn query(&self, at: [usize; 3]) -> Query {
        let Sizes { tokens, width, .. } = self.sizes;
        let scale = self.sizes.scale();
        let score = |key| dot((0..width).map(|i| (self.of(at, at[2], 0, i), self.of(at, key, 1, i))));
        let scores: Vec<[f64; 2]> = (0..tokens).map(score).collect();
        let exps: Vec<f64> = scores.iter().map(|[score, _]| (score * scale).exp()).collect();
        let sum: f64 = exps.iter().sum();
        let largest = scores.iter().map(|&[_, size]| size).fold(0.0, f64::max);
        let score_off = scale * largest * self.product_off() + SINGLE;
        Query { probabilities: exps.iter().map(|exp| exp / sum).collect(), off: (2.0 * score_off).exp_m1() }
    }
}

/// A product, and the sum of its terms without their signs.
fn dot(pairs: impl Iterator<Item = (f64, f64)>) -> [f64; 2] {
    pairs.fold([0.0; 2], |[sum, size], (a, b)| [sum + a * b, size + (a * b).abs()])
}
