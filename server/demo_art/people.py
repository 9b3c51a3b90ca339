"""The six artists of the demo house, their galleries, and what they say to each other."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Artist:
    """One account. `lede` is the line under the name, `about` the page behind it; `face` is a file of `files.RECIPES`."""

    handle: str
    name: str
    lede: str
    place: str
    about: str
    links: tuple[tuple[str, str], ...]
    face: str
    language: str = "en"
    reservation: str = "no-ai"


@dataclass(frozen=True)
class Gallery:
    """A named group of one artist's works; which works, each `Piece.galleries` says."""

    artist: str
    name: str
    description: str
    language: str = "en"


@dataclass(frozen=True)
class Comment:
    """A note under a work, or under another comment: `answers` is that comment's `key`, empty under the work itself."""

    key: str
    work: str
    author: str
    text: str
    answers: str = ""


ARTISTS: tuple[Artist, ...] = (
    Artist(
        "ines",
        "Ines Valcourt",
        "Illustrator and visual development artist. Quiet places, long light, the last hour of the day.",
        "Lyon, France",
        "I paint books and the hours before films. La Gardienne comes out in spring.\n\nOpen to commissions from February.",
        (("Website", "https://valcourt.example"), ("Éditions du Phare", "https://phare.example/gardienne")),
        "face-ines.jpg",
    ),
    Artist(
        "tomas",
        "Tomas Rein",
        "Art director and comic artist. Few words, one colour.",
        "Tallinn, Estonia",
        "I direct other people’s pictures by day and draw cats at night. Portfolio reviews on the first Monday of the month.",
        (("Website", "https://rein.example"),),
        "face-tomas.png",
    ),
    Artist(
        "yuki",
        "Yuki Hara",
        "Printmaker. Cherry wood, water, nine blues.",
        "Matsue, Japan",
        "Woodblock prints in small editions, and a class on limited palettes every autumn. Prints are signed and numbered.",
        (("Print room", "https://hara.example/prints"), ("Classes", "https://hara.example/class")),
        "face-yuki.jpg",
    ),
    Artist(
        "omar",
        "Omar Diallo",
        "Photographs of buildings, painted until they are true.",
        "Dakar, Senegal",
        "Trained as an architect. I photograph what still stands and paint out what was added.",
        (("Website", "https://diallo.example"),),
        "face-omar.jpg",
    ),
    Artist(
        "bea",
        "Bea Lindqvist",
        "Stickers, loops and other small comforts.",
        "Malmö, Sweden",
        "Everything I make fits in a pocket or on a cupboard door. Wholesale on request.",
        (("Shop", "https://lindqvist.example/shop"),),
        "face-bea.png",
    ),
    Artist(
        "zofia",
        "Žofia Łąka",
        "Scientific illustrator. Moths, maps and skies, some of them real.",
        "Wrocław, Poland",
        "I draw for museums and write the programs that draw for me. What I make with public money I give to everyone.",
        (("Website", "https://laka.example"), ("Code", "https://laka.example/code")),
        "face-zofia.jpg",
    ),
)

GALLERIES: tuple[Gallery, ...] = (
    Gallery("ines", "La Gardienne", "Pictures for the book.", "fr"),
    Gallery("ines", "Landscapes", "Outside, mostly at the wrong hour."),
    Gallery("ines", "Picture books", "Plates and covers."),
    Gallery("ines", "Visual development", "For films and games, made and unmade."),
    Gallery("ines", "Studies", "An hour each, rarely two."),
    Gallery("tomas", "Strips", "Read downwards."),
    Gallery("tomas", "Ink", "Black first."),
    Gallery("yuki", "Blocks", "Everything cut in cherry."),
    Gallery("yuki", "Water birds", "A series of twelve; eleven to go."),
    Gallery("omar", "Stone and Noon", "Dakar and its coast, at the hour without shadows."),
    Gallery("bea", "Small comforts", "For cupboards, windows and late buses."),
    Gallery("zofia", "Plates", "For walls and textbooks."),
    Gallery("zofia", "Sky", "Things above, measured first."),
)

COMMENTS: tuple[Comment, ...] = (
    Comment("ferry-beam", "last-ferry", "tomas", "The beam stops exactly where the ferry’s light begins. Was that planned from the value study?"),
    Comment("ferry-answer", "last-ferry", "ines", "It was the whole reason to paint it. In the first sketch they touched, and nothing was sad.", "ferry-beam"),
    Comment("ferry-class", "last-ferry", "yuki", "Saved for my class on limited palettes, with credit. Thank you for showing the steps."),
    Comment("valley-pinks", "valley-at-six", "bea", "Four pinks! I count three and a memory."),
    Comment("valley-answer", "valley-at-six", "ines", "The fourth is under the pines. You have to believe in it.", "valley-pinks"),
    Comment("koi-paper", "koi", "zofia", "Which paper keeps that green so deep? Mine fades within a year."),
    Comment("koi-answer", "koi", "ines", "Dyed in the pulp, not coated. I will bring you a sheet.", "koi-paper"),
    Comment("koi-thanks", "koi", "zofia", "Then I will bring moths.", "koi-answer"),
    Comment("keys-cat", "keeper-of-keys", "bea", "I have scrolled this four times and I still hold my breath at the door."),
    Comment("keys-answer", "keeper-of-keys", "tomas", "That panel is the only one I drew twice.", "keys-cat"),
    Comment("wires-white", "wires", "omar", "The space around the white one. That is the whole picture."),
    Comment("indigo-block", "nine-indigos", "ines", "Is the sun a separate block, or did you mask it?"),
    Comment("indigo-answer", "nine-indigos", "yuki", "A separate block, printed last, once the blues have stopped arguing.", "indigo-block"),
    Comment("stairs-guard", "stairwell", "tomas", "Please tell the guard that I counted too. One hundred and four."),
    Comment("loop-turn", "keeper-loop", "ines", "It has been turning next to my desk all morning. Thank you, @bea."),
    Comment("fox-print", "small-comforts", "yuki", "My niece has named the fox. It is called Monday."),
    Comment("moths-rules", "moths", "ines", "Number three has been in my garden. I am nearly sure."),
    Comment("moths-answer", "moths", "zofia", "If it sits still, count the bands. There should be more than nature allows.", "moths-rules"),
    Comment("corniche-boats", "corniche", "bea", "I would like to live in frame seven."),
)  # fmt: skip

FOLLOWS: tuple[tuple[str, str], ...] = (
    ("tomas", "ines"), ("yuki", "ines"), ("bea", "ines"), ("omar", "ines"), ("zofia", "ines"),
    ("ines", "tomas"), ("bea", "tomas"), ("omar", "tomas"),
    ("ines", "yuki"), ("tomas", "yuki"), ("zofia", "yuki"),
    ("tomas", "omar"), ("bea", "omar"),
    ("ines", "bea"), ("tomas", "bea"), ("yuki", "bea"),
    ("ines", "zofia"), ("yuki", "zofia"),
)  # fmt: skip
"""Who follows whom: (follower, followed)."""

LIKES: tuple[tuple[str, str], ...] = tuple(
    (who, work)
    for work, people in (
        ("last-ferry", "tomas yuki bea omar zofia"),
        ("valley-at-six", "bea yuki"),
        ("night-watch", "zofia"),
        ("window-in-march", "omar tomas"),
        ("two-suns", "zofia bea"),
        ("koi", "yuki zofia"),
        ("quarry-lake", "omar"),
        ("fern-room", "bea"),
        ("market-night", "tomas"),
        ("wind-map", "zofia"),
        ("tilework", "omar bea"),
        ("red-planet-picnic", "bea tomas"),
        ("keeper-of-keys", "ines bea omar yuki"),
        ("wires", "omar ines"),
        ("one-red", "bea"),
        ("nine-indigos", "ines tomas zofia"),
        ("grey-heron", "ines"),
        ("stairwell", "tomas ines zofia"),
        ("seven-arches", "ines"),
        ("corniche", "bea tomas"),
        ("last-bus", "tomas ines"),
        ("keeper-loop", "ines yuki"),
        ("small-comforts", "yuki zofia ines"),
        ("moths", "ines yuki bea"),
        ("aurora", "ines omar"),
        ("totality", "tomas"),
        ("island", "ines bea"),
    )
    for who in people.split()
)
"""Who likes which work: (artist, key of the work)."""
