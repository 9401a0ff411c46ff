use roxmltree::{Document, Node, ParsingOptions};

use super::*;

/// What every text contains that would break the page if it got through.
const HOSTILE: &str = "<script>&'\"</title>\u{0}\u{1b}";

fn sample() -> ReportData {
    let curve = |name: &str, scale: f64| Series {
        name: format!("{name} {HOSTILE}"),
        points: (0..1500).map(|i| (f64::from(i), scale * (0.2 + (-f64::from(i) / 300.0).exp()))).collect(),
    };
    let picture = |side: u32| {
        let pixel = |i: u32| [(i % side * 255 / side) as u8, (i / side * 255 / side) as u8, 99];
        Picture::new(side, side, (0..side * side).flat_map(pixel).collect()).expect("its pixels")
    };
    let hostile = |text: &str| format!("{text} {HOSTILE}");
    let layers = (1..=4).map(|layer| LayerScore {
        layer: layer.to_string(),
        before: 0.5 + 0.05 * f64::from(layer),
        after: if layer == 4 { f64::NAN } else { 0.8 + 0.03 * f64::from(layer) },
    });
    let point = |layer: u8| SweepPoint {
        label: hostile(&format!("layer {layer}")),
        equivariance: (0.8 + 0.01 * f64::from(layer), 0.005),
        accuracy: (69.0 - 0.2 * f64::from(layer), 0.1),
    };
    ReportData {
        title: hostile("digits"),
        summary: hostile("MoCo v3 + SER, ViT 96×4 on 8,000 digits, 373 steps in 3 min 40 s"),
        headline: vec![Measurement {
            name: hostile("linear probe"),
            value: hostile("93.1 %"),
            detail: hostile("test split, seed 0; raw pixels 90.2 %"),
        }],
        losses: vec![curve("loss", 6.0), curve("loss/ser", 1.5)],
        gradients: vec![curve("gradient/ser", 0.1)],
        log_losses: true,
        probes: vec![Probe {
            name: hostile("linear probe"),
            protocol: hostile("test split, seed 0"),
            accuracies: vec![
                (hostile("trained"), 0.931),
                ("raw pixels".into(), 0.902),
                ("untrained".into(), 0.75),
            ],
        }],
        equivariance: vec![Equivariance {
            action: hostile("rotation by 90°"),
            score: hostile("mean cosine"),
            layers: layers.collect(),
            floor: Some(0.97),
        }],
        local: vec![Equivariance {
            action: hostile("turned"),
            score: hostile("relative error"),
            layers: vec![LayerScore { layer: "1".into(), before: 0.4, after: 0.2 }],
            floor: Some(0.1),
        }],
        robustness: vec![Robustness {
            protocol: hostile("linear probe"),
            subjects: vec![hostile("trained"), "raw pixels".into()],
            accuracy: vec![(hostile("jpeg"), vec![0.9, 0.8]), ("contrast".into(), vec![0.7, f64::NAN])],
            severities: vec![Series { name: hostile("trained"), points: vec![(0.0, 0.95), (1.0, 0.9)] }],
            flips: vec![(hostile("jpeg"), vec![0.1, 0.2])],
        }],
        token_maps: vec![TokenMaps {
            caption: hostile("a seven, layer 2"),
            image: picture(28),
            of_moved: picture(4),
            moved: picture(4),
        }],
        collapse: vec![curve("feature std", 1.0), curve("RankMe", 60.0)],
        cost: vec![
            TermCost { term: hostile("moco"), milliseconds: 480.0, flops: 3.1e10 },
            TermCost { term: "ser".into(), milliseconds: 9.5, flops: 2.0e8 },
        ],
        sweeps: vec![Sweep {
            equivariance: hostile("equivariance"),
            accuracy: hostile("accuracy, %"),
            points: vec![point(1), point(2), point(3)],
        }],
        tables: vec![Table {
            title: hostile("Differences"),
            note: hostile("what differs"),
            headings: vec!["key".into(), hostile("run")],
            rows: vec![vec![hostile("seed"), hostile("0")]],
            numbers: false,
        }],
        charts: vec![LineChart {
            title: hostile("kNN"),
            x_label: hostile("step"),
            log_y: false,
            series: vec![curve("one", 1.0), curve("other", 2.0)],
        }],
        config: vec![(hostile("optim.lr"), hostile("warmup(10 epochs) then cosine(3e-4 -> 0)"))],
    }
}

fn parsed(html: &str) -> Document<'_> {
    let options = ParsingOptions { allow_dtd: true, ..ParsingOptions::default() };
    Document::parse_with_options(html, options).unwrap_or_else(|error| panic!("{error} in\n{html}"))
}

fn marks(page: Node<'_, '_>, class: &str) -> usize {
    let of_class =
        |node: &Node<'_, '_>| node.attribute("class").is_some_and(|c| c.split(' ').any(|one| one == class));
    page.descendants().filter(of_class).count()
}

fn figures_of(html: &str) -> usize {
    parsed(html)
        .descendants()
        .filter(|node| node.has_tag_name(("http://www.w3.org/1999/xhtml", "figure")))
        .count()
}

#[test]
fn the_page_is_well_formed_and_every_text_is_text() {
    let html = render(&sample());
    let page = parsed(&html);
    assert!(page.descendants().all(|node| node.tag_name().name() != "script"));
    assert!(!html.contains(HOSTILE));
    // Every hostile text of the sample, and those that appear twice, arrive as they are but for what XML cannot hold.
    let shown = HOSTILE.replace(['\u{0}', '\u{1b}'], "\u{fffd}");
    let texts = page
        .descendants()
        .filter(|node| node.is_text() && node.text().is_some_and(|text| text.contains(&shown)));
    assert!(texts.count() >= 20);
    for node in page.descendants().filter(Node::is_element) {
        for attribute in node.attributes() {
            assert!(!attribute.name().starts_with("on"), "{attribute:?}");
        }
    }
}

#[test]
fn nothing_comes_from_elsewhere() {
    let html = render(&sample());
    for node in parsed(&html).descendants() {
        assert!(node.attribute("href").is_none() && node.tag_name().name() != "link");
        assert!(node.attribute("src").is_none_or(|address| address.starts_with("data:image/png;base64,")));
    }
    assert!(!html.contains("url(") && !html.contains("@import"));
}

#[test]
fn every_chart_has_its_marks_and_every_mark_a_title() {
    let html = render(&sample());
    let page = parsed(&html);
    // Two losses, a gradient norm, two signals of collapse, accuracy by severity, two further lines, each with its
    // sample in a legend, and the sweep's curve, without.
    assert_eq!(marks(page.root(), "line"), 2 * 8 + 1);
    // Three probes, seven layers' scores (one was not measured), two local ones, five of corruptions (one was not
    // measured), two costs; two samples in each of four legends.
    assert_eq!(marks(page.root(), "bar"), 3 + 7 + 2 + 5 + 2 + 4 * 2);
    assert_eq!(marks(page.root(), "dot"), 3);
    assert_eq!(marks(page.root(), "error"), 3);
    assert_eq!(marks(page.root(), "reference"), 4);
    for node in page.descendants().filter(|node| ["rect", "circle"].contains(&node.tag_name().name())) {
        let in_legend = node.ancestors().any(|ancestor| ancestor.tag_name().name() == "li");
        assert!(in_legend || node.children().any(|child| child.tag_name().name() == "title"), "{node:?}");
    }
    let starts = page.descendants().filter_map(|node| node.attribute("d")).map(|path| path.chars().next());
    assert!(starts.eq(vec![Some('M'); marks(page.root(), "line") + 3 + 2]));
}

#[test]
fn pictures_are_png() {
    use base64::Engine as _;
    let picture = Picture::new(2, 1, vec![255, 0, 0, 0, 0, 255]).expect("two pixels");
    let url = picture.data_url();
    let bytes =
        base64::engine::general_purpose::STANDARD.decode(url.trim_start_matches("data:image/png;base64,"));
    let mut reader =
        png::Decoder::new(std::io::Cursor::new(bytes.expect("base64"))).read_info().expect("a PNG");
    let mut pixels = vec![0; reader.output_buffer_size().expect("a size")];
    reader.next_frame(&mut pixels).expect("the pixels");
    assert_eq!(pixels, [255, 0, 0, 0, 0, 255]);
    let error = Picture::new(2, 2, vec![0; 6]).expect_err("too few").to_string();
    assert_eq!(error, "6 bytes are no picture of 2×2 pixels, which takes 2 · 2 · 3, at least 3");
    assert!(Picture::new(0, 5, Vec::new()).is_err());
}

#[test]
fn without_data_there_is_a_page_and_no_section() {
    let html = render(&ReportData::default());
    assert_eq!(figures_of(&html), 0);
    assert!(!html.contains("<section>"));
}

#[test]
fn series_and_charts_without_a_number_say_so() {
    let nothing = |name: &str| Series { name: name.into(), points: Vec::new() };
    let unmeasured = Series { name: "nan".into(), points: vec![(0.0, f64::NAN), (1.0, f64::INFINITY)] };
    let negative = Series { name: "negative".into(), points: vec![(0.0, -1.0)] };
    let data = ReportData {
        losses: vec![nothing("empty"), unmeasured.clone(), negative],
        log_losses: true,
        probes: vec![Probe { name: "none".into(), protocol: "none".into(), accuracies: Vec::new() }],
        equivariance: vec![Equivariance {
            action: "none".into(),
            score: "none".into(),
            layers: vec![LayerScore { layer: "1".into(), before: f64::NAN, after: f64::NAN }],
            floor: None,
        }],
        collapse: vec![unmeasured],
        cost: vec![TermCost { term: "free".into(), milliseconds: 0.0, flops: 0.0 }],
        sweeps: vec![Sweep { equivariance: "e".into(), accuracy: "a".into(), points: Vec::new() }],
        ..ReportData::default()
    };
    let html = render(&data);
    assert_eq!(figures_of(&html), 6);
    assert_eq!(html.matches("nothing was measured").count(), 5);
    assert!(!html.contains("NaN") && !html.contains("inf\""));
}

#[test]
fn extreme_numbers_are_drawn_inside_the_chart() {
    let points =
        [-f64::MAX, 1e-320, 0.0, f64::MAX].iter().enumerate().map(|(i, &value)| (i as f64, value)).collect();
    let series = vec![Series { name: "wild".into(), points }];
    for log_losses in [false, true] {
        let html = render(&ReportData { losses: series.clone(), log_losses, ..ReportData::default() });
        assert!(!html.contains("NaN") && !html.contains("inf"), "{html}");
        assert_eq!(marks(parsed(&html).root(), "line"), 2);
    }
}
