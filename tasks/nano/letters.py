"""Latin letters in 28 display families of one weight each, upper and lower case of a letter alike.

No family is on two sides.
"""

from collections.abc import Iterator
from hashlib import sha256
from string import ascii_letters, ascii_lowercase

from benchmark.data.home import sha256_text
from benchmark.data.imageset import Sample
from benchmark.data.render import Typeface
from benchmark.data.source import Library, Source
from benchmark.data.split import split_groups
from benchmark.registry import TASKS
from tasks.task import Task, TaskSpec

#: Family, version and hash of its package @expo-google-fonts/FAMILY.
PINS = """
abril-fatface 0.4.1 a0d5b1fe037b5557bc6eddc7ea3a5f9ada915eaf73112ac8c190c90e0514fc6b
alex-brush 0.4.1 c051fdd0c1fbc31cdee9ca0319c58d4c81060d12ac224ddeb0a81d7397e93f76
bangers 0.4.1 bedff275786fa86283640c4d3d18dac54afbde90c72bdc8342e5b643ca935553
bubblegum-sans 0.4.1 e2e4d2ad26372c02b78bc74dda737631b93460ee89215aabcaac852622866e84
carter-one 0.4.1 8d10f7f0a96195b55554c29b2c5fb855e02a0dc6333274bde9bd396177b59325
finger-paint 0.4.1 242a09e0d4927bfe690f88589cd660df4a0a9c5592b409f7919e374cc56b428f
gloria-hallelujah 0.4.1 746e19cc7517435917944188f31f4e4d4fb6a4df4fa98f33e2cd5370fa2fc224
gochi-hand 0.4.2 73d059a6b50f622031ad529a91bbb97abed6eaa3f45b13d8ace6d8078b103876
great-vibes 0.4.1 d117f1f42d10ba8eeab629a7badd6238de7d6a5b391783e7f99c991290c075e3
im-fell-english-sc 0.4.0 1aff6ecc4536389030dd3289575375bcdf8ee452026ad6ddbb40a7860b874725
indie-flower 0.4.1 f51493cb301ac7a8b61e86bea3cd59694c0c900dd9c4ba3caf30f1cfc134471d
italiana 0.4.1 d71dbde5626af6b53b6b331e741a5a3b9cb757cf49284ed9cf29bb413d19126d
jersey-10 0.4.1 b3dc8107ee4045049e8b51bb20a979198c33e6566c3a578f20a2bba50bfe01a7
lilita-one 0.4.1 cb1fd5a0910b9e8d4bcb3b86b3f6cf7df247fe47706b2ca661d4eee9d0bac678
lobster 0.4.1 4e7e547d76af49b554c23565bbf965f0757196da6ac3f755a3be89c37179d4be
marck-script 0.4.1 f7099cea8a0ad56c486cb43115b028a6b6d61206016dd53fca92ec105d686560
monoton 0.4.1 78f7d7758d73a489dacf4750ea67680010b11d4635069fb95b889357651b4496
pacifico 0.4.1 0db305f7c2a715a876071a53dc42b847e73d5072ca0853e1e4991164ab06d83f
patrick-hand 0.4.1 94b76c78752c8c11c36802eeac282c4c467599150800065e426f94e37212b0c5
press-start-2p 0.4.1 d7abf3452a12bc6440800e3df66854beb20e29f732653792e3adfaae992c408c
reenie-beanie 0.4.1 de2ce3e022304c5de19f0710d31a03bc74038a25224d8b14214304e729e700ff
righteous 0.4.1 d45519439e10b34b3c9bb0b9916a706d92b44bec0fd08caeda68bcb6a179a415
russo-one 0.4.1 4067d574f438dcb036ba28e201fb61fabcb2e21ba21b9841a1a26d6d5e732e96
rye 0.4.1 c1d3bc6ee64e49ad10625fcff6f101c3c930a70be171827b208bfaf2e633b5e1
sacramento 0.4.1 9312c8030e7c2b84f02401b750e9df8f66ada7bc22c5efabc858458c1a2c478a
shadows-into-light 0.4.1 c99a4994ff32cd899750a3e2af36dd539b7eeeeac3637c6670997108e0bc7dda
vt323 0.4.1 65d8c2bee16df99479fd14134220598e0c4986b7d7baf11490feae3e2093e0a3
young-serif 0.4.0 b1ec7baa8a8f7142f29a98a0974ecb72994b84019bbc447ba1e85e10eeef1a78
"""

#: Who made it, after the licence file in the package.
BY = """
abril-fatface: TypeTogether
alex-brush: The Alex Brush Project Authors
bangers: The Bangers Project Authors
bubblegum-sans: Angel Koziupa
carter-one: Vernon Adams
finger-paint: Ralph du Carrois
gloria-hallelujah: Kimberly Geswein
gochi-hand: Juan Pablo del Peral
great-vibes: The Great Vibes Pro Project Authors
im-fell-english-sc: Igino Marini
indie-flower: The Indie Flower Authors
italiana: Santiago Orozco
jersey-10: The Soft Type Project Authors
lilita-one: Juan Montoreano
lobster: The Lobster Project Authors
marck-script: Denis Masharov and Marck Fogel
monoton: Vernon Adams
pacifico: The Pacifico Project Authors
patrick-hand: Patrick Wagesreiter
press-start-2p: The Press Start 2P Project Authors
reenie-beanie: James Grieshaber
righteous: Brian J. Bonislawsky, Astigmatic
russo-one: Jovanny Lemonad
rye: Sorkin Type Co
sacramento: Brian J. Bonislawsky, Astigmatic
shadows-into-light: Kimberly Geswein (kimberlygeswein.com
vt323: The VT323 Project Authors
young-serif: The Young Serif Project Authors
"""

_by = dict(line.split(": ") for line in BY.strip().splitlines())
SOURCES = tuple(
    Source(family, "npm", f"@expo-google-fonts/{family}", version, digest, "OFL-1.1", _by[family])
    for family, version, digest in (line.split() for line in PINS.strip().splitlines())
)


@TASKS.register("letters")
class Letters(Task):
    """Which letter it is, in families other than those trained on."""

    spec = TaskSpec(
        name="letters",
        version=1,
        title="which letter it is, in fonts other than those trained on",
        metric="top1",
        classes=tuple(ascii_lowercase),
        sources=SOURCES,
        data_sha256="5f6a11af467df42e54cdfe173b8996dd59424378ef00673f6053ee81747f4da4",
    )

    def build(self, library: Library) -> Iterator[Sample]:
        """Yield 52 letters of each family."""
        families = [source.name for source in SOURCES]
        splits = split_groups("letters", [0] * len(families), families, test=0.4)
        for source, split in zip(SOURCES, splits, strict=True):
            (member,) = (name for name in library.members(source) if name.endswith(".ttf"))
            font = library.read(source, member)
            face = Typeface(font, 32)
            digest = sha256(font).hexdigest()
            for character in ascii_letters:
                yield Sample(
                    f"{source.name}/{character}",
                    face.draw(character),
                    ascii_lowercase.index(character.lower()),
                    split,
                    sha256_text(digest, character),
                    extra={"group": source.name},
                )
