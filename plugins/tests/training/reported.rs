//! The report of a run, in a browser: on a desk and on a phone, in light and dark.
//!
//! `EQUILAYER_SCREENSHOTS=FOLDER` keeps pictures of it.

use std::path::Path;

use base64::Engine;
use serde_json::Value;

use super::browser::{Browser, REQUIRED};
use super::evaluated::finished;
use super::runs::{Ended, binary};

/// What is asked of the page.
const LOOK: &str = r#"(() => {
    const seen = mark => { const box = mark.getBoundingClientRect(); return box.width > 0 || box.height > 0; };
    const charts = [...document.querySelectorAll("figure > svg")].map(svg => ({
        title: svg.getAttribute("aria-label"),
        marks: [...svg.querySelectorAll(".bar, .line, .dot")].filter(seen).length,
        empty: svg.textContent.includes("nothing was measured"),
    }));
    const outside = [...document.querySelectorAll("h1, h2, p, td, th, li, img, figcaption, svg text, .card")]
        .filter(element => { const box = element.getBoundingClientRect();
                             return box.left < -1 || box.right > innerWidth + 1; })
        .map(element => element.textContent.slice(0, 60));
    return {
        charts, outside,
        width: document.documentElement.scrollWidth,
        broken: [...document.images].filter(image => image.naturalWidth === 0).length,
        images: document.images.length,
        ink: getComputedStyle(document.body).color,
        paper: getComputedStyle(document.body).backgroundColor,
    };
})()"#;

#[test]
fn the_report_is_sound_in_a_browser() {
    let Some(mut browser) = Browser::start() else {
        assert!(
            std::env::var_os(REQUIRED).is_none(),
            "{REQUIRED} is set and there is no Chromium: install it"
        );
        return eprintln!("skipped: no Chromium here; with {REQUIRED} set this is a failure");
    };
    let run = finished("reported");
    let options = ["--corruptions", "evaluate.moved_images=10"];
    Ended::of(binary().arg("eval").arg(&run).args(options)).succeeded();
    let page = run.join("report.html");
    for width in [390_u64, 1280] {
        for scheme in ["light", "dark"] {
            let events = browser.load(&page, width, scheme);
            check_events(&events, &page);
            let found = browser.evaluate(LOOK);
            check(&found, width, scheme);
            if let Some(folder) = std::env::var_os("EQUILAYER_SCREENSHOTS") {
                let picture = base64::prelude::BASE64_STANDARD.decode(browser.screenshot()).unwrap();
                std::fs::write(Path::new(&folder).join(format!("report-{width}-{scheme}.png")), picture)
                    .unwrap();
            }
        }
    }
}

/// Nothing was thrown, nothing complained of, and nothing fetched from elsewhere.
fn check_events(events: &[Value], page: &Path) {
    for event in events {
        let complaint = match event["method"].as_str() {
            Some("Runtime.exceptionThrown" | "Runtime.consoleAPICalled" | "Log.entryAdded") => true,
            Some("Network.requestWillBeSent") => {
                let url = event["params"]["request"]["url"].as_str().unwrap();
                !url.starts_with("data:") && url != format!("file://{}", page.display())
            }
            _ => false,
        };
        assert!(!complaint, "{event}");
    }
}

fn check(found: &Value, width: u64, scheme: &str) {
    let at = format!("at {width} pixels, {scheme}: {found}");
    assert!(found["width"].as_u64().unwrap() <= width, "the page scrolls sideways {at}");
    assert_eq!(found["outside"].as_array().unwrap().len(), 0, "something is cut {at}");
    assert_eq!(found["broken"], 0, "{at}");
    assert!(found["images"].as_u64().unwrap() >= 3, "{at}");
    let charts = found["charts"].as_array().unwrap();
    assert!(charts.len() >= 12, "{at}");
    for chart in charts {
        assert!(chart["marks"].as_u64().unwrap() > 0 && chart["empty"] == false, "{chart} is empty {at}");
    }
    let [ink, paper] = ["ink", "paper"].map(|part| brightness(found[part].as_str().unwrap()));
    let light = scheme == "light";
    assert!(if light { paper > 200 && ink < 80 } else { paper < 60 && ink > 180 }, "{at}");
}

/// The sum of "rgb(r, g, b)", divided by three.
fn brightness(colour: &str) -> u32 {
    let numbers = colour.split(|c: char| !c.is_ascii_digit()).filter_map(|number| number.parse::<u32>().ok());
    numbers.take(3).sum::<u32>() / 3
}
