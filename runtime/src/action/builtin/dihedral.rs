//! Turns and flips: the symmetries of the square and their subgroups. All of them move cells to cells.

use crate::action::{Grid, GridMap, GroupAction, Involutive};

/// Quarter turns counterclockwise, as `torch.rot90`. Elements: how many, 0 to 3.
#[derive(Clone, Debug, PartialEq)]
pub struct Rot90;

impl GroupAction for Rot90 {
    type Element = u8;

    fn name(&self) -> &str {
        "Rot90"
    }

    fn elements(&self) -> Vec<u8> {
        (0..4).collect()
    }

    fn identity(&self) -> u8 {
        0
    }

    fn compose(&self, a: &u8, b: &u8) -> u8 {
        (a + b) % 4
    }

    fn inverse(&self, quarters: &u8) -> Option<u8> {
        Some((4 - quarters) % 4)
    }

    fn map(&self, quarters: &u8, from: Grid) -> GridMap {
        GridMap::turn(from, *quarters)
    }
}

crate::group_action_operators!(Rot90);

/// A group of two: nothing, or a transformation that undoes itself.
macro_rules! involution {
    ($(#[$doc:meta])* $name:ident, $map:expr) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq)]
        pub struct $name;

        impl GroupAction for $name {
            type Element = bool;

            fn name(&self) -> &str {
                stringify!($name)
            }

            fn elements(&self) -> Vec<bool> {
                vec![false, true]
            }

            fn identity(&self) -> bool {
                false
            }

            fn compose(&self, a: &bool, b: &bool) -> bool {
                a ^ b
            }

            fn inverse(&self, element: &bool) -> Option<bool> {
                Some(*element)
            }

            fn map(&self, element: &bool, from: Grid) -> GridMap {
                let map: fn(Grid) -> GridMap = if *element { $map } else { GridMap::identity };
                map(from)
            }
        }

        crate::group_action_operators!($name);
    };
}

involution! {
    /// Half a turn, or none.
    HalfTurn, |from| GridMap::turn(from, 2)
}

involution! {
    /// Left and right exchanged, or not.
    HFlip, GridMap::hflip
}

involution! {
    /// Top and bottom exchanged, or not.
    VFlip, GridMap::vflip
}

// Outside the macro: compilers show these lines to whoever asks for a complement that does not exist.
impl Involutive for HalfTurn {}
impl Involutive for HFlip {}
impl Involutive for VFlip {}

/// The eight symmetries of the square: the closure of turns and flips.
#[derive(Clone, Debug, PartialEq)]
pub struct D4;

/// An element of [`D4`]: left and right exchanged or not, then quarter turns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Dihedral {
    /// Quarter turns counterclockwise, 0 to 3; they come second.
    pub quarters: u8,
    /// Whether left and right are exchanged, first.
    pub flipped: bool,
}

impl GroupAction for D4 {
    type Element = Dihedral;

    fn name(&self) -> &str {
        "D4"
    }

    fn elements(&self) -> Vec<Dihedral> {
        let turned = |flipped| (0..4).map(move |quarters| Dihedral { quarters, flipped });
        [false, true].into_iter().flat_map(turned).collect()
    }

    fn identity(&self) -> Dihedral {
        Dihedral { quarters: 0, flipped: false }
    }

    fn compose(&self, a: &Dihedral, b: &Dihedral) -> Dihedral {
        // A flip turns the turns that come before it around.
        let earlier = if a.flipped { 4 - b.quarters } else { b.quarters };
        Dihedral { quarters: (a.quarters + earlier) % 4, flipped: a.flipped ^ b.flipped }
    }

    fn inverse(&self, element: &Dihedral) -> Option<Dihedral> {
        match element.flipped {
            true => Some(*element),
            false => Some(Dihedral { quarters: (4 - element.quarters) % 4, ..*element }),
        }
    }

    fn map(&self, element: &Dihedral, from: Grid) -> GridMap {
        let flipped = if element.flipped { GridMap::hflip(from) } else { GridMap::identity(from) };
        flipped.followed_by(|from| GridMap::turn(from, element.quarters))
    }
}

crate::group_action_operators!(D4);
