//! What is measured, during training and after it: the section `[evaluate]`.

use crate::assess::{AssessOptions, Read};
use crate::config::Document;

/// Reads the section: steps between online signals, and what the trained encoder is measured on.
pub(super) fn read(document: &Document) -> (u64, AssessOptions) {
    let mut section = document.section("evaluate");
    let every =
        section.count("every", 0, 0, "Steps between online accuracies and collapse signals; 0 for an epoch.");
    let read = "What probes read: embedding, last4 (CLS of the last 4 layers) or tokens(LAYER).";
    let options = AssessOptions {
        read: section.read("read", Read::LastLayers(4), read),
        images: section.count("images", 0, 0, "Most images of each split; 0 for all."),
        neighbours: section.count("neighbours", 20, 1, "Neighbours that vote."),
        probe_epochs: section.count("probe_epochs", 50, 1, "Passes of the linear probe."),
        moved_images: section.count("moved_images", 500, 2, "Images moved or corrupted."),
    };
    section.finish();
    (every as u64, options)
}
