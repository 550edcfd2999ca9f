//! The structure of a document: what each mark on the pages is, in reading order, so that a screen
//! reader reads a table as a table.

use lopdf::{Dictionary, Object, ObjectId, dictionary};

/// An element of the structure, by its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Element(usize);

/// What an element is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tag {
    Document,
    Title,
    Heading,
    Paragraph,
    Figure,
    Table,
    Row,
    ColumnHead,
    RowHead,
    Cell,
}

impl Tag {
    /// Its standard name.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Document => "Document",
            Self::Title => "H1",
            Self::Heading => "H2",
            Self::Paragraph => "P",
            Self::Figure => "Figure",
            Self::Table => "Table",
            Self::Row => "TR",
            Self::ColumnHead | Self::RowHead => "TH",
            Self::Cell => "TD",
        }
    }
}

#[derive(Debug, Clone, Copy)]
enum Kid {
    Element(usize),
    /// Marked content, by its page and its number there.
    Content(usize, usize),
}

#[derive(Debug)]
struct Node {
    tag: Tag,
    parent: Option<usize>,
    kids: Vec<Kid>,
    alt: Option<(String, [i32; 4])>,
}

/// The tree, from the document down.
#[derive(Debug)]
pub(super) struct Tags {
    nodes: Vec<Node>,
    /// The element of each mark, by page.
    marks: Vec<Vec<usize>>,
}

impl Tags {
    /// The element that holds all others.
    pub(super) const ROOT: Element = Element(0);

    pub(super) fn new() -> Self {
        let root = Node { tag: Tag::Document, parent: None, kids: Vec::new(), alt: None };
        Self { nodes: vec![root], marks: Vec::new() }
    }

    /// A new last element within another.
    pub(super) fn add(&mut self, within: Element, tag: Tag) -> Element {
        let element = self.nodes.len();
        self.nodes.push(Node { tag, parent: Some(within.0), kids: Vec::new(), alt: None });
        self.nodes[within.0].kids.push(Kid::Element(element));
        Element(element)
    }

    /// What a figure shows, in words, and where it stands on its page, in thousandths of a point.
    pub(super) fn describe(&mut self, figure: Element, alt: &str, bounds: [i32; 4]) {
        self.nodes[figure.0].alt = Some((alt.to_owned(), bounds));
    }

    /// A new mark on a page: the name and the number to mark it with.
    pub(super) fn mark(&mut self, element: Element, page: usize) -> (&'static str, usize) {
        while self.marks.len() <= page {
            self.marks.push(Vec::new());
        }
        let number = self.marks[page].len();
        self.marks[page].push(element.0);
        let node = &mut self.nodes[element.0];
        node.kids.push(Kid::Content(page, number));
        (node.tag.name(), number)
    }

    /// How many objects the tree needs.
    fn objects(&self) -> u32 {
        u32::try_from(self.nodes.len()).unwrap_or(u32::MAX).saturating_add(3)
    }

    /// Adds the tree under numbers from `first` on, and says where its root is and which number is
    /// free then.
    pub(super) fn write(
        &self,
        first: u32,
        pages: &[ObjectId],
        objects: &mut Vec<(u32, Object)>,
    ) -> (ObjectId, u32) {
        let scopes = ((first + 1, 0), (first + 2, 0));
        let at = |node: usize| (first + 3 + u32::try_from(node).unwrap_or(0), 0);
        let parents = pages.iter().enumerate().flat_map(|(page, _)| {
            let marks = self.marks.get(page).map(Vec::as_slice).unwrap_or_default();
            let refs: Vec<Object> = marks.iter().map(|node| at(*node).into()).collect();
            [i64::try_from(page).unwrap_or(0).into(), Object::Array(refs)]
        });
        let root = dictionary! {
            "Type" => "StructTreeRoot",
            "K" => vec![Object::Reference(at(0))],
            "ParentTree" => dictionary! { "Nums" => parents.collect::<Vec<Object>>() },
            "ParentTreeNextKey" => i64::try_from(pages.len()).unwrap_or(0),
        };
        objects.push((first, root.into()));
        objects.push((first + 1, scope("Column").into()));
        objects.push((first + 2, scope("Row").into()));
        for (index, node) in self.nodes.iter().enumerate() {
            let parent = node.parent.map_or((first, 0), at);
            let element = node.element(parent, scopes, pages, &at);
            objects.push((at(index).0, element.into()));
        }
        ((first, 0), first + self.objects())
    }
}

fn scope(of: &str) -> Dictionary {
    dictionary! { "O" => "Table", "Scope" => of }
}

impl Node {
    fn element(
        &self,
        parent: ObjectId,
        (column, row): (ObjectId, ObjectId),
        pages: &[ObjectId],
        at: &impl Fn(usize) -> ObjectId,
    ) -> Dictionary {
        let own = self.kids.iter().find_map(|kid| match kid {
            Kid::Content(page, _) => Some(*page),
            Kid::Element(_) => None,
        });
        let mark = |page: usize, number: usize| {
            let number = i64::try_from(number).unwrap_or(0);
            if own == Some(page) {
                return Object::Integer(number);
            }
            dictionary! { "Type" => "MCR", "Pg" => pages[page], "MCID" => number }.into()
        };
        let kids = self.kids.iter().map(|kid| match kid {
            Kid::Element(element) => at(*element).into(),
            Kid::Content(page, number) => mark(*page, *number),
        });
        let mut kids: Vec<Object> = kids.collect();
        let mut element = dictionary! { "S" => self.tag.name(), "P" => parent };
        if let Some(page) = own {
            element.set("Pg", pages[page]);
        }
        match kids.len() {
            0 => {}
            1 => element.set("K", kids.remove(0)),
            _ => element.set("K", kids),
        }
        match self.tag {
            Tag::ColumnHead => element.set("A", column),
            Tag::RowHead => element.set("A", row),
            Tag::Document
            | Tag::Title
            | Tag::Heading
            | Tag::Paragraph
            | Tag::Figure
            | Tag::Table
            | Tag::Row
            | Tag::Cell => {}
        }
        if let Some((alt, bounds)) = &self.alt {
            element.set("Alt", super::embedded::text_string(alt));
            let bounds = bounds.map(|bound| Object::Integer((bound / 1000).into()));
            let placed = dictionary! {
                "O" => "Layout",
                "Placement" => "Block",
                "BBox" => bounds.to_vec(),
            };
            element.set("A", placed);
        }
        element
    }
}
