//! Wrong inputs: what is said, the exit code, and that nothing is left behind.

use std::fs;
use std::path::Path;

use super::runs::{Ended, TINY, binary};

/// Arguments, of which `TINY` stands for the tiny recipe's, and what is said to them, in this order.
struct Case {
    arguments: &'static [&'static str],
    says: &'static [&'static str],
}

const fn case(arguments: &'static [&'static str], says: &'static [&'static str]) -> Case {
    Case { arguments, says }
}

/// All run in the folder of [`prepare`] and exit with 2.
const CASES: &[Case] = &[
    // The command line.
    case(&["pretrain"], &["unrecognized subcommand 'pretrain'", "'train'", "--help"]),
    case(&["train", "--fast"], &["unexpected argument '--fast'", "Usage: "]),
    case(&["train", "--quiet", "--json"], &["'--quiet' cannot be used with '--json'"]),
    case(&["explain"], &["required arguments were not provided", "<NAME>"]),
    case(&["explain", "sre"], &["unknown method `sre`; did you mean `ser`? Valid methods: "]),
    case(&["train", "x.toml", "y"], &["cannot read the configuration x.toml", "check the path"]),
    case(&["train", "=3"], &["is no key; write SECTION.KEY, such as optim.lr", "argument `=3`"]),
    case(
        &["train", "run/config.toml", "train.batch"],
        &["an override is written KEY=VALUE, such as optim.lr=3e-4"],
    ),
    // Sweeps and comparisons.
    case(
        &["sweep", "seed=0,1"],
        &["`seed=0,1` stands where the sweep's folder goes: equilayer sweep FOLDER"],
    ),
    case(&["sweep", "key.toml", "seed=0,1"], &["key.toml: is a file; the sweep's folder goes before"]),
    case(&["sweep", "run", "seed=0,1"], &["run: there is a run already"]),
    case(&["sweep", "text", "seed=0,1"], &["text: is not empty and no run (it has `notes.txt`)"]),
    case(&["sweep", "new", "seed=0"], &["nothing varies; give at least one key several values"]),
    case(&["sweep", "new", "key.toml", "seed"], &["`seed` is no key with values; write KEY=VALUE,VALUE,.."]),
    case(
        &["sweep", "new", "seed=0,x"],
        &["`seed` is a whole number from 0 on, and \"x\" is not", "train.seed=x"],
    ),
    case(
        &["sweep", "new", "method.ser.at=none,1..=5"],
        &["`tokens(5)` is beyond this encoder's 4 blocks", "from 1 to 4"],
    ),
    case(
        &["sweep", "new", "method.equimod.at=none,1"],
        &[
            "`method.equimod.at=none`: the configuration has no regularizer `equimod` to leave out; it has ser",
        ],
    ),
    case(
        &["sweep", "new", "optim.weight_decoy=1,2"],
        &["unknown key `weight_decoy`; did you mean `weight_decay`?", "argument `optim.weight_decoy=1`"],
    ),
    case(&["compare", "run"], &["2 values required by '<RUN> <RUN>...'; only 1 was provided"]),
    case(&["compare", "run", "rnu"], &["rnu: is no run: it has no `config.toml`; there are run"]),
    case(&["compare", "run", "run", "--html", "page.txt"], &["page.txt: a page's name ends in .html"]),
    // New crates and completions.
    case(
        &["new", "My Crate"],
        &["`My Crate` cannot be a crate's name: write small letters", "my-regularizers"],
    ),
    case(&["new", "equilayer"], &["`equilayer` cannot be a crate's name: it is one of Rust's"]),
    case(&["new", ".."], &["`..` cannot be a crate's name: its last part is no name"]),
    case(&["new", "run"], &["run: is there already; give the crate another name"]),
    case(
        &["new", "mine", "--path", "text"],
        &["text: is no checkout of equilayer: it has no runtime/Cargo.toml"],
    ),
    case(&["completions", "zhs"], &["invalid value 'zhs'", "possible values: bash, elvish, fish"]),
    // Configuration files.
    case(&["train", "missing.toml"], &["missing.toml: No such file", "check the path"]),
    case(&["train", "run"], &["the configuration run: ", "go on with the run in this folder by --resume"]),
    case(&["train", "broken.toml"], &["not TOML: unclosed table, expected `]`", "broken.toml:1:7"]),
    case(&["train", "bytes.toml"], &["bytes.toml: stream did not contain valid UTF-8"]),
    case(&["train", "key.toml"], &["unknown key `btach`; did you mean `batch`? Valid", "key.toml:2:1"]),
    case(&["train", "section.toml"], &["unknown section `trian`; did you mean `train`?", "section.toml:1:2"]),
    case(&["train", "scalar.toml"], &["`train` is a section, and 3 is none; write [train]"]),
    case(&["train", "two.toml"], &["0 is not at least 1", "two.toml:3", "`seed` is a whole", "two.toml:2"]),
    // Values.
    case(&["train", "train.batch=1"], &["`batch`: 1 is not at least 2", "argument `train.batch=1`"]),
    case(&["train", "train.accumulate=0"], &["`accumulate`: 0 is not at least 1"]),
    case(
        &["train", "train.accumulate=200"],
        &["`train.accumulate`: 200 batches make a step, and an epoch has 125", "accumulate fewer"],
    ),
    case(
        &["train", "train.precision=bf16"],
        &["`train.precision`: bf16 is for GPUs, and `train.device` is cpu", "take that, or cuda"],
    ),
    case(&["train", "train.batch=many"], &["`batch` is a whole number from 0 on, and \"many\" is not"]),
    case(&["train", "train.drop_path=1"], &["`drop_path`: 1 is not below 1"]),
    case(
        &["train", "train.batch=9000", "method.ser.batch=0.01"],
        &["has 8000 images, too few for one batch of 9000"],
    ),
    case(
        &["train", "optim.name=adam"],
        &["unknown name `adam`; did you mean `adamw`? Valid names: adamw, sgd, lars"],
    ),
    case(&["train", "optim.lr=nan"], &["`lr`: NaN is not a finite number"]),
    case(&["train", "optim.lr=-1"], &["`lr`: -1 is not at least 0"]),
    case(&["train", "optim.lr=warmpu(1%) then 2"], &["column 1: found `warmpu` (did you mean `warmup`?)"]),
    case(&["train", "optim.lr=1 for 3 years then 2"], &["column 9", "`epochs`"]),
    case(&["train", "views.smallest_crop=0"], &["`smallest_crop`: 0 is not above 0"]),
    // The method and its place.
    case(&["train", "method.objective=moco"], &["unknown objective `moco`; did you mean `moco_v3`?"]),
    case(
        &["train", "views.local=2", "method.ser.local=4", "method.ser.batch=0.1"],
        &["ser: it compares 4 small crops of each image, and `moco_v3` is shown 2", "(`local` in `[views]`)"],
    ),
    case(
        &["train", "method.regularizers=[\"essl\"]", "method.essl.smallest_crop=0.5"],
        &["0.5 is more than `largest_crop`, 0.14; exchange them"],
    ),
    case(&["train", "views.displacement=0.5"], &["`displacement`: 0.5 is not at most 0.3"]),
    case(&["train", "method.regularizers=[\"sre\"]"], &["unknown regularizer `sre`; did you mean `ser`?"]),
    case(&["train", "method.ser.weigth=1"], &["unknown key `weigth`; did you mean `weight`?"]),
    case(&["train", "method.ser.temperature=0"], &["`temperature` is out of range: 0 is not above 0"]),
    case(
        &["train", "method.ser.negatives=all"],
        &["unknown negatives `all`; valid negatives: cross_view, both_views"],
    ),
    case(
        &["train", "method.ser.action=Rot90.pre_batch()"],
        &[
            "unknown call `pre_batch`; did you mean `per_batch`? Valid calls: ",
            "argument `method.ser.action=Rot90",
        ],
    ),
    case(
        &["train", "method.ser.project=mlp(512, geul)"],
        &["unknown head layer `geul`; did you mean `gelu`?"],
    ),
    case(
        &["train", "phrases.toml"],
        &[
            "unknown action `Rot9`; did you mean `Rot90`? Valid actions: Rot90, HFlip, ",
            "phrases.toml:4:11",
            "unknown head layer `batchnorm`; did you mean `batch_norm`? Valid head layers: ",
            "phrases.toml:5:21",
        ],
    ),
    case(
        &["train", "method.objective=simclr", "method.moco_v3.hidden=64"],
        &[
            "`moco_v3` is no part of this method",
            "write `objective = \"moco_v3\"`",
            "`method.moco_v3.hidden=64`",
        ],
    ),
    case(
        &["train", "TINY", "method.moco_v3.predictor=mlp(24)"],
        &["`moco_v3` cannot be computed: contract: axis ", "heads fit", "predictor = \"mlp(24)\""],
    ),
    case(
        &["train", "method.regularizers=essl", "method.essl.action=D4", "train.batch=16"],
        &["`essl` cannot be computed", "4 numbers predict which of the action's 8 elements", "a layer of 8"],
    ),
    case(
        &["train", "unused.toml"],
        &["unknown key `hiden`; did you mean `hidden`?", "`byol` is no part of this"],
    ),
    case(
        &["train", "method.ser.batch=0.001"],
        &["gives 0 samples", "at least 2 are needed", "a batch of at least"],
    ),
    case(
        &["train", "method.ser.layer=99"],
        &["`tokens(99)` is beyond this encoder's 4 blocks", "from 1 to 4"],
    ),
    case(&["train", "method.ser.layer=0"], &["layers are counted from 1"]),
    case(
        &["train", "method.ser.at=cls(3)"],
        &["`Tokens` cannot be read at `cls`", "place it at `tokens(l)`"],
    ),
    case(&["train", "method.ser.at=token(3)"], &["unknown tap `token`; did you mean `tokens`?"]),
    case(
        &["train", "method.moco_v3.at=cls(2)", "encoder.cls_after=3"],
        &["moco_v3: there is no CLS at layer 2: it enters after block 3", "read `pooled(2)`"],
    ),
    // The encoder.
    case(&["train", "encoder.patch=5"], &["images of [28, 28] pixels do not divide into patches of 5"]),
    case(&["train", "encoder.heads=7"], &["a width of 96 does not divide among 7 heads"]),
    case(
        &["train", "encoder.cls_after=late"],
        &["a block's number from 0 on, or \"follow-tap\"", "\"late\" is not"],
    ),
    case(
        &["train", "encoder.cls_after=4"],
        &["joins after block 4 of 4 sees no other token", "block 0 to 3"],
    ),
    // Images.
    case(&["train", "data.name=imagenet"], &["unknown name `imagenet`; valid names: digits, cifar10"]),
    case(
        &["train", "data.name=folder", "data.path=nowhere"],
        &["nowhere: cannot be read", "`data.path=nowhere`"],
    ),
    case(&["train", "data.name=folder", "data.path=text"], &["text: holds no image", ".jpg, .jpeg or .png"]),
    case(
        &["train", "data.name=folder", "data.path=hollow"],
        &["hollow/train/b: this class has no image", "add some or remove the folder"],
    ),
    case(
        &["train", "data.name=folder", "data.path=broken", "encoder.image=32", "encoder.patch=8", "TINY"],
        &[
            "cannot be used, and 0 are allowed",
            "data.bad_images",
            "broken/",
            "cannot be decoded",
            "replace the file",
        ],
    ),
    case(
        &["train", "data.name=cifar10", "data.path=torn"],
        &["data_batch_1.bin: has 5000 bytes", "records of 3073", "fetch or copy the file again"],
    ),
    case(
        &["train", "data.name=cifar10", "data.path=label"],
        &["data_batch_1.bin: the label 77 of record 0 is out of range: there are 10 classes"],
    ),
    case(&["train", "data.name=shards", "data.path=text"], &["text: holds no .tar file; give the folder"]),
    case(&["train", "data.name=shards", "data.path=cut.tar"], &["cut.tar: the tar file is torn or corrupt"]),
    case(
        &["train", "data.name=shards", "data.path=zeros.tar"],
        &["zeros.tar: holds no image; a sample is NAME.jpg"],
    ),
    // Folders of runs.
    case(
        &["train", "train.directory=run"],
        &["run: there is a run already; resume it, or give the new run another"],
    ),
    case(&["train", "train.directory=text"], &["text: is not empty and no run (it has `notes.txt`)"]),
    case(
        &["train", "--resume", "train.directory=text"],
        &["text: is no run: it has no `config.toml`; there are run"],
    ),
    case(&["train", "--resume", "text"], &["text: is no run"]),
];

/// Files that cannot be used.
fn prepare(folder: &Path) {
    let write = |name: &str, content: &[u8]| {
        let path = folder.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    };
    write("broken.toml", b"[train\nbatch = 3");
    write("bytes.toml", b"\xff\xfe");
    write("key.toml", b"[train]\nbtach = 3\n");
    write("section.toml", b"[trian]\nbatch = 4\n");
    write("scalar.toml", b"train = 3\n");
    write("two.toml", b"[train]\nseed = -1\nepochs = 0\n");
    let phrases = "action = \"Rot9 * HFlip\"\nproject = \"mlp(512, batchnorm)\"\n";
    write("phrases.toml", format!("[method]\nregularizers = [\"ser\"]\n[method.ser]\n{phrases}").as_bytes());
    write("unused.toml", b"[method]\n[method.byol]\nhiden = 3\n");
    write("run/config.toml", b"[train]\n");
    write("text/notes.txt", b"notes");
    for file in ["train/a/1.png", "test/a/1.png", "train/b/notes.txt", "test/b/1.png"] {
        write(&format!("hollow/{file}"), b"");
    }
    for number in 0..20 {
        write(&format!("broken/{number}.jpg"), b"no picture");
    }
    write("torn/data_batch_1.bin", &[0; 5000]);
    write("label/data_batch_1.bin", &[77; 3073]);
    write("zeros.tar", &[0; 5120]);
    write("cut.tar", &[b'x'; 700]);
}

fn entries(folder: &Path) -> Vec<String> {
    let mut all: Vec<String> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap())
        .flat_map(|entry| {
            let name = entry.file_name().into_string().unwrap();
            let below = if entry.path().is_dir() { entries(&entry.path()) } else { Vec::new() };
            below.into_iter().map(|inner| format!("{name}/{inner}")).chain([name.clone()]).collect::<Vec<_>>()
        })
        .collect();
    all.sort();
    all
}

#[test]
fn wrong_inputs_are_refused_in_words_and_leave_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    prepare(folder.path());
    let before = entries(folder.path());
    let mut wrong = Vec::new();
    for Case { arguments, says } in CASES {
        let mut command = binary();
        command.current_dir(folder.path());
        for argument in *arguments {
            match *argument {
                "TINY" => command.args(TINY),
                argument => command.arg(argument),
            };
        }
        let ended = Ended::of(&mut command);
        let mut rest = ended.stderr.as_str();
        for message in *says {
            match rest.split_once(message) {
                Some((_, after)) => rest = after,
                None => wrong.push(format!("{arguments:?}: no `{message}` in\n{}", ended.stderr)),
            }
        }
        let begins = ended.stderr.starts_with("error: ") && ended.stdout.is_empty();
        if ended.code != Some(2) || !begins || ended.stderr.contains("panicked") {
            wrong.push(format!("{arguments:?}: {ended:?}"));
        }
        if entries(folder.path()) != before {
            wrong.push(format!("{arguments:?} left {:?}", entries(folder.path())));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
