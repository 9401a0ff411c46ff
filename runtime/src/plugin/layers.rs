//! Heads as they are declared: rows of layers, built by calls or read from a text.

use std::fmt;

use equilayer_grammar::heads;
use equilayer_grammar::text::{Mistake, TextMistake, words};
use serde::Serialize;

use super::width::Width;

/// One layer of a head.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum HeadLayer<W = Width> {
    /// A linear map of the last axis; on token maps, a 1×1 convolution.
    Linear {
        /// Channels out.
        width: W,
        /// Whether a bias is added.
        bias: bool,
    },
    /// max(x, 0).
    Relu,
    /// x Φ(x).
    Gelu,
    /// Hyperbolic tangent.
    Tanh,
    /// Normalises each channel over the batch (and the tokens), then scales and shifts it.
    BatchNorm,
    /// The same without scale and shift: BN* of the papers.
    PlainBatchNorm,
    /// Normalises over channels, then scales and shifts.
    LayerNorm,
    /// Scales each vector to length 1.
    L2Normalize,
    /// A linear map to so many prototypes, each a vector of length 1 (weight norm with a constant magnitude).
    Prototypes {
        /// How many.
        width: W,
    },
}

impl HeadLayer {
    /// From what was written; a name that is no layer's is a knob's.
    fn of(layer: &heads::Layer) -> HeadLayer {
        match &layer.kind {
            heads::LayerKind::Linear { width, bias } => {
                HeadLayer::Linear { width: Width::of(width), bias: bias.is_some() }
            }
            heads::LayerKind::Prototypes(width) => HeadLayer::Prototypes { width: Width::of(width) },
            heads::LayerKind::Named(name) => match name.as_str() {
                "relu" => HeadLayer::Relu,
                "gelu" => HeadLayer::Gelu,
                "tanh" => HeadLayer::Tanh,
                "batch_norm" => HeadLayer::BatchNorm,
                "plain_batch_norm" => HeadLayer::PlainBatchNorm,
                "layer_norm" => HeadLayer::LayerNorm,
                "l2_normalize" => HeadLayer::L2Normalize,
                knob => HeadLayer::Linear { width: Width::knob(knob), bias: false },
            },
        }
    }
}

impl fmt::Display for HeadLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            HeadLayer::Linear { width, bias: false } => write!(f, "{width}"),
            HeadLayer::Linear { width, bias: true } => write!(f, "{width} + bias"),
            HeadLayer::Relu => f.write_str("relu"),
            HeadLayer::Gelu => f.write_str("gelu"),
            HeadLayer::Tanh => f.write_str("tanh"),
            HeadLayer::BatchNorm => f.write_str("batch_norm"),
            HeadLayer::PlainBatchNorm => f.write_str("plain_batch_norm"),
            HeadLayer::LayerNorm => f.write_str("layer_norm"),
            HeadLayer::L2Normalize => f.write_str("l2_normalize"),
            HeadLayer::Prototypes { width } => write!(f, "prototypes({width})"),
        }
    }
}

/// A head as it is declared: `Mlp::new().linear(512).gelu().linear(512)`.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Mlp {
    /// From the tap to the loss.
    pub layers: Vec<HeadLayer>,
    /// Whether the teacher has a moving average of the head; otherwise student and teacher share it.
    pub ema: bool,
    /// The knob that says for how many epochs the last learned layer stands still (DINO, arXiv 2104.14294).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub freeze_last: Option<String>,
}

impl Mlp {
    /// No layers yet.
    pub fn new() -> Mlp {
        Mlp::default()
    }

    fn layer(mut self, layer: HeadLayer) -> Mlp {
        self.layers.push(layer);
        self
    }

    /// A linear layer without bias.
    pub fn linear(self, width: impl Into<Width>) -> Mlp {
        self.layer(HeadLayer::Linear { width: width.into(), bias: false })
    }

    /// A linear layer with bias.
    pub fn biased(self, width: impl Into<Width>) -> Mlp {
        self.layer(HeadLayer::Linear { width: width.into(), bias: true })
    }

    /// [`HeadLayer::Relu`].
    pub fn relu(self) -> Mlp {
        self.layer(HeadLayer::Relu)
    }

    /// [`HeadLayer::Gelu`].
    pub fn gelu(self) -> Mlp {
        self.layer(HeadLayer::Gelu)
    }

    /// [`HeadLayer::Tanh`].
    pub fn tanh(self) -> Mlp {
        self.layer(HeadLayer::Tanh)
    }

    /// [`HeadLayer::BatchNorm`].
    pub fn batch_norm(self) -> Mlp {
        self.layer(HeadLayer::BatchNorm)
    }

    /// [`HeadLayer::PlainBatchNorm`].
    pub fn plain_batch_norm(self) -> Mlp {
        self.layer(HeadLayer::PlainBatchNorm)
    }

    /// [`HeadLayer::LayerNorm`].
    pub fn layer_norm(self) -> Mlp {
        self.layer(HeadLayer::LayerNorm)
    }

    /// [`HeadLayer::L2Normalize`].
    pub fn l2_normalize(self) -> Mlp {
        self.layer(HeadLayer::L2Normalize)
    }

    /// [`HeadLayer::Prototypes`].
    pub fn prototypes(self, count: impl Into<Width>) -> Mlp {
        self.layer(HeadLayer::Prototypes { width: count.into() })
    }

    /// The teacher has a moving average of this head.
    pub fn ema(self) -> Mlp {
        Mlp { ema: true, ..self }
    }

    /// The last learned layer stands still for the first epochs: as many as a whole-numbered knob of the plugin says.
    pub fn freeze_last(self, knob: &str) -> Mlp {
        Mlp { freeze_last: Some(knob.into()), ..self }
    }

    /// The last layer that learns by a matrix, counted as its parameters are named.
    pub(crate) fn last_linear(&self) -> Option<usize> {
        let linear =
            |layer: &HeadLayer| matches!(layer, HeadLayer::Linear { .. } | HeadLayer::Prototypes { .. });
        self.layers.iter().rposition(linear)
    }

    /// A head from its declaration: `mlp(512, gelu, 512)`. `name` is what messages call it, `knobs` are the whole-numbered
    /// knobs that may be widths.
    ///
    /// # Errors
    /// Everything wrong with the text, each at its word.
    ///
    /// ```
    /// use equilayer::plugin::{Mlp, Width};
    ///
    /// let head = Mlp::read("mlp(hidden + bias, batch_norm, relu, 2 * width)", "project", &["hidden"])?;
    /// let built = Mlp::new().biased(Width::knob("hidden")).batch_norm().relu().linear(Width::tap(2));
    /// assert_eq!(head, built);
    /// let mistakes = Mlp::read("mlp(512, geul)", "project", &[]).unwrap_err();
    /// assert_eq!(mistakes[0].at, 9..13);
    /// assert!(mistakes[0].message.starts_with("unknown head layer `geul`; did you mean `gelu`?"));
    /// # Ok::<(), Vec<equilayer::config::TextMistake>>(())
    /// ```
    pub fn read(text: &str, name: &str, knobs: &[&str]) -> Result<Mlp, Vec<TextMistake>> {
        let words = words(text);
        let texts: Vec<&str> = words.iter().map(|word| word.text).collect();
        let in_text = |mistake: Mistake| mistake.in_text(text, &words);
        let head = heads::parse(&texts).map_err(|mistake| vec![in_text(mistake)])?;
        let mistakes = heads::check(&head, name, knobs);
        match mistakes.is_empty() {
            true => Ok(Mlp {
                layers: head.layers.iter().map(HeadLayer::of).collect(),
                ema: head.ema.is_some(),
                freeze_last: head.freeze_last.map(|knob| knob.name),
            }),
            false => Err(mistakes.into_iter().map(in_text).collect()),
        }
    }

    /// Names of the knobs that layers take their width from.
    pub fn knobs(&self) -> impl Iterator<Item = &str> {
        self.layers.iter().flat_map(|layer| match layer {
            HeadLayer::Linear { width, .. } | HeadLayer::Prototypes { width } => width.knobs(),
            _ => Vec::new(),
        })
    }

    /// The same head with every width a number.
    pub(crate) fn resolve(&self, width: &dyn Fn(&Width) -> usize) -> Vec<HeadLayer<usize>> {
        let resolved = |layer: &HeadLayer| match layer {
            HeadLayer::Linear { width: w, bias } => HeadLayer::Linear { width: width(w), bias: *bias },
            HeadLayer::Prototypes { width: w } => HeadLayer::Prototypes { width: width(w) },
            HeadLayer::Relu => HeadLayer::Relu,
            HeadLayer::Gelu => HeadLayer::Gelu,
            HeadLayer::Tanh => HeadLayer::Tanh,
            HeadLayer::BatchNorm => HeadLayer::BatchNorm,
            HeadLayer::PlainBatchNorm => HeadLayer::PlainBatchNorm,
            HeadLayer::LayerNorm => HeadLayer::LayerNorm,
            HeadLayer::L2Normalize => HeadLayer::L2Normalize,
        };
        self.layers.iter().map(resolved).collect()
    }
}

impl fmt::Display for Mlp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let layers: Vec<String> = self.layers.iter().map(HeadLayer::to_string).collect();
        write!(f, "mlp({}){}", layers.join(", "), if self.ema { ", ema" } else { "" })?;
        self.freeze_last.iter().try_for_each(|knob| write!(f, ", freeze_last = {knob}"))
    }
}
