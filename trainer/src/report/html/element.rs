//! The few elements that the page is made of.

pub(crate) use sinew_firmware_host::chart::escape;

/// One key number.
pub(super) struct Tile {
    name: &'static str,
    value: String,
    unit: &'static str,
    detail: String,
}

impl Tile {
    pub(super) fn new(name: &'static str, value: String, unit: &'static str) -> Self {
        Self { name, value, unit, detail: String::new() }
    }

    pub(super) fn detail(self, detail: String) -> Self {
        Self { detail, ..self }
    }
}

/// The key numbers in a grid.
pub(super) fn tiles(tiles: &[Tile]) -> String {
    let tile = |tile: &Tile| {
        format!(
            "<div class=\"tile\"><dt>{}</dt><dd>{} <small>{}</small></dd><dd class=\"detail\">{}</dd></div>\n",
            escape(tile.name),
            escape(&tile.value),
            escape(tile.unit),
            escape(&tile.detail)
        )
    };
    let tiles: Vec<String> = tiles.iter().map(tile).collect();
    format!("<dl class=\"tiles\">\n{}</dl>\n", tiles.concat())
}

/// A column's heading and whether it holds numbers.
pub(super) struct Column(pub(super) &'static str, pub(super) bool);

/// A table; its cells are escaped here.
pub(super) fn table<const N: usize>(columns: &[Column; N], rows: &[[String; N]]) -> String {
    let class = |column: &Column| if column.1 { " class=\"number\"" } else { "" };
    let heading = |column: &Column| format!("<th{}>{}</th>", class(column), escape(column.0));
    let headings: Vec<String> = columns.iter().map(heading).collect();
    let row = |cells: &[String; N]| {
        let cell = |(column, text): (&Column, &String)| format!("<td{}>{}</td>", class(column), escape(text));
        let cells: Vec<String> = columns.iter().zip(cells).map(cell).collect();
        format!("<tr>{}</tr>\n", cells.concat())
    };
    let rows: Vec<String> = rows.iter().map(row).collect();
    format!(
        "<table>\n<thead><tr>{}</tr></thead>\n<tbody>\n{}</tbody>\n</table>\n",
        headings.concat(),
        rows.concat()
    )
}

/// A picture and what it shows; nothing where there is no picture.
pub(super) fn figure(picture: Option<String>, caption: &str) -> String {
    picture.map_or_else(String::new, |picture| {
        format!("<figure>\n{picture}<figcaption>{}</figcaption>\n</figure>\n", escape(caption))
    })
}

/// A heading, a sentence below it, and what follows.
pub(super) fn section(heading: &str, note: &str, content: &[String]) -> String {
    format!(
        "<section>\n<h2>{}</h2>\n<p class=\"note\">{}</p>\n{}</section>\n",
        escape(heading),
        escape(note),
        content.concat()
    )
}

/// A heading inside a section.
pub(super) fn subheading(text: &str) -> String {
    format!("<h3>{}</h3>\n", escape(text))
}

/// Things side by side where there is room.
pub(super) fn side_by_side(parts: &[String]) -> String {
    let parts: Vec<String> = parts.iter().map(|part| format!("<div>\n{part}</div>\n")).collect();
    format!("<div class=\"pair\">\n{}</div>\n", parts.concat())
}
