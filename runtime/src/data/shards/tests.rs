use super::*;

/// A PNG of one grey pixel.
fn png(value: u8) -> Vec<u8> {
    let mut content = Vec::new();
    let mut encoder = png::Encoder::new(&mut content, 1, 1);
    encoder.set_color(png::ColorType::Grayscale);
    encoder.write_header().unwrap().write_image_data(&[value]).unwrap();
    content
}

fn tar(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (path, content) in files {
        let mut header = tar::Header::new_ustar();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        builder.append_data(&mut header, path, *content).unwrap();
    }
    builder.into_inner().unwrap()
}

fn open(content: &[u8]) -> Result<TarShards, String> {
    let folder = tempfile::tempdir().unwrap();
    let shard = folder.path().join("0.tar");
    std::fs::write(&shard, content).unwrap();
    TarShards::open(&shard).map_err(|error| error.to_string().replace(&shard.display().to_string(), "SHARD"))
}

#[test]
fn reads_shards_of_a_folder_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let first: &[(&str, &[u8])] = &[
        ("a/2.cls", b" 3\n"),
        ("a/2.png", &png(20)),
        ("a/2.json", b"{}"),
        ("a/1.big.png", &png(10)),
        ("a/1.cls", b"0"),
    ];
    std::fs::write(folder.path().join("0.tar"), tar(first)).unwrap();
    std::fs::write(folder.path().join("1.tar"), tar(&[("2.png", &png(30)), ("2.cls", b"1")])).unwrap();
    let set = TarShards::open(folder.path()).unwrap();
    let samples: Vec<_> = (0..3).map(|i| (set.image(i).unwrap().pixels().to_vec(), set.label(i))).collect();
    assert_eq!(samples, [(vec![20; 3], Some(3)), (vec![10; 3], Some(0)), (vec![30; 3], Some(1))]);
    assert_eq!(set.classes(), ["0", "1", "2", "3"]);
    assert!(set.image(3).unwrap_err().to_string().contains("there is no image 3; it has 3"));
}

#[test]
fn labels_are_optional() {
    let set = open(&tar(&[("1.png", &png(1)), ("2.png", &png(2))])).unwrap();
    assert_eq!((set.len(), set.label(0), set.classes().len()), (2, None, 0));
}

/// Wherever a shard is cut, it is refused: no sample is lost without a word.
#[test]
fn refuses_every_prefix() {
    let content = tar(&[("1.png", &png(1)), ("1.cls", b"0"), ("2.png", &png(2)), ("2.cls", b"1")]);
    assert_eq!(open(&content).unwrap().len(), 2);
    let end_of_files = content.len() - 1024; // two blocks of zeros close a tar file
    for length in (0..end_of_files + 512).step_by(64) {
        let message = open(&content[..length]).unwrap_err();
        assert!(message.starts_with("SHARD: the tar file is torn or corrupt ("), "{length}: {message}");
        assert!(message.ends_with("); fetch or copy the file again"), "{length}: {message}");
    }
}

#[test]
fn a_corrupt_image_is_named_with_its_shard() {
    let folder = tempfile::tempdir().unwrap();
    let shard = folder.path().join("0.tar");
    std::fs::write(&shard, tar(&[("x/7.jpg", b"nonsense")])).unwrap();
    let message = TarShards::open(&shard).unwrap().image(0).unwrap_err().to_string();
    assert!(
        message.contains("0.tar:x/7: cannot be decoded: it starts with the bytes [6e, 6f, 6e, 73]"),
        "{message}"
    );
}

#[test]
fn says_what_is_wrong_and_what_to_do() {
    let refusal = |files: &[(&str, &[u8])]| open(&tar(files)).unwrap_err();
    let (a, b) = (png(1), png(2));
    assert_eq!(
        refusal(&[("1.png", &a), ("1.cls", b"cat")]),
        "SHARD: the sample 1 has a label that is no number from 0: \"cat\"; write its class's number"
    );
    assert_eq!(
        refusal(&[("1.png", &a), ("1.jpg", &b)]),
        "SHARD: the sample 1 has two images; give each a name of its own, up to the first dot"
    );
    assert_eq!(
        refusal(&[("1.png", &a), ("1.cls", b"0"), ("2.png", &b)]),
        "SHARD: the sample 2 has no label (.cls), and 1 of 2 have one; label all or none"
    );
    assert_eq!(
        refusal(&[("1.png", &a), ("2.cls", b"0")]),
        "SHARD: the sample 2 has a label but no image (.jpg, .jpeg, .png); add it or remove the label"
    );
    assert_eq!(
        refusal(&[("1.png", &a), ("1.cls", b"99999999")]),
        "SHARD: the label 99999999 of 1 is out of range: there are 1048576 classes, counted from 0"
    );
    assert!(refusal(&[("readme.txt", b"")]).starts_with("SHARD: holds no image"));

    let empty = tempfile::tempdir().unwrap();
    let message = TarShards::open(empty.path()).unwrap_err().to_string();
    assert!(
        message.ends_with(": holds no .tar file; give the folder of the shards, or the shards themselves")
    );
    let message = TarShards::open("no/such.tar").unwrap_err().to_string();
    assert!(message.starts_with("no/such.tar: cannot be read: "), "{message}");
}
