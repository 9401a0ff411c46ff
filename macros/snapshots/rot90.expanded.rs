/// Quarter turns. One coordinate map acts on pixels and on tokens alike.
pub fn rot90(k: u8, from: Grid) -> GridMap {
    GridMap::turn(from, k)
}
/// Quarter turns. One coordinate map acts on pixels and on tokens alike.
///
/// The group action whose elements move cells as [`rot90`] says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rot90;
#[automatically_derived]
impl ::equilayer::action::GroupAction for Rot90 {
    type Element = u8;
    fn name(&self) -> &str {
        "Rot90"
    }
    fn map(
        &self,
        element: &u8,
        from: ::equilayer::action::Grid,
    ) -> ::equilayer::action::GridMap {
        rot90(::core::clone::Clone::clone(element), from)
    }
    fn identity(&self) -> u8 {
        ::core::default::Default::default()
    }
    fn compose(&self, a: &u8, b: &u8) -> u8 {
        let compose: fn(u8, u8) -> u8 = |a, b| (a + b) % 4;
        compose(::core::clone::Clone::clone(a), ::core::clone::Clone::clone(b))
    }
    fn inverse(&self, element: &u8) -> ::core::option::Option<u8> {
        let inverse: fn(u8) -> u8 = |k| (4 - k) % 4;
        ::core::option::Option::Some(inverse(::core::clone::Clone::clone(element)))
    }
    fn elements(&self) -> ::std::vec::Vec<u8> {
        ::core::iter::Iterator::collect(::core::iter::IntoIterator::into_iter(0..4))
    }
}
::equilayer::group_action_operators!(Rot90);
::equilayer::action::register!(Rot90);
#[cfg(test)]
#[test]
fn rot90_keeps_the_group_laws() -> ::core::result::Result<
    (),
    ::equilayer::action::laws::LawViolation,
> {
    ::equilayer::action::laws::check_group_laws(&Rot90)
}
