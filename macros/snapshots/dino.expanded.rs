/// DINO: self-distillation with no labels (arXiv 2104.14294).
///
/// The centre keeps the teacher from collapsing.
#[allow(clippy::needless_pass_by_value)]
pub fn dino(
    student: Views<Embedding>,
    teacher: Teacher<Views<Embedding>>,
    project: Head,
    center: State,
    #[allow(unused_variables)]
    prototypes: usize,
    teacher_temperature: Scheduled,
    centering: bool,
) -> Loss {
    distill(student, teacher, project, center, teacher_temperature, centering)
}
/// DINO: self-distillation with no labels (arXiv 2104.14294).
///
/// The centre keeps the teacher from collapsing.
///
/// The objective that [`dino`] computes.
#[derive(Clone, Debug, PartialEq)]
pub struct Dino {
    /// Number of prototypes (default `65536`, at least 2)
    pub prototypes: usize,
    /// default `"0.04 -> 0.07 over 30 epochs"`, above 0
    pub teacher_temperature: ::equilayer::schedule::Schedule,
    /// Whether the centre moves (default `true`)
    pub centering: bool,
}
#[automatically_derived]
impl ::core::default::Default for Dino {
    fn default() -> Self {
        Dino {
            prototypes: 65536,
            teacher_temperature: ::equilayer::schedule::Schedule::literal(
                "0.04 -> 0.07 over 30 epochs",
            ),
            centering: true,
        }
    }
}
#[automatically_derived]
impl ::equilayer::plugin::Declared for Dino {
    type Feature = ::equilayer::plugin::Embedding;
    fn plugin() -> ::equilayer::plugin::Plugin {
        ::equilayer::plugin::Plugin::objective("dino", dino)
            .doc(
                "DINO: self-distillation with no labels (arXiv 2104.14294).\n\nThe centre keeps the teacher from collapsing.",
            )
            .teacher(Ema::after_step(Schedule::cosine(0.996, 1.0)))
            .views(Crops::multi(2, 8))
            .argument("student")
            .argument("teacher")
            .head(
                "project",
                ::equilayer::plugin::Mlp::new()
                    .biased(2048usize)
                    .gelu()
                    .biased(256usize)
                    .l2_normalize()
                    .prototypes(::equilayer::plugin::Width::knob("prototypes"))
                    .ema(),
            )
            .state(
                "center",
                [
                    ::equilayer::plugin::Width::from(
                        ::equilayer::plugin::Width::knob("prototypes"),
                    ),
                ],
                0.0,
            )
            .knob(
                "prototypes",
                ::equilayer::plugin::Knob::new(Self::default().prototypes)
                    .at_least(2.0)
                    .doc("Number of prototypes"),
            )
            .knob(
                "teacher_temperature",
                ::equilayer::plugin::Knob::new(Self::default().teacher_temperature)
                    .above(0.0),
            )
            .knob(
                "centering",
                ::equilayer::plugin::Knob::new(Self::default().centering)
                    .doc("Whether the centre moves"),
            )
    }
    fn knobs(&self) -> ::std::vec::Vec<::equilayer::plugin::KnobValue> {
        ::std::vec![
            ::equilayer::plugin::KnobType::value(& self.prototypes),
            ::equilayer::plugin::KnobType::value(& self.teacher_temperature),
            ::equilayer::plugin::KnobType::value(& self.centering)
        ]
    }
}
#[automatically_derived]
impl ::equilayer::plugin::Objective for Dino {}
::equilayer::plugin::register!(Dino);
