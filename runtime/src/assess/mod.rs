//! Assessing a run: the trained encoder beside the untrained one and beside raw pixels, by the same protocols.
//!
//! [`crate::evaluate`] measures matrices; here encoders meet data sets. A [`Bench`] holds what is the same for all
//! subjects (splits, what is read of an encoder, seeds), [`Bench::assess`] measures everything and gives an
//! [`Assessment`], [`Online`] measures a little during training.
//!
//! | test | subjects | read | split |
//! |---|---|---|---|
//! | linear probe, kNN | trained, untrained, raw pixels | `evaluate.read` | fitted on train, told on test |
//! | collapse | trained, untrained | `evaluate.read`; alignment of two training views | test |
//! | equivariance | trained, untrained, patch pooling | token maps of all layers | a subset of test |
//! | local equivariance | trained, untrained, patch pooling | token maps of all layers | a subset of test |
//! | invariance | trained, untrained | embedding | a subset of test |
//! | robustness, when asked for | trained, untrained, raw pixels | `evaluate.read`, by the linear probe of the clean images | a subset of test |
//! | ImageNet-C, ImageNet-P, when given | the same | the same | the folder |
//!
//! The untrained encoder has the values that training began with: first values depend on the seed and a parameter's name
//! alone.
//!
//! # Equivariance, defined
//!
//! SER's paper prints a score without its definition. The one here: the mean over images, the three quarter turns and
//! tokens of cos(ρ_g F(x), F(g·x)), F the token map after a layer and ρ_g the turn of its grid: `cosine`. Token maps share
//! a large mean, which alone gives a cosine near 1, so `centred cosine`, of tokens less the mean token, is the one to look
//! at; `group error` is ‖ρ_g F(x) − F(g·x)‖ / ‖F(g·x) − mean‖. Patch pooling gives the most that sampling leaves. The
//! embedding has no place in the image: its cosine of f(x) and f(g·x) is invariance.
//!
//! Local equivariance is the error of Gruver et al. (2023), LEE = E‖d/dt T₋ₜ F(Tₜ x)‖² at t = 0, for translations,
//! rotation and enlargement, by a central difference of about a pixel, bicubic; the relative error divides it by the
//! tokens' variance, so that layers and encoders can be compared. Lower is more equivariant, patch pooling's is what
//! interpolation alone causes.
//!
//! # `evaluation.json`
//!
//! ```json
//! {"schema": 1, "step": 930, "method": "moco_v3 + 1 * ser at tokens(3)", "read": "last4",
//!  "findings": [{"test": "linear_probe", "subject": "trained", "name": "accuracy", "value": 0.95,
//!                "split": "digits test", "protocol": "linear probe, …", "seed": 0,
//!                "interval": {"kind": "standard_error", "error": 0.005}}],
//!  "token_maps": []}
//! ```
//!
//! `test` is `linear_probe`, `knn`, `collapse`, `equivariance`, `local_equivariance`, `invariance`, `robustness`,
//! `imagenet_c` or `imagenet_p`; `subject` is `trained`, `untrained`, `raw_pixels` or `patch_pooling`; `layer` is there
//! where one was read; `seed` is null where nothing is drawn. `token_maps` has pictures, their pixels as base64.
//!
//! | test | names |
//! |---|---|
//! | `linear_probe`, `knn` | `accuracy`, `mean class accuracy` |
//! | `equivariance`, `invariance` | `cosine`, `centred cosine`, `group error` |
//! | `local_equivariance` | `local equivariance error, MOVE`, `relative local equivariance error, MOVE`; `MOVE` is `down`, `right`, `rotation` or `scale` |
//! | `robustness`, `imagenet_c` | `clean accuracy`, `mean corrupted accuracy`, `relative drop`, `accuracy under CORRUPTION`, `accuracy at severity N` |
//! | `robustness`, `imagenet_p` | `flip rate`, `flip rate under CORRUPTION` |

mod assessment;
mod bench;
mod equivariance;
mod extract;
mod images;
mod local;
mod online;
mod pictures;
mod robustness;

use equilayer_engine::Error;

use crate::data::DataError;
use crate::evaluate::EvaluateError;

pub use assessment::{Assessment, Finding, Subject, Test};
pub use bench::{AssessOptions, Bench, Extent};
pub use extract::{FeatureExtractor, Read};
pub use images::Images;
pub use online::{CollapseWatch, Online, Signals};

/// Why something could not be assessed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AssessError {
    /// An image that cannot be read.
    #[error(transparent)]
    Data(#[from] DataError),
    /// Features that cannot be measured.
    #[error(transparent)]
    Evaluate(EvaluateError),
    /// The encoder could not be run.
    #[error(transparent)]
    Engine(#[from] Error),
    /// `evaluation.json`.
    #[error("{0}")]
    File(String),
    /// Labels are asked for where there are none.
    #[error(
        "{0} has no labels, and robustness is accuracy lost; take a data set with classes and a test split"
    )]
    Unlabelled(String),
}
