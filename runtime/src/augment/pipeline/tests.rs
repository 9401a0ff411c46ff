use super::*;
use crate::augment::{
    CenterCrop, ColorJitter, GaussianBlur, Grayscale, HorizontalFlip, Jitter, JitterPart, RandomResizedCrop,
    Solarize, presets,
};

fn noise(height: usize, width: usize) -> Image {
    let mut draw = Draw::new(1, &[]);
    let pixels = (0..3 * height * width).map(|_| draw.below(256) as u8).collect();
    Image::new(3, height, width, pixels).unwrap()
}

fn everything(size: usize) -> Pipeline {
    let steps = vec![
        Step::RandomResizedCrop(RandomResizedCrop::new(size, [0.2, 1.0])),
        Step::HorizontalFlip(HorizontalFlip { p: 0.5 }),
        Step::ColorJitter(ColorJitter { brightness: 0.4, contrast: 0.4, saturation: 0.2, hue: 0.1, p: 0.8 }),
        Step::Grayscale(Grayscale { p: 0.2 }),
        Step::GaussianBlur(GaussianBlur { sigma: [0.1, 2.0], p: 0.5 }),
        Step::Solarize(Solarize { threshold: 0.5, p: 0.2 }),
    ];
    Pipeline::new(steps, Normalize::imagenet()).unwrap()
}

#[derive(Debug)]
struct Shift;

impl Augmentation for Shift {
    fn name(&self) -> &str {
        "shift"
    }

    fn draw(&self, draw: &mut Draw, _size: [usize; 2]) -> Vec<f32> {
        vec![draw.below(100) as f32]
    }

    fn apply(&self, image: &mut Image, parameters: &[f32]) {
        image.pixels_mut().iter_mut().for_each(|pixel| *pixel = pixel.wrapping_add(parameters[0] as u8));
    }
}

#[test]
fn parameters_make_the_same_view_again() {
    let (pipeline, image) = (everything(16), noise(30, 40));
    for key in 0..50 {
        let draw = Draw::new(3, &[key]);
        let (pixels, parameters) = pipeline.apply(&image, &draw);
        assert_eq!(pipeline.apply(&image, &draw), (pixels.clone(), parameters.clone()));
        let written = serde_json::to_string(&parameters).unwrap();
        let read: Parameters = serde_json::from_str(&written).unwrap();
        assert_eq!(pipeline.normalize.pixels(pipeline.transform(&image, &read)), pixels);
    }
}

#[test]
fn parameters_that_change_nothing_leave_every_bit() {
    let image = noise(16, 16);
    let mut still = Parameters::identity([16, 16]);
    assert_eq!(everything(16).transform(&image, &still), image);
    still.jitter = Some(Jitter {
        brightness: 1.0,
        contrast: 1.0,
        saturation: 1.0,
        hue: 0.0,
        order: JitterPart::ALL,
        strength: [0.4, 0.4, 0.2, 0.1],
    });
    assert_eq!(everything(16).transform(&image, &still), image);
}

/// A group whose images differ in size shares the part of the image, the flip and the colours.
#[test]
fn a_group_shares_one_transformation() {
    let pipeline = everything(16).with(Shift).unwrap();
    let draw = Draw::new(3, &[7]);
    let shared = pipeline.draw([30, 40], &draw);
    assert_eq!(pipeline.draw([30, 40], &draw), shared);
    let other = pipeline.draw([60, 20], &draw);
    assert_eq!(
        (other.flipped, other.jitter, other.gray, other.sigma, other.solarize, &other.own),
        (shared.flipped, shared.jitter, shared.gray, shared.sigma, shared.solarize, &shared.own)
    );
    let view = pipeline.transform(&noise(60, 20), &shared);
    assert_eq!((view.height(), view.width()), (16, 16));
}

#[test]
fn an_own_augmentation_is_a_step_like_any_other() {
    let pipeline = Pipeline::new(Vec::new(), Normalize::imagenet()).unwrap().with(Shift).unwrap();
    let image = noise(4, 5);
    let parameters = pipeline.draw([4, 5], &Draw::new(1, &[5]));
    let (name, shift) = &parameters.own[0];
    assert_eq!(name, "shift");
    let view = pipeline.transform(&image, &parameters);
    assert_eq!(view.pixels()[7], image.pixels()[7].wrapping_add(shift[0] as u8));
    assert_eq!(pipeline.steps()[0].name(), "shift");
    assert!(serde_json::to_string(&pipeline).is_err(), "code cannot be written as data");
}

#[test]
fn a_flip_exchanges_left_and_right() {
    let flip = vec![Step::HorizontalFlip(HorizontalFlip { p: 1.0 })];
    let pipeline = Pipeline::new(flip, Normalize::imagenet()).unwrap();
    let image = Image::new(3, 1, 2, vec![1, 2, 3, 4, 5, 6]).unwrap();
    let parameters = pipeline.draw([1, 2], &Draw::new(1, &[]));
    assert!(parameters.flipped);
    assert_eq!(pipeline.transform(&image, &parameters).pixels(), [2, 1, 4, 3, 6, 5]);
}

#[test]
fn normalization_centres_each_channel() {
    let normalize = Normalize { mean: vec![0.0, 0.5, 1.0], std: vec![1.0, 0.25, 0.5] };
    let image = Image::new(3, 1, 2, vec![0, 255, 51, 204, 0, 255]).unwrap();
    let expected = [0.0, 1.0, -1.2, 1.2, -2.0, 0.0];
    let found = normalize.pixels(image.clone());
    assert!(found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-6), "{found:?}");
    let gray = Image::new(1, 1, 1, vec![255]).unwrap();
    assert_eq!(normalize.pixels(gray).len(), 3);
    assert_eq!(Normalize::gray(0.5, 0.5).pixels(image).len(), 2);
}

#[test]
fn pipelines_are_data() {
    for pipeline in presets::moco_v3(224, 0.08).unwrap() {
        let written = serde_json::to_string(&pipeline).unwrap();
        let read: Pipeline = serde_json::from_str(&written).unwrap();
        assert_eq!(serde_json::to_string(&read).unwrap(), written);
    }
    let short = r#"{"steps": [{"random_resized_crop": {"size": 32, "scale": [0.2, 1.0]}}, {"solarize": {"p": 0.2}}],
                    "normalize": {"mean": [0.5], "std": [0.5]}}"#;
    let pipeline: Pipeline = serde_json::from_str(short).unwrap();
    assert!(matches!(&pipeline.steps()[1], Step::Solarize(Solarize { threshold: 0.5, .. })));
}

#[test]
fn says_what_is_wrong_and_what_to_do() {
    let refusal = |steps: Vec<Step>| Pipeline::new(steps, Normalize::imagenet()).unwrap_err().to_string();
    let crop = RandomResizedCrop::new(224, [0.08, 1.0]);
    let center = CenterCrop { size: 224, shorter_side: 256, interpolation: crop.interpolation };
    let jitter = ColorJitter { brightness: 0.4, contrast: 0.4, saturation: 0.2, hue: 0.1, p: 0.8 };
    let flip = Step::HorizontalFlip(HorizontalFlip { p: 0.5 });
    let cases: [(Vec<Step>, &str); 14] = [
        (
            vec![Step::RandomResizedCrop(RandomResizedCrop { scale: [0.5, 0.2], ..crop })],
            "random_resized_crop: scale is [0.5, 0.2], and must be two shares of the area, rising, above 0 and up to 1",
        ),
        (
            vec![Step::RandomResizedCrop(RandomResizedCrop { ratio: [0.0, 1.0], ..crop })],
            "random_resized_crop: ratio is [0.0, 1.0], and must be two ratios of width to height, rising, above 0",
        ),
        (
            vec![Step::RandomResizedCrop(RandomResizedCrop { size: 1 << 20, ..crop })],
            "random_resized_crop: size is 1048576, and must be a side in pixels, from 1 to 16384",
        ),
        (
            vec![Step::CenterCrop(CenterCrop { shorter_side: 200, ..center })],
            "center_crop: shorter_side is 200, and must be at least the size, which is cut out of it",
        ),
        (
            vec![Step::HorizontalFlip(HorizontalFlip { p: 1.5 })],
            "horizontal_flip: p is 1.5, and must be a probability, from 0 to 1",
        ),
        (
            vec![Step::ColorJitter(ColorJitter { brightness: -0.4, ..jitter })],
            "color_jitter: brightness is -0.4, and must be at least 0",
        ),
        (
            vec![Step::ColorJitter(ColorJitter { hue: 0.6, ..jitter })],
            "color_jitter: hue is 0.6, and must be from 0 to 0.5 of a full circle",
        ),
        (
            vec![Step::ColorJitter(ColorJitter { p: f32::NAN, ..jitter })],
            "color_jitter: p is NaN, and must be a probability, from 0 to 1",
        ),
        (
            vec![Step::Grayscale(Grayscale { p: -0.1 })],
            "grayscale: p is -0.1, and must be a probability, from 0 to 1",
        ),
        (
            vec![Step::GaussianBlur(GaussianBlur { sigma: [0.0, 2.0], p: 1.0 })],
            "gaussian_blur: sigma is [0.0, 2.0], and must be two widths in pixels, rising, above 0 and up to 64",
        ),
        (
            vec![Step::Solarize(Solarize { threshold: 128.0, p: 0.2 })],
            "solarize: threshold is 128.0, and must be a brightness, from 0 to 1",
        ),
        (
            vec![Step::RandomResizedCrop(crop), Step::CenterCrop(center)],
            "crop: is there twice, and a view's parameters have one place for it; leave one out, or give an own \
             augmentation another name",
        ),
        (
            vec![flip.clone(), flip.clone()],
            "horizontal_flip: is there twice, and a view's parameters have one place for it; leave one out, or give \
             an own augmentation another name",
        ),
        (
            vec![flip, Step::RandomResizedCrop(crop)],
            "random_resized_crop comes after horizontal_flip, so its box would lie in the flipped image; put the \
             crop first, where its parameters are those of the source",
        ),
    ];
    for (steps, message) in cases {
        assert_eq!(refusal(steps), message);
    }

    let refusal = |mean: &[f32], std: &[f32]| {
        let normalize = Normalize { mean: mean.into(), std: std.into() };
        Pipeline::new(Vec::new(), normalize).unwrap_err().to_string()
    };
    assert_eq!(
        refusal(&[0.5], &[0.5; 3]),
        "normalize: has 1 means and 3 standard deviations; give one of each a channel, 1 or 3"
    );
    assert_eq!(refusal(&[0.5], &[0.0]), "normalize: std is [0.0], and must be above 0 and finite");
    assert_eq!(refusal(&[f32::NAN], &[1.0]), "normalize: mean is [NaN], and must be finite");
}

#[test]
fn wrong_data_is_refused_by_name() {
    let refusal = |step: &str| {
        let written = format!(r#"{{"steps": [{step}], "normalize": {{"mean": [0.5], "std": [0.5]}}}}"#);
        serde_json::from_str::<Pipeline>(&written).unwrap_err().to_string()
    };
    assert!(
        refusal(r#"{"grayscale": {"p": 2}}"#).starts_with("grayscale: p is 2.0, and must be a probability")
    );
    assert!(refusal(r#"{"grayscale": {"q": 0.2}}"#).starts_with("unknown field `q`, expected `p`"));
    assert!(refusal(r#"{"greyscale": {"p": 0.2}}"#).contains("unknown variant `greyscale`, expected one of"));
}

#[test]
fn steps_happen_as_often_as_one_says() {
    let [view, _] = presets::digits();
    let names = |pipeline: &Pipeline| -> Vec<String> {
        pipeline.steps().iter().map(|step| step.name().to_owned()).collect()
    };
    let flipped = view.clone().happening(Step::HorizontalFlip(HorizontalFlip { p: 1.0 })).unwrap();
    assert_eq!(names(&flipped), ["random_resized_crop", "horizontal_flip", "color_jitter", "gaussian_blur"]);
    assert!(flipped.draw([28, 28], &Draw::new(1, &[])).flipped);
    assert_eq!(flipped.probability("horizontal_flip"), 1.0);

    // A step that is there keeps what it is.
    let blur = |p| Step::GaussianBlur(GaussianBlur { sigma: [9.0, 9.0], p });
    let blurred = view.clone().happening(blur(1.0)).unwrap();
    assert!(blurred.draw([28, 28], &Draw::new(1, &[])).sigma.unwrap() <= 1.0);
    assert_eq!(names(&view.clone().happening(blur(0.0)).unwrap()), ["random_resized_crop", "color_jitter"]);
    assert_eq!(names(&view.clone().happening(Step::Grayscale(Grayscale { p: 0.0 })).unwrap()), names(&view));
    assert!(view.happening(Step::Solarize(Solarize { threshold: 0.5, p: 1.5 })).is_err());
}
