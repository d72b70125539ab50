"""Where the boxes and the labels of a data-flow graph go: layers from left to right.

A graph too wide for a page runs from top to bottom instead.  A box lies one layer after its last
operand.  Between two layers of boxes is a layer of labels, one for every edge that ends in the
next; an edge that skips layers passes them through gaps kept free for it.  Labels and gaps take
part in the ordering like boxes, so nothing overlaps.
"""

from dataclasses import dataclass, field

from dualmc.derivation.notation.diagram import Diagram

# Width of a character and height of a line, for a monospaced font of 13 pixels.
CHARACTER = 7.9
LINE = 18.0
LABEL_CHARACTER = 7.3
MARGIN = 12.0
# Characters of a box or a label; the rest is cut off.
LONGEST = 30
SWEEPS = 12
GAP = 12.0
# Pixels; a graph that would be wider runs from top to bottom.
WIDEST = 830.0


@dataclass
class Item:
    """A box, the label of an edge, or a gap that an edge passes through."""

    kind: str
    lines: list[str]
    full: str = ""
    width: float = 0.0
    height: float = 0.0
    x: float = 0.0
    y: float = 0.0
    along: float = 0.0
    across: float = 0.0
    extent: float = 0.0
    thickness: float = 0.0
    """Of its layer, in the direction of the graph."""
    before: list["Item"] = field(default_factory=list)
    after: list["Item"] = field(default_factory=list)


@dataclass
class Layout:
    """Items with their centres, and edges as the items that they pass, first and last a box."""

    boxes: list[Item]
    edges: list[list[Item]]
    width: float
    height: float
    is_wide: bool
    """Whether it runs from left to right, rather than from top to bottom."""


def of_diagram(diagram: Diagram) -> Layout:
    """The layout of a diagram."""
    boxes = [_box(box.lines) for box in diagram.boxes]
    layer_of = [0] * len(boxes)
    for arrow in sorted(diagram.arrows, key=lambda arrow: arrow.end):
        layer_of[arrow.end] = max(layer_of[arrow.end], 1 + layer_of[arrow.start])
    layers: list[list[Item]] = [[] for _ in range(2 * max(layer_of) + 1)]
    for box, layer in zip(boxes, layer_of, strict=True):
        layers[2 * layer].append(box)
    edges = []
    for arrow in diagram.arrows:
        edge = [boxes[arrow.start]]
        first, last = 2 * layer_of[arrow.start] + 1, 2 * layer_of[arrow.end]
        for place in range(first, last):
            # The label stands beside the operation whose partial it is.
            is_label = place == last - 1 and arrow.text
            item = _label(arrow.text) if is_label else Item("gap", [], width=0.0, height=LINE)
            layers[place].append(item)
            edge.append(item)
        edge.append(boxes[arrow.end])
        for a, b in zip(edge, edge[1:], strict=False):
            a.after.append(b)
            b.before.append(a)
        edges.append(edge)
    _order(layers)
    layout = _place(layers, edges, True)
    return layout if layout.width <= WIDEST else _place(layers, edges, False)


def _box(lines: list[str]) -> Item:
    full = " ".join(lines)
    lines = [_cut(line) for line in lines]
    width = max(len(line) for line in lines) * CHARACTER + 20
    return Item("box", lines, full, max(width, 52.0), LINE * len(lines) + 12)


def _label(text: str) -> Item:
    line = _cut(text)
    return Item("label", [line], text, len(line) * LABEL_CHARACTER + 10, LINE + 4)


def _cut(line: str) -> str:
    return line if len(line) <= LONGEST else line[: LONGEST - 1] + "…"


def _order(layers: list[list[Item]]) -> None:
    """Sort each layer by the mean position of the neighbours, forth and back."""
    for sweep in range(SWEEPS):
        forth = sweep % 2 == 0
        position = {id(item): i for layer in layers for i, item in enumerate(layer)}
        for layer in layers[1:] if forth else layers[-2::-1]:
            means = {}
            for i, item in enumerate(layer):
                near = item.before if forth else item.after
                found = [position[id(n)] for n in near]
                means[id(item)] = sum(found) / len(found) if found else float(i)
            layer.sort(key=lambda item: means[id(item)])
            for i, item in enumerate(layer):
                position[id(item)] = i


def _place(layers: list[list[Item]], edges: list[list[Item]], is_wide: bool) -> Layout:
    """Layers from left to right, or from top to bottom."""
    along = MARGIN
    for number, layer in enumerate(layers):
        size = max((i.width if is_wide else i.height for i in layer), default=0.0)
        for item in layer:
            item.along = along + size / 2
            item.thickness = size
            item.extent = item.height if is_wide else item.width
        gap = 22.0 if is_wide else 14.0
        along += size + (gap if number < len(layers) - 1 else 0.0)
    for layer in layers:
        _stack(layer, [float(i) for i in range(len(layer))])
    for sweep in range(SWEEPS):
        forth = sweep % 2 == 0
        for layer in layers if forth else reversed(layers):
            wanted = []
            for item in layer:
                near = (item.before if forth else item.after) or (*item.before, *item.after)
                across = sum(n.across for n in near) / len(near) if near else item.across
                wanted.append(across)
            _stack(layer, wanted)
    items = [item for layer in layers for item in layer]
    first = min(item.across - item.extent / 2 for item in items) - MARGIN
    for item in items:
        item.across -= first
        item.x, item.y = (item.along, item.across) if is_wide else (item.across, item.along)
    end = max(item.across + item.extent / 2 for item in items) + MARGIN
    size = (along + MARGIN, end) if is_wide else (end, along + MARGIN)
    return Layout([i for i in items if i.kind == "box"], edges, *size, is_wide)


def _stack(layer: list[Item], wanted: list[float]) -> None:
    """Put the items as near to where they are wanted as their order and their sizes allow.

    Items that would overlap form a block, which is centred on what its items want.
    """
    blocks: list[_Block] = []
    for item, centre in zip(layer, wanted, strict=True):
        block = _Block(centre - item.extent / 2, [item], item.extent + GAP)
        while blocks and blocks[-1].start + blocks[-1].size > block.start:
            block = blocks.pop().joined(block)
        blocks.append(block)
    for block in blocks:
        at = block.start
        for item in block.items:
            item.across = at + item.extent / 2
            at += item.extent + GAP


class _Block:
    """Items that touch; `total` is the sum of where each would have the block begin."""

    def __init__(self, total: float, items: list[Item], size: float) -> None:
        self.total = total
        self.items = items
        self.size = size

    @property
    def start(self) -> float:
        return self.total / len(self.items)

    def joined(self, after: "_Block") -> "_Block":
        total = self.total + after.total - len(after.items) * self.size
        return _Block(total, self.items + after.items, self.size + after.size)


def side(item: Item, is_wide: bool, direction: int) -> tuple[float, float]:
    """Where a line leaves an item (1) or reaches it (-1)."""
    if is_wide:
        return (item.x + direction * item.width / 2, item.y)
    return (item.x, item.y + direction * item.height / 2)


Point = tuple[float, float]
# A cubic curve of Bezier's: its start, two points that it is drawn to, and its end.
Curve = tuple[Point, Point, Point, Point]


def strokes(edge: list[Item], is_wide: bool) -> list[list[Curve]]:
    """The line of an edge in pieces: it stops on both sides of its label."""
    first, *middle, last = edge
    at = side(first, is_wide, 1)
    found: list[list[Curve]] = [[]]
    for item in middle:
        if item.kind == "label":
            found[-1].append(_curve(at, side(item, is_wide, -1), is_wide))
            found.append([])
            at = side(item, is_wide, 1)
        else:
            # Straight through the layer, so that it does not bend into a box beside it.
            ends = [(item.x, item.y + s * item.thickness / 2) for s in (-1, 1)]
            if is_wide:
                ends = [(item.x + s * item.thickness / 2, item.y) for s in (-1, 1)]
            found[-1] += [_curve(at, ends[0], is_wide), _curve(ends[0], ends[1], is_wide)]
            at = ends[1]
    found[-1].append(_curve(at, side(last, is_wide, -1), is_wide))
    return found


def _curve(a: Point, b: Point, is_wide: bool) -> Curve:
    """A curve that leaves and arrives in the direction of the graph."""
    if is_wide:
        middle = (a[0] + b[0]) / 2
        return a, (middle, a[1]), (middle, b[1]), b
    middle = (a[1] + b[1]) / 2
    return a, (a[0], middle), (b[0], middle), b
