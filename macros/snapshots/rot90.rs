/// Quarter turns. One coordinate map acts on pixels and on tokens alike.
#[group_action(elements = 0..4, compose = |a, b| (a + b) % 4, inverse = |k| (4 - k) % 4)]
pub fn rot90(k: u8, from: Grid) -> GridMap {
    GridMap::turn(from, k)
}
