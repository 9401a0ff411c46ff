//! Event files, read by a reader that shares nothing with the writer.

use super::*;

/// CRC-32C bit by bit, from its polynomial.
fn crc32c(bytes: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for &byte in bytes {
        crc ^= u32::from(byte);
        for _ in 0..8 {
            crc = crc >> 1 ^ if crc & 1 == 1 { 0x82f6_3b78 } else { 0 };
        }
    }
    !crc
}

fn assert_masked(bytes: &[u8], masked: &[u8]) {
    let masked = u32::from_le_bytes(masked.try_into().expect("four bytes"));
    let crc = masked.wrapping_sub(0xa282_ead8);
    assert_eq!(crc.rotate_left(15), crc32c(bytes));
}

fn payloads(mut file: &[u8]) -> Vec<Vec<u8>> {
    let mut payloads = Vec::new();
    while !file.is_empty() {
        let length = u64::from_le_bytes(file[..8].try_into().expect("eight bytes")) as usize;
        assert_masked(&file[..8], &file[8..12]);
        let payload = &file[12..12 + length];
        assert_masked(payload, &file[12 + length..16 + length]);
        payloads.push(payload.to_vec());
        file = &file[16 + length..];
    }
    payloads
}

/// A field of a protocol buffer.
#[derive(Clone, Debug, PartialEq)]
enum Field {
    Integer(u64),
    Double(f64),
    Float(f32),
    Bytes(Vec<u8>),
}

fn varint(bytes: &mut &[u8]) -> u64 {
    let (mut value, mut shift) = (0, 0);
    loop {
        let byte = bytes[0];
        *bytes = &bytes[1..];
        value |= u64::from(byte & 0x7f) << shift;
        shift += 7;
        if byte < 0x80 {
            return value;
        }
    }
}

fn fields(mut bytes: &[u8]) -> Vec<(u64, Field)> {
    let mut fields = Vec::new();
    while !bytes.is_empty() {
        let key = varint(&mut bytes);
        let length = match key & 7 {
            0 => {
                fields.push((key >> 3, Field::Integer(varint(&mut bytes))));
                continue;
            }
            1 => 8,
            2 => varint(&mut bytes) as usize,
            5 => 4,
            wire => panic!("wire type {wire}"),
        };
        let (content, rest) = bytes.split_at(length);
        bytes = rest;
        fields.push((
            key >> 3,
            match key & 7 {
                1 => Field::Double(f64::from_le_bytes(content.try_into().expect("eight bytes"))),
                5 => Field::Float(f32::from_le_bytes(content.try_into().expect("four bytes"))),
                _ => Field::Bytes(content.to_vec()),
            },
        ));
    }
    fields
}

fn field(message: &[u8], number: u64) -> Field {
    let fields = fields(message);
    fields
        .iter()
        .find(|(field, _)| *field == number)
        .unwrap_or_else(|| panic!("{number} in {fields:?}"))
        .1
        .clone()
}

fn bytes(message: &[u8], number: u64) -> Vec<u8> {
    match field(message, number) {
        Field::Bytes(bytes) => bytes,
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_independent_reader_finds_every_scalar() {
    assert_eq!(crc32c(b"123456789"), 0xe306_9283); // the check value of the polynomial's definition
    let folder = tempfile::tempdir().expect("a folder");
    let mut writer = EventWriter::create(&folder, 300).expect("a file");
    writer.write(&record(301, &[("loss/ser", 0.1), ("\u{3bb}", f64::NAN)])).expect("written");
    writer.write(&record(1 << 40, &[("loss", -2.5)])).expect("written");
    writer.flush().expect("written");

    let path = fs::read_dir(&folder).expect("the folder").next().expect("a file").expect("an entry").path();
    assert!(path.file_name().expect("a name").to_string_lossy().starts_with("events.out.tfevents."));
    let [version, start, first, second] = &payloads(&fs::read(path).expect("the file"))[..] else {
        panic!("four events");
    };
    assert_eq!(bytes(version, 3), b"brain.Event:2");
    assert_eq!((field(start, 2), field(&bytes(start, 7), 1)), (Field::Integer(301), Field::Integer(1)));
    let Field::Double(time) = field(first, 1) else { panic!("a time") };
    assert!(time > 1.7e9, "{time}");

    assert_eq!(field(first, 2), Field::Integer(301));
    let values = fields(&bytes(first, 5));
    let [(1, Field::Bytes(loss)), (1, Field::Bytes(lambda))] = &values[..] else { panic!("{values:?}") };
    assert_eq!((bytes(loss, 1), field(loss, 2)), (b"loss/ser".to_vec(), Field::Float(0.1)));
    assert_eq!(bytes(lambda, 1), "\u{3bb}".as_bytes());
    assert!(matches!(field(lambda, 2), Field::Float(value) if value.is_nan()));

    assert_eq!(field(second, 2), Field::Integer(1 << 40));
    assert_eq!(field(&bytes(&bytes(second, 5), 1), 2), Field::Float(-2.5));
}

#[test]
fn two_starts_make_two_files() {
    let folder = tempfile::tempdir().expect("a folder");
    for step in [0, 10] {
        EventWriter::create(&folder, step).expect("a file");
    }
    assert_eq!(fs::read_dir(&folder).expect("the folder").count(), 2);
}
