//! Compiles the examples of the macros' documentation, where `equilayer` can be seen.

macro_rules! examples {
    ($($name:ident: $file:literal)*) => {$(
        #[doc = include_str!($file)]
        mod $name {}
    )*};
}

examples! {
    objective: "../../macros/docs/objective.md"
    regularizer: "../../macros/docs/regularizer.md"
    group_action: "../../macros/docs/group_action.md"
    method: "../../macros/docs/method.md"
}
