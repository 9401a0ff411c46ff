//! Every tap, with and without a layer; a weight that changes.
use equilayer::plugin::Declared;
use equilayer::prelude::*;

const LAYER: usize = 6;

fn closeness(z: Pair<Embedding>) -> Loss {
    Loss::from((z.student.tensor - z.source.tensor).square().mean_all())
}

/// At the last CLS.
#[regularizer(name = "at_cls", at = cls, weight = 2)]
fn at_cls(z: Pair<Embedding>) -> Loss {
    closeness(z)
}

/// At a layer given by a constant.
#[regularizer(name = "at_pooled", at = pooled(LAYER), weight = "warmup(10 epochs) then 0.5", batch = 1)]
fn at_pooled(z: Pair<Embedding>) -> Loss {
    closeness(z)
}

/// At the encoder's embedding.
#[regularizer(name = "at_embedding", at = embedding, batch = BatchShare::own(128))]
fn at_embedding(z: Pair<Embedding>) -> Loss {
    closeness(z)
}

/// At the last token map.
#[regularizer(name = "at_tokens", at = tokens)]
fn at_tokens(z: Pair<Tokens>) -> Loss {
    Loss::from((z.student.tensor - z.source.tensor).square().mean_all())
}

#[test]
fn sit_where_they_are_put() {
    let places = [AtCls::plugin(), AtPooled::plugin(), AtEmbedding::plugin(), AtTokens::plugin()];
    let places = places.map(|plugin| plugin.spec().at.to_string());
    assert_eq!(places, ["cls", "pooled(6)", "embedding", "tokens"]);
}
