"""The forty works of the demo house: who made them, what they are called, what they show and under which terms."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Picture:
    """One file of a work; `focus` is what a square crop keeps, from the left and from the top, 0 to 1."""

    file: str
    alt: str
    caption: str = ""
    focus: tuple[float, float] = (0.5, 0.5)


@dataclass(frozen=True)
class Piece:
    """One work. `licence` and `reservation` are keys of rights.md 2.1; `rating` is a word of server.models.words."""

    key: str
    artist: str
    title: str
    year: int
    medium: str
    tools: str
    size: str
    description: str
    pictures: tuple[Picture, ...]
    tags: tuple[str, ...]
    galleries: tuple[str, ...] = ()
    licence: str = "arr"
    reservation: str = "no-ai"
    rating: str = "general"
    content_warning: str = ""
    language: str = "en"  # of the title

    @property
    def files(self) -> tuple[str, ...]:
        """The names of its files, in order."""
        return tuple(picture.file for picture in self.pictures)

    @property
    def alts(self) -> tuple[str, ...]:
        """The description of each file, in the order of `files`."""
        return tuple(picture.alt for picture in self.pictures)


P = Picture
GOUACHE, DIGITAL, PAPER = "Gouache and digital", "Digital painting", "Cut paper"

INES = (
    Piece(
        "last-ferry", "ines", "The Last Ferry", 2026, GOUACHE, "Gouache, Procreate, Affinity Photo", "60 × 40 cm",
        "Double page for La Gardienne, a picture book about a lighthouse keeper’s daughter who counts the boats home. "
        "This is the evening she counts one too few. The only warm lights are the ones with people behind them. "
        "Art direction by @tomas. #Lighthouse #PictureBook",
        (
            P("last-ferry.jpg", "A red and white lighthouse on a dark cliff throws its beam over a calm sea at dusk. "
              "Below it a small ferry, all windows lit, heads for the setting sun.", focus=(0.79, 0.27)),
            P("last-ferry-1-values.jpg", "The same scene as a grey value study in six tones: dark cliff, pale lamp, pale ferry.",
              "Six values, ten minutes. If it reads here it will read in print."),
            P("last-ferry-2-line.png", "The same scene as a pencil drawing on cream paper, the water shaded with short hatching.",
              "Line, 2B on layout paper, scanned at 600 dpi."),
            P("last-ferry-3-blocks.webp", "The same scene in flat blocks of navy, slate and apricot, without details.",
              "Colour blocks, eighteen mixed gouaches."),
        ),
        ("Lighthouse", "Seascape", "Gouache", "PictureBook"), ("La Gardienne", "Landscapes"),
    ),
    Piece(
        "valley-at-six", "ines", "Valley at Six", 2026, GOUACHE, "Gouache, Procreate", "45 × 60 cm",
        "The valley behind my grandmother’s house, ten minutes before the sun leaves it. Four pinks and one grey.",
        (P("valley-at-six.jpg", "Rose mountain ridges fading into mist behind a line of dark pines, a pale sun just above them.", focus=(0.66, 0.3)),),
        ("Mountains", "Gouache", "Mist"), ("Landscapes",),
    ),
    Piece(
        "night-watch", "ines", "Night Watch", 2026, DIGITAL, "Procreate", "Screen",
        "Painted outside, on the darkest setting of the screen. What I took for clouds was the next ridge.",
        (P("night-watch.webp", "Blue ridges under a full moon with a wide halo, a black pine forest in the foreground.", focus=(0.3, 0.3)),),
        ("Night", "Mountains"), ("Landscapes",),
    ),
    Piece(
        "window-in-march", "ines", "Fenêtre de mars", 2026, "Gouache", "Gouache, coloured pencil", "40 × 50 cm",
        "The first afternoon of the year when the sun reaches the back wall of the studio. It stays for eleven minutes.",
        (P("window-in-march.jpg", "Low window light falls in six panes on a beige wall; in front of it stands a spiky plant in a red clay pot."),),
        ("Interior", "Light", "Gouache"), ("Studies",), language="fr",
    ),
    Piece(
        "two-suns", "ines", "Two Suns, No Shade", 2025, DIGITAL, "Procreate, Blender for the planet’s turn", "Screen",
        "Key frames for a short film that was never made. The two of them have walked all day to be where it rises.",
        (
            P("two-suns.jpg", "A striped planet with a tilted ring rises over violet hills; two tiny figures on a ridge look up at it.", focus=(0.62, 0.4)),
            P("two-suns-cold.jpg", "The same view in cold greens: a pale banded planet and its ring over teal hills under a dark sky.", "The cold version, kept for the ending."),
            P("two-suns-detail.jpg", "A closer view of the two small black figures side by side on a dark ridge before pink hills.", "Detail."),
        ),
        ("ScienceFiction", "VisualDevelopment"), ("Visual development",),
    ),
    Piece(
        "koi", "ines", "Pond Index", 2025, PAPER, "Cut paper, scanned", "50 × 50 cm",
        "Every fish in the botanical garden’s pond, as far as they kept still. #Koi",
        (P("koi.png", "White koi with orange patches swim between round lily pads in dark green water, seen from above."),),
        ("Koi", "PaperCut", "Animals"), ("Studies",),
    ),
    Piece(
        "quarry-lake", "ines", "Quarry Lake", 2025, GOUACHE, "Gouache, Procreate", "60 × 40 cm",
        "Nobody sails here: the lake is four hundred metres long. One man does, every Sunday, end to end.",
        (P("quarry-lake.jpg", "A small sailing boat with a cream sail on flat turquoise water; a large pale sun throws a broken path of light.", focus=(0.3, 0.5)),),
        ("Seascape", "Boat"), ("Landscapes",),
    ),
    Piece(
        "fern-room", "ines", "Fern Room", 2025, PAPER, "Cut paper, knife", "30 × 40 cm",
        "Five evenings, one blade. The yellow disc was the lid of a paint pot.",
        (P("fern-room.jpg", "Cut-paper ferns in dark green, sage and brick red stand before a yellow disc on cream paper."),),
        ("PaperCut", "Plants"), ("Studies",),
    ),
    Piece(
        "market-night", "ines", "Market Night", 2025, DIGITAL, "Procreate", "Screen",
        "One street at four hours, for a game about a courier. The windows are counted: every lit one has a name in the script.",
        (
            P("market-night.jpg", "Violet city towers with scattered warm windows under a full moon, the sky turning orange at the bottom.", focus=(0.4, 0.5)),
            P("market-blue-hour.jpg", "Dark blue towers with yellow windows before a pale horizon, a cream moon above.", "Blue hour."),
            P("market-noon.webp", "Sand-coloured and brown towers in flat noon light under a pale blue sky.", "Noon, shutters closed."),
            P("market-values.png", "The first view of the towers in a few greys, only the moon and the windows light.", "Value study."),
        ),
        ("City", "VisualDevelopment", "Night"), ("Visual development",),
    ),
    Piece(
        "cabin-no-signal", "ines", "Cabin, No Signal", 2025, GOUACHE, "Gouache, Procreate", "60 × 45 cm",
        "From La Gardienne: where the letters come from. The trunks were drawn with a comb.",
        (P("cabin-no-signal.avif", "A small brown cabin with a lit window and a lit door between tall grey trunks in morning fog.", focus=(0.55, 0.7)),),
        ("Forest", "PictureBook", "Mist"), ("La Gardienne", "Landscapes"),
    ),
    Piece(
        "salt-road", "ines", "Salt Road", 2024, DIGITAL, "Procreate", "Screen",
        "Four colours and patience. The road is there; it is the part without a shadow.",
        (P("salt-road.jpg", "Pale sand dunes with soft brown shadows under a green-blue sky and a white sun."),),
        ("Desert", "Landscape"), ("Landscapes",),
    ),
    Piece(
        "kitchen-study", "ines", "Kitchen Study", 2024, "Gouache", "Gouache", "25 × 25 cm",
        "One hour before dinner, with the dinner. Given away under CC BY: teach with it.",
        (P("kitchen-study.jpg", "A blue vase with a spiky plant, an ochre pot, a white bottle, two red fruits and a yellow one on a brown table."),),
        ("StillLife", "Gouache", "Study"), ("Studies",), licence="by",
    ),
    Piece(
        "carnival-ii", "ines", "Carnival II", 2024, PAPER, "Cut paper, gouache", "40 × 50 cm",
        "Second of three plates. By four in the morning the mask is the last thing anyone takes off.",
        (P("carnival-ii.jpg", "A bare-chested dancer, shown from the chest up in flat cut paper: black eye mask, "
           "red cheeks, a crown of red, yellow and white feathers, on dark blue.", focus=(0.5, 0.38)),),
        ("PaperCut", "Portrait", "Carnival"), ("Studies",), rating="mature", content_warning="Nudity",
    ),
    Piece(
        "wind-map", "ines", "Wind Map", 2024, DIGITAL, "Own code, Procreate", "Screen",
        "The wind over the Rhône on the third of November, five thousand strokes. Drawn with rules that @zofia lent me.",
        (P("wind-map.jpg", "Thousands of curling brush strokes in deep blue, teal, sand and a little orange, like currents seen from above."),),
        ("Abstract", "Generative"), ("Studies",),
    ),
    Piece(
        "tilework", "ines", "Tilework", 2024, "Screen print", "Own code, screen print", "50 × 60 cm",
        "Thirty tiles from the stairwell of a school. No two floors are the same.",
        (P("tilework.webp", "A grid of five by six tiles: quarter circles, discs, triangles and bars in red, yellow, navy, blue, sage and cream."),),
        ("Pattern", "ScreenPrint"), ("Studies",),
    ),
    Piece(
        "autumn-pass", "ines", "Autumn Pass", 2024, GOUACHE, "Gouache, Procreate", "40 × 50 cm",
        "The road closes on the first of October. I went on the second.",
        (P("autumn-pass.webp", "Copper mountain ridges, darker towards the front, and brown pines under a pale sun.", focus=(0.4, 0.3)),),
        ("Mountains", "Autumn"), ("Landscapes",),
    ),
    Piece(
        "first-snow", "ines", "First Snow", 2024, DIGITAL, "Procreate", "Screen",
        "For La Gardienne, endpaper. Ten greys, and you can still tell it is cold.",
        (P("first-snow.avif", "Grey-blue ridges dissolve into a white sky with a faint sun over a dark pine forest."),),
        ("Winter", "PictureBook"), ("La Gardienne", "Landscapes"),
    ),
    Piece(
        "low-tide", "ines", "Low Tide", 2023, GOUACHE, "Gouache, Procreate", "45 × 60 cm",
        "The boat is waiting for the water, the water for the moon.",
        (P("low-tide.jpg", "A sailing boat under a violet sky; the low sun’s path is broken into strokes on dark purple water.", focus=(0.5, 0.45)),),
        ("Seascape", "Gouache"), ("Landscapes",),
    ),
    Piece(
        "orchard-fire", "ines", "Orchard Fire", 2023, DIGITAL, "Own code, Procreate", "Screen",
        "Controlled burning, seen from the upper road. The trees were fine.",
        (P("orchard-fire.jpg", "Swirling brush strokes of dark red, orange and straw yellow, like flames running over a field."),),
        ("Abstract", "Generative"), ("Studies",),
    ),
    Piece(
        "harbour-grid", "ines", "Harbour Grid", 2023, DIGITAL, "Procreate", "Screen",
        "View from the ferry’s upper deck in fog, forty minutes late. Background for an animated short.",
        (P("harbour-grid.webp", "Blue-grey towers with pale windows in five layers of haze, a cream sun in a light sky."),),
        ("City", "VisualDevelopment"), ("Visual development",),
    ),
    Piece(
        "paper-garden", "ines", "Paper Garden", 2023, PAPER, "Cut paper, knife", "40 × 50 cm",
        "Cover for a seed catalogue; the client grew everything on it.",
        (P("paper-garden.jpg", "Cut-paper leaves in pink, coral, cream and teal before a yellow disc on navy."),),
        ("PaperCut", "Plants"), ("Picture books",),
    ),
    Piece(
        "red-planet-picnic", "ines", "Red Planet Picnic", 2023, DIGITAL, "Procreate", "Screen",
        "Five plates for a picture book about packing too little. They forgot the salt.",
        (
            P("red-planet-picnic.jpg", "Two small figures in round helmets sit on a striped blanket among orange dunes under a maroon sky.", focus=(0.28, 0.75)),
            P("picnic-morning.jpg", "Empty apricot dunes under a pale morning sky with a white sun.", "Morning."),
            P("picnic-storm.jpg", "Empty rust-brown dunes under a dusty brown sky, the sun small and dim.", "A storm is coming."),
            P("picnic-night.jpg", "The two figures on their striped blanket among violet dunes at night.", "Nobody wants to go home."),
            P("picnic-values.png", "The first plate in six greys: only the blanket, the helmets and the sun are light.", "Value study."),
        ),
        ("PictureBook", "ScienceFiction"), ("Picture books", "Visual development"),
    ),
    Piece(
        "shelf", "ines", "Shelf", 2023, "Gouache", "Gouache", "40 × 30 cm",
        "Left as the last tenant left it.",
        (P("shelf.tif", "A yellow vase with spiky leaves, a red pot, a green bottle and three round fruits on a light shelf before a dark wall."),),
        ("StillLife", "Gouache"), ("Studies",), licence="by-nc-nd",
    ),
    Piece(
        "pine-choir", "ines", "Pine Choir", 2023, GOUACHE, "Gouache, Procreate", "40 × 60 cm",
        "The wood hums before rain. Everyone in the village says so.",
        (P("pine-choir.avif", "Tall dark trunks stand close together in blue mist over a mossy floor."),),
        ("Forest", "Mist"), ("Landscapes",),
    ),
)  # fmt: skip

OTHERS = (
    Piece(
        "keeper-of-keys", "tomas", "The Cat Who Kept the Keys", 2026, "Ink and one colour", "Brush pen, Clip Studio Paint", "Scroll, 900 × 4200",
        "A whole story without a word. For everyone who has ever been let in at night by someone with four legs. #Comic",
        (P("keeper-of-keys.png", "A wordless comic in six panels, top to bottom. A dark house with one lit window under the moon. "
           "A black cat on the sill, looking out. Three keys on hooks, the middle one glowing. The cat in a long leap. "
           "The cat in an open door, light falling past it. A person and the cat before a huge moon; the cat holds something golden.", focus=(0.5, 0.25)),),
        ("Comic", "Cat", "Ink"), ("Strips",),
    ),
    Piece(
        "wires", "tomas", "Wires", 2025, "Ink and wash", "Brush, Indian ink", "60 × 40 cm",
        "Ten crows, and one who was told it could not sit here. It did not ask twice.",
        (P("wires.jpg", "Black crows sit on five sagging wires between two telegraph poles under a pale evening sky; among them one white bird."),),
        ("Ink", "Birds"), ("Ink",),
    ),
    Piece(
        "one-red", "tomas", "One Red", 2025, DIGITAL, "Clip Studio Paint", "48 × 60 cm",
        "The square below my window, noon, rain. I waited three weeks for her to come back. Yellow version for @bea.",
        (
            P("one-red.jpg", "A wet square from straight above in slanting rain: dark grey umbrellas and a single red one.", focus=(0.6, 0.41)),
            P("one-red-yellow.webp", "The same square on a lighter day: blue-grey umbrellas and a single yellow one.", "For Bea’s kitchen.", (0.6, 0.41)),
        ),
        ("City", "Rain"), ("Ink",), licence="by-nc-nd",
    ),
    Piece(
        "nine-indigos", "yuki", "Nine Indigos", 2026, "Woodblock print", "Cherry block, nine indigos, vermilion", "38 × 38 cm",
        "Each row of waves is one dip darker than the last. Edition of 40; the block is retired. #Woodblock",
        (P("nine-indigos.webp", "Rows of overlapping wave scales, from pale blue at the horizon to deep indigo below, before a large red sun on cream paper.", focus=(0.66, 0.4)),),
        ("Woodblock", "Waves", "Print"), ("Blocks",),
    ),
    Piece(
        "bamboo-morning", "yuki", "Bamboo, Before Eight", 2025, "Woodblock print", "Cherry block, four greens", "20 × 40 cm",
        "Four greens, printed wet in wet so that the far stalks never quite dry.",
        (P("bamboo-morning.avif", "Tall bamboo in fog: dark green stalks in front, pale ones behind, a few leaves, a faint round sun."),),
        ("Woodblock", "Plants"), ("Blocks",),
    ),
    Piece(
        "grey-heron", "yuki", "Grey Heron, Not Moving", 2025, "Woodblock print", "Cherry block, bokashi", "30 × 40 cm",
        "I drew it for an hour. It moved when I put the pencil away.",
        (P("grey-heron.jpg", "A white and grey heron with a black crest and a yellow bill stands in still water before a large moon, reeds on both sides.", focus=(0.52, 0.36)),),
        ("Birds", "Woodblock", "Night"), ("Blocks", "Water birds"), licence="by-nc-nd",
    ),
    Piece(
        "stairwell", "omar", "Stairwell, Plateau", 2026, "Photograph, painted over", "35 mm camera, Affinity Photo", "48 × 60 cm",
        "A ministry from 1952, fourth floor, looking down. The guard counts the steps for visitors: one hundred and four.",
        (P("stairwell.jpg", "A winding stair seen from its top: pale stone steps and a dark rail spiral down into a black centre.", focus=(0.52, 0.47)),),
        ("Architecture", "Spiral"), ("Stone and Noon",),
    ),
    Piece(
        "seven-arches", "omar", "Seven Arches", 2026, "Photograph, painted over", "35 mm camera, Affinity Photo", "48 × 60 cm",
        "Noon, when the sun puts a step of light under every arch. He was there before me and did not turn round. #Architecture",
        (P("seven-arches.jpg", "Terracotta arches one inside the other, bars of sun on the floor; at the end a small dark figure before sand, sea and sky.", focus=(0.56, 0.6)),),
        ("Architecture", "Light"), ("Stone and Noon",),
    ),
    Piece(
        "corniche", "omar", "Corniche, Eleven Frames", 2025, "Panorama", "35 mm camera, stitched and painted over", "240 × 44 cm",
        "Walked from sunrise on the left to noon on the right, one frame every four hundred metres. The boats are where they were.",
        (P("corniche.jpg", "A very wide view of a seaside town: white, sand and terracotta houses, two white towers with green tops, palms along the shore, "
           "many small coloured boats on turquoise water. The sky goes from rosy on the left to clear blue on the right."),),
        ("Panorama", "City", "Seascape"), ("Stone and Noon",),
    ),
    Piece(
        "last-bus", "bea", "Last Bus", 2026, DIGITAL, "Procreate", "Screen",
        "Line 4, five passengers, nobody talks, everybody is warm. For @tomas, who always misses it.",
        (P("last-bus.jpg", "A red bus on a wet street at night in the rain; five people sit in its bright yellow windows, two street lamps glow.", focus=(0.5, 0.5)),),
        ("City", "Night", "Rain"), ("Small comforts",),
    ),
    Piece(
        "keeper-loop", "bea", "Keeper’s Loop", 2026, "Animation", "Procreate Dreams, 24 frames", "560 × 700",
        "A lamp for @ines’s book launch: it turns once every two seconds and never arrives. #Animation",
        (P("keeper-loop.gif", "An animation: a red and white lighthouse on a black rock at night turns its beam in a full circle under a crescent moon.", focus=(0.5, 0.35)),),
        ("Animation", "Lighthouse"), ("Small comforts",),
    ),
    Piece(
        "small-comforts", "bea", "Small Comforts", 2025, "Stickers", "Procreate, die-cut vinyl", "7 × 7 cm each",
        "Three stickers for the inside of a cupboard door. Print them for yourself and for friends.",
        (
            P("sleeping-fox.png", "A sticker with a white edge on a transparent ground: an orange fox curled up asleep, its head on its tail."),
            P("mushroom-house.png", "A sticker: a red mushroom with white dots, a brown door and a small round lit window, grass at its foot."),
            P("blue-teapot.png", "A sticker: a blue teapot with white dots and a yellow knob, two curls of steam above it."),
        ),
        ("Stickers", "Fox"), ("Small comforts",), licence="by",
    ),
    Piece(
        "moths", "zofia", "Twelve Moths That Are Not", 2026, "Scientific illustration", "Watercolour, own code", "40 × 50 cm",
        "None of these has ever been caught: the patterns follow the growth rules of real wings with other numbers. #SciArt",
        (
            P("moths.tif", "A plate of twelve moths in three columns on aged paper, wings spread, in brown, green, lilac, yellow, red and blue."),
            P("moth-1.png", "A brown moth with sand bands, dark edges and teal eyespots on a cream ground.", "No. 1."),
            P("moth-2.webp", "A green moth with cream bands and orange eyespots on a pale green ground.", "No. 2."),
            P("moth-3.webp", "A lilac moth with violet bands and yellow eyespots on a pale lilac ground.", "No. 3."),
            P("moth-4.webp", "A yellow moth with pale bands and dark red eyespots on a straw ground.", "No. 4."),
            P("moth-5.webp", "A red moth with salmon bands and yellow eyespots on a pale rose ground.", "No. 5."),
            P("moth-6.webp", "A blue moth with pale bands and orange eyespots on a grey-blue ground.", "No. 6."),
        ),
        ("SciArt", "Moths", "Generative"), ("Plates",),
    ),
    Piece(
        "aurora", "zofia", "Zorza nad jeziorem", 2026, "Digital, Display P3", "Own code, Krita", "Screen, wide gamut",
        "Oxygen is greener than most screens can say. On a wide-gamut display this one comes close.",
        (P("aurora.jpg", "Curtains of bright green light with violet tips over dark hills; a lake repeats them, a lone figure sits in a small boat with an orange light.", focus=(0.4, 0.4)),),
        ("Aurora", "WideGamut", "Night"), ("Sky",), language="pl",
    ),
    Piece(
        "totality", "zofia", "Totality, 16 Bits", 2026, "Digital, 16-bit grey", "Own code", "1600 × 1600",
        "Two minutes and eleven seconds, as brightness only. Sixteen bits, because eight would show steps in the corona. Free for any use.",
        (P("totality.png", "A black disc in a soft white corona with long rays on black; one bright bead at the upper right edge."),),
        ("Astronomy", "SciArt"), ("Sky",), licence="cc0", reservation="open",
    ),
    Piece(
        "island", "zofia", "Map of an Island That Is Nowhere", 2025, "Cartography", "Own code, QGIS", "60 × 40 cm",
        "Heights from six layers of noise, contours every forty-five metres. Use it for your story; it belongs to nobody.",
        (P("island.jpg", "A map of one large island: green coast, brown hills, pale snowy heights with contour lines, water lines around it, a small compass."),),
        ("Map", "Generative", "SciArt"), ("Plates",), licence="cc0", reservation="open",
    ),
)  # fmt: skip

WORKS: tuple[Piece, ...] = INES + OTHERS
