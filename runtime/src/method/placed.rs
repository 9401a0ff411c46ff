//! A plugin in a method: placed, weighted, its knobs set.

use equilayer_grammar::{placement, unknown};

use crate::action::IntoAction;
use crate::plugin::{
    BatchShare, Crop, Crops, Declared, Ema, KnobValue, Mlp, Plugin, PluginSpec, Tap, TapFor, Width,
};
use crate::schedule::Schedule;

/// A plugin of a known type in a method: what [`method!`](crate::method!) writes for each term.
#[derive(Clone, Debug)]
pub struct Placed<P> {
    plugin: P,
    at: Option<Tap>,
    weight: Option<Schedule>,
    batch: Option<BatchShare>,
    views: Option<Crops>,
    control: bool,
}

impl<P> Placed<P> {
    /// Where and with the weight that it was declared with.
    ///
    /// Any type will do here: what takes a `Placed` says whether it wants an objective or a regularizer, and so is the
    /// one to say that a type is neither.
    pub fn new(plugin: P) -> Placed<P> {
        Placed { plugin, at: None, weight: None, batch: None, views: None, control: false }
    }
}

impl<P: Declared> Placed<P> {
    /// With another weight λ.
    pub fn weight(self, weight: impl Into<Schedule>) -> Placed<P> {
        Placed { weight: Some(weight.into()), ..self }
    }

    /// At another place.
    pub fn at<T: TapFor<P::Feature>>(self, tap: T) -> Placed<P> {
        Placed { at: Some(tap.into()), ..self }
    }

    /// On another share of the batch.
    pub fn on(self, batch: impl Into<BatchShare>) -> Placed<P> {
        Placed { batch: Some(batch.into()), ..self }
    }

    /// On other crops of each image: see [`Member::seeing`].
    pub fn seeing(self, views: Crops) -> Placed<P> {
        Placed { views: Some(views), ..self }
    }

    /// With its samples and views and without its loss: see [`Member::as_control`].
    pub fn control(self) -> Placed<P> {
        Placed { control: true, ..self }
    }
}

impl<P: Declared> From<P> for Placed<P> {
    fn from(plugin: P) -> Placed<P> {
        Placed::new(plugin)
    }
}

impl<P: Declared> From<Placed<P>> for Member {
    fn from(placed: Placed<P>) -> Member {
        let mut member = Member::of(&P::plugin());
        member.knobs = placed.plugin.knobs();
        member.at = placed.at.unwrap_or(member.at);
        member.weight = placed.weight.unwrap_or(member.weight);
        member.batch = placed.batch.unwrap_or(member.batch);
        member.views = placed.views.unwrap_or(member.views);
        member.control = placed.control;
        member
    }
}

/// A plugin in a method.
#[derive(Clone, Debug)]
pub struct Member {
    pub(crate) plugin: Plugin,
    /// In the order of the declaration.
    pub(crate) knobs: Vec<KnobValue>,
    pub(crate) at: Tap,
    pub(crate) weight: Schedule,
    pub(crate) batch: BatchShare,
    pub(crate) views: Crops,
    pub(crate) crop: Option<Crop>,
    pub(crate) teacher: Option<Ema>,
    pub(crate) control: bool,
}

impl Member {
    /// Where, with the weight and with the knobs that it was declared with.
    pub fn of(plugin: &Plugin) -> Member {
        let spec = plugin.spec();
        let knobs = spec.knobs().map(|knob| knob.default.clone()).collect();
        Member {
            plugin: plugin.clone(),
            knobs,
            at: spec.at,
            weight: spec.weight.clone(),
            batch: spec.batch,
            views: spec.views,
            crop: spec.crop,
            teacher: spec.teacher.clone(),
            control: false,
        }
    }

    /// At another place; [`Method::problems`](super::Method::problems) tells if it cannot sit there.
    pub fn placed(self, tap: impl Into<Tap>) -> Member {
        Member { at: tap.into(), ..self }
    }

    /// With another weight λ.
    pub fn weighted(self, weight: impl Into<Schedule>) -> Member {
        Member { weight: weight.into(), ..self }
    }

    /// On another share of the batch, or a mini-batch of its own.
    pub fn on(self, batch: impl Into<BatchShare>) -> Member {
        Member { batch: batch.into(), ..self }
    }

    /// On other crops of each image: DINO with fewer local ones, or SER on two global crops and four local ones. A
    /// regularizer compares local crops two by two, and its objective sees at least as many.
    pub fn seeing(self, views: Crops) -> Member {
        Member { views, ..self }
    }

    /// With another crop of its own; nothing changes where it has none.
    pub fn cropping(self, crop: Crop) -> Member {
        Member { crop: self.crop.map(|_| crop), ..self }
    }

    /// With another momentum of the teacher; nothing changes where there is none.
    pub fn following(self, momentum: impl Into<Schedule>) -> Member {
        let teacher = self.teacher.map(|ema| Ema { momentum: momentum.into(), ..ema });
        Member { teacher, ..self }
    }

    /// The regularizer's control: its samples are taken from the batch and transformed as they would be, and its loss is
    /// left out. What differs from the full method is then the loss alone, and not the views.
    pub fn as_control(self) -> Member {
        Member { control: true, ..self }
    }

    /// Whether its loss is left out.
    pub fn is_control(&self) -> bool {
        self.control
    }

    /// With another value of a knob.
    ///
    /// # Errors
    /// An unknown knob, with the nearest and the list; a value of another type or out of range.
    pub fn knob(mut self, name: &str, value: KnobValue) -> Result<Member, String> {
        let spec = self.plugin.spec();
        let Some((index, knob)) = spec.knobs().enumerate().find(|(_, knob)| knob.name == name) else {
            return Err(unknown("knob", name, spec.knobs().map(|knob| knob.name.as_str())));
        };
        if let Some(problem) = knob.problem(&value) {
            return Err(problem);
        }
        self.knobs[index] = value;
        Ok(self)
    }

    /// Under another group action than the one it was declared with.
    ///
    /// # Errors
    /// An orbit of an action with infinitely many elements.
    pub fn under(self, action: impl IntoAction) -> Result<Member, String> {
        Ok(Member { plugin: self.plugin.under(action.into_action())?, ..self })
    }

    /// With other layers of a head. Whether the teacher has a copy of its own stays as it was declared.
    ///
    /// # Errors
    /// An unknown head, with the nearest and the list; layers that are none of a head; `ema` where there was none.
    pub fn head(self, name: &str, head: Mlp) -> Result<Member, String> {
        Ok(Member { plugin: self.plugin.with_head(name, head)?, ..self })
    }

    /// Its plugin's specification, with the action and the heads it has here.
    pub fn spec(&self) -> &PluginSpec {
        self.plugin.spec()
    }

    /// Where it sits.
    pub fn at(&self) -> Tap {
        self.at
    }

    /// On how many samples it works.
    pub fn batch(&self) -> BatchShare {
        self.batch
    }

    /// Its weight λ.
    pub fn weight(&self) -> &Schedule {
        &self.weight
    }

    /// Its knobs, each with its name.
    pub fn knobs(&self) -> impl Iterator<Item = (&str, &KnobValue)> {
        self.spec().knobs().map(|knob| knob.name.as_str()).zip(&self.knobs)
    }

    /// The crops it compares.
    pub fn views(&self) -> Crops {
        self.views
    }

    /// Its own crop, if it has one.
    pub fn crop(&self) -> Option<Crop> {
        self.crop
    }

    /// How its teacher follows, for an objective that has one.
    pub fn teacher(&self) -> Option<&Ema> {
        self.teacher.as_ref()
    }

    /// A head's width, or another whole number that a knob says, at a tap of this width.
    pub(crate) fn width(&self, width: &Width, tap_width: usize) -> usize {
        match width {
            Width::Fixed(width) => *width,
            Width::Tap(factor) => factor * tap_width,
            Width::Knob(name) => match self.knobs().find(|(knob, _)| knob == name) {
                Some((_, KnobValue::Whole(width))) => *width,
                _ => 0,
            },
            Width::Product(factors) => factors.iter().map(|factor| self.width(factor, tap_width)).product(),
        }
    }

    /// What is wrong with values that the declaration did not check.
    pub(super) fn problems(&self) -> Vec<String> {
        let spec = self.spec();
        let mut problems: Vec<String> =
            spec.knobs().zip(&self.knobs).filter_map(|(knob, value)| knob.problem(value)).collect();
        let lowest = f64::from(self.weight.bounds().0);
        problems.extend(placement::WEIGHT.check(lowest).err().map(|why| placement::weight(&why)));
        if let BatchShare::Fraction(share) = self.batch {
            problems
                .extend(placement::BATCH_SHARE.check(share).err().map(|why| placement::batch_share(&why)));
        }
        problems
    }
}
