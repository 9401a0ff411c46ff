//! Attentions of several sizes: their graphs and what is fed.

use equilayer_engine::array::Array;
use equilayer_engine::random::Stream;
use equilayer_engine::reference::Values;
use equilayer_engine::{CompileOptions, Graph, Plan};
use half::bf16;

/// An attention of `[batch, tokens, 3 · heads · width]`.
#[derive(Clone, Copy, Debug)]
pub struct Sizes {
    pub batch: usize,
    pub tokens: usize,
    pub heads: usize,
    pub width: usize,
}

impl Sizes {
    pub const fn new([batch, tokens, heads, width]: [usize; 4]) -> Sizes {
        Sizes { batch, tokens, heads, width }
    }

    /// The factor on scores, as the operator has it.
    pub fn scale(self) -> f64 {
        f64::from(1.0 / (self.width as f32).sqrt())
    }

    /// Place of element `i` of a token's query (part 0), key (1) or value (2).
    pub fn packed(self, [sample, head, token]: [usize; 3], part: usize, i: usize) -> usize {
        (((sample * self.tokens + token) * 3 + part) * self.heads + head) * self.width + i
    }

    /// Place of element `i` of a token's result.
    pub fn result(self, [sample, head, token]: [usize; 3], i: usize) -> usize {
        ((sample * self.tokens + token) * self.heads + head) * self.width + i
    }

    fn shapes(self) -> [[usize; 3]; 2] {
        [3, 1].map(|parts| [self.batch, self.tokens, parts * self.heads * self.width])
    }

    /// Attention's result, and its gradient where `arriving` is the result's.
    pub fn graph(self) -> Graph {
        let [packed, result] = self.shapes();
        let graph = Graph::new();
        let (qkv, arriving) = (graph.input("qkv", packed), graph.input("arriving", result));
        let out = qkv.attention(self.heads);
        let gradients = graph.gradients(&(&out * &arriving).sum_all(), &[qkv]).unwrap();
        graph.output("out", &out);
        graph.output("d_qkv", &gradients[0]);
        graph
    }

    pub fn plan(self) -> Plan {
        self.graph().compile(&CompileOptions::new()).unwrap()
    }

    /// Numbers from -2 to 2; short ones have 8 bits.
    pub fn values(self, are_short: bool) -> Values {
        let draw = |(name, shape): (&str, [usize; 3]), stream| {
            let numbers = Stream::new(7, stream).uniforms().take(shape.iter().product()).map(|u| {
                let number = 4.0 * u - 2.0;
                f64::from(if are_short { bf16::from_f32(number).to_f32() } else { number })
            });
            (name.to_owned(), Array::new(shape, numbers.collect()))
        };
        let [packed, result] = self.shapes();
        [draw(("qkv", packed), 1), draw(("arriving", result), 2)].into()
    }
}
