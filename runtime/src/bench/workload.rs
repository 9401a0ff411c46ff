//! What is measured: models, batches and what is done with them.

use std::fmt;

use serde::Serialize;

use crate::encoder::VitConfig;

/// A model and what is done with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Workload {
    /// A full step of MoCo v3 on ViT-S/16, images of 224 pixels: two views through student and teacher, heads, AdamW,
    /// moving average; with SER after block 3, which is where CLS joins.
    VitS,
    /// The same on a small transformer: images of 28 pixels, patches of 4, width 192, 6 blocks, heads of width 1024.
    Digits,
    /// ViT-S/16 alone: forward, mean square of CLS, backward, AdamW.
    VitSStep,
    /// ViT-S/16 alone, forward.
    VitSForward,
}

/// Which token grids the views of SER's samples have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Grids {
    /// That of the untransformed image, at every step: one plan.
    #[default]
    Fixed,
    /// As the plugin declares them: drawn at every step, each with a plan of its own, built when it is first needed.
    Drawn,
}

/// A workload and its choices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Setup {
    /// What is done.
    pub workload: Workload,
    /// Images a step.
    pub batch: usize,
    /// Whether SER is in the method.
    pub ser: bool,
    /// The grids of its views.
    pub grids: Grids,
}

impl Workload {
    /// All of them.
    pub const ALL: [Workload; 4] =
        [Workload::VitS, Workload::Digits, Workload::VitSStep, Workload::VitSForward];

    /// Its name in commands and records.
    pub fn name(self) -> &'static str {
        match self {
            Workload::VitS => "vit_s",
            Workload::Digits => "digits",
            Workload::VitSStep => "vit_s_step",
            Workload::VitSForward => "vit_s_forward",
        }
    }

    /// Images a step, if nobody says how many.
    pub fn batch(self) -> usize {
        match self {
            Workload::Digits => 128,
            _ => 16,
        }
    }

    /// Whether a method is trained, and SER can be in it.
    pub fn has_method(self) -> bool {
        matches!(self, Workload::VitS | Workload::Digits)
    }

    /// As it is measured if nobody says otherwise: with SER where there is a method, on fixed grids.
    pub fn setup(self) -> Setup {
        Setup { workload: self, batch: self.batch(), ser: self.has_method(), grids: Grids::Fixed }
    }

    /// The encoder. Methods train it with CLS joining after block 3 and a frozen patch embedding, as MoCo v3 and SER do.
    pub fn encoder(self) -> VitConfig {
        let early = |config| VitConfig { cls_after: 3, frozen_patch_embedding: true, ..config };
        match self {
            Workload::VitS => early(VitConfig::small_16()),
            Workload::Digits => early(VitConfig { channels: 3, ..VitConfig::digits() }),
            Workload::VitSStep | Workload::VitSForward => VitConfig::small_16(),
        }
    }

    /// Width of the hidden layers of MoCo v3's heads.
    pub(super) fn head_width(self) -> usize {
        match self {
            Workload::Digits => 1024,
            _ => 4096,
        }
    }
}

impl Setup {
    /// Samples that SER works on: a hundredth of the batch, as it is declared, and two at least.
    pub fn samples(&self) -> usize {
        match self.ser {
            true => ((0.01 * self.batch as f64).round() as usize).max(2),
            false => 0,
        }
    }
}

impl fmt::Display for Workload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Display for Grids {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Grids::Fixed => "fixed",
            Grids::Drawn => "drawn",
        })
    }
}

impl fmt::Display for Setup {
    /// `vit_s`, `vit_s without SER`, `vit_s, drawn grids`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.workload.fmt(f)?;
        match (self.workload.has_method(), self.ser, self.grids) {
            (true, false, _) => f.write_str(" without SER"),
            (true, true, Grids::Drawn) => f.write_str(", drawn grids"),
            _ => Ok(()),
        }
    }
}
