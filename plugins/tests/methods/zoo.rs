//! All objectives and regularizers, with heads small enough for tests.

use equilayer::method::{Member, Method, Placed};
use equilayer::plugin::{Objective, Regularizer, Tap, cls, tokens};
use equilayer_plugins::*;

fn objective<O: Objective>(objective: O) -> Member {
    Placed::new(objective).into()
}

pub fn objectives() -> Vec<Member> {
    vec![
        objective(MocoV3 { hidden: 16, out: 8, ..MocoV3::default() }),
        objective(Simclr { hidden: 16, out: 8, ..Simclr::default() }),
        objective(Byol { hidden: 16, out: 8 }),
        objective(Simsiam { hidden: 8, out: 16 }),
        objective(BarlowTwins { hidden: 16, ..BarlowTwins::default() }),
        objective(Vicreg { hidden: 16, ..Vicreg::default() }),
        objective(Dino { prototypes: 12, hidden: 16, bottleneck: 8, ..Dino::default() }),
    ]
}

/// A regularizer where it is published, and at layer 2.
fn both_places<R: Regularizer>(regularizer: R, decoupled: impl Into<Tap>) -> [Member; 2] {
    let published: Member = Placed::new(regularizer).into();
    [published.clone(), published.placed(decoupled)]
}

/// Each at its two places. SER on half of the batch: a share of 0.01 of a small one is no sample.
pub fn regularizers() -> Vec<[Member; 2]> {
    let ser = both_places(Ser::default(), tokens(2)).map(|member| member.on(0.5));
    let vectors = cls(2);
    let switched_on = Augself {
        flip_weight: 0.1,
        blur_weight: 0.1,
        solarize_weight: 0.1,
        rotation_weight: 0.1,
        ..Augself::default()
    };
    vec![
        ser,
        both_places(FlowEquivariance { hidden: 16, out: 8 }, tokens(2)),
        both_places(Essl { hidden: 16 }, vectors),
        both_places(switched_on, vectors),
        both_places(Equimod { out: 8, ..Equimod::default() }, vectors),
        both_places(Stl { code: 8, out: 8, ..Stl::default() }, vectors),
    ]
}

/// Every objective with every regularizer at both of its places.
pub fn pairs() -> Vec<Method> {
    let placed = regularizers().into_iter().flatten().collect::<Vec<_>>();
    let with = |objective: Member| {
        placed.iter().map(move |regularizer| Method::of(objective.clone()).with(regularizer.clone()))
    };
    objectives().into_iter().flat_map(with).collect()
}
