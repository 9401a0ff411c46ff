//! Tables for the terminal.

/// Rows of cells as lines, columns two blanks apart: the first to the left, the others to the right.
pub(crate) fn aligned(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let length = |cell: &String| cell.chars().count();
    let width = |column: usize| rows.iter().filter_map(|row| row.get(column)).map(length).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let mut text = String::new();
    for row in rows {
        let mut line = String::new();
        for (column, cell) in row.iter().enumerate() {
            let room = " ".repeat(widths[column] - length(cell));
            line += &match column {
                0 => format!("{cell}{room}"),
                _ => format!("  {room}{cell}"),
            };
        }
        text += line.trim_end();
        text.push('\n');
    }
    text
}
