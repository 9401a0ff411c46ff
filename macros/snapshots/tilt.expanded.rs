/// Small tilts, in radians.
pub fn tilt(angle: f64, from: Grid) -> GridMap {
    GridMap::rotate(from, angle)
}
/// Small tilts, in radians.
///
/// The group action whose elements move cells as [`tilt`] says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tilt;
#[automatically_derived]
impl ::equilayer::action::GroupAction for Tilt {
    type Element = f64;
    fn name(&self) -> &str {
        "Tilt"
    }
    fn map(
        &self,
        element: &f64,
        from: ::equilayer::action::Grid,
    ) -> ::equilayer::action::GridMap {
        tilt(::core::clone::Clone::clone(element), from)
    }
    fn identity(&self) -> f64 {
        ::core::default::Default::default()
    }
    fn compose(&self, a: &f64, b: &f64) -> f64 {
        let compose: fn(f64, f64) -> f64 = |a, b| a + b;
        compose(::core::clone::Clone::clone(a), ::core::clone::Clone::clone(b))
    }
    fn inverse(&self, element: &f64) -> ::core::option::Option<f64> {
        let inverse: fn(f64) -> f64 = |angle| -angle;
        ::core::option::Option::Some(inverse(::core::clone::Clone::clone(element)))
    }
    fn sample(&self, draw: &mut ::equilayer::action::Draw<'_>) -> f64 {
        let sample: fn(&mut ::equilayer::action::Draw<'_>) -> f64 = |draw| {
            draw.uniform(-0.1..=0.1)
        };
        sample(draw)
    }
    fn sampling(&self) -> ::equilayer::action::Sampling {
        ::equilayer::action::Sampling::Interpolated {
            interpolation: ::equilayer::action::Interpolation::Bilinear,
            floor: 0.05,
        }
    }
}
::equilayer::group_action_operators!(Tilt);
::equilayer::action::register!(Tilt);
#[cfg(test)]
#[test]
fn tilt_keeps_the_group_laws() -> ::core::result::Result<
    (),
    ::equilayer::action::laws::LawViolation,
> {
    ::equilayer::action::laws::check_group_laws(&Tilt)
}
