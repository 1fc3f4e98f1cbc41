"""The images that a header lists, and which of them shows the heights of the film."""

import re
from collections.abc import Iterator
from typing import NamedTuple

from micrograph.errors import UserError
from micrograph.scans.height_map import ReadOptions
from micrograph.scans.nanoscope.header import Header, OldVersionError, Section, truncated_header

IMAGE_DATA = re.compile(r'\S+\s+(?:\[(?P<internal>[^\]]{0,60})\]\s*)?"(?P<title>[^"]{0,60})"')
MAX_TITLE = 60
MAX_LISTED = 12
FIRST_KNOWN_VERSION = 0x04300000  # from here on images name their channel under a key with @
PASSES = ("main", "", "interleave")  # values of Image.scan_line, the film's first
INTERLEAVE = " (Interleave)"  # behind the name of a channel: its image of the interleave pass (lift)


class ForceCurveError(UserError):
    """The file is a force curve or force volume without an image."""


class ChannelError(UserError):
    """The file has no image of the requested channel and direction."""


class Image(NamedTuple):
    """One image section.

    Attributes
    ----------
    values : dict of str to str
        Its keys, in lower case, and their values.
    number : str
        Number in the keys of its channel: "2" of ``@2:Z scale``; empty in old versions, whose keys have none.
    internal, title : str
        The two names of its channel.
    scan_line : {"main", "interleave", ""}
        The pass of the scan; an interleave (lift) pass is not an image of the film. Empty where the header does not
        say.
    """

    values: Section
    number: str
    internal: str
    title: str
    scan_line: str

    @property
    def direction(self) -> str:
        """Scan direction as a height map holds it: "Trace", "Retrace" or what else the header says."""
        return self.values.get("line direction", "").strip().capitalize()[:20]

    @property
    def name(self) -> str:
        """Name for people and `scans.channels`."""
        return (self.title or self.internal) + (INTERLEAVE if self.scan_line == "interleave" else "")

    def is_named(self, name: str) -> bool:
        """Return whether `name` is one of the image's two names, with INTERLEAVE appended for an interleave pass."""
        suffix = INTERLEAVE if self.scan_line == "interleave" else ""
        return name in (f"{self.internal}{suffix}", f"{self.title}{suffix}")


def list_images(header: Header) -> list[Image]:
    """Return the images of a file, those of the main pass first.

    Parameters
    ----------
    header : Header
        The header of the file.

    Returns
    -------
    list of Image

    Raises
    ------
    UserError
        If there is none: a truncated header, a force curve, an old version, an unknown one.
    """
    images = [image for name, values in header.sections if is_image_list(name) for image in _images(name, values)]
    if images:
        return sorted(images, key=lambda image: PASSES.index(image.scan_line))
    if header.truncated:
        raise truncated_header(header.path)
    if "force" in " ".join(name.casefold() for name, _ in header.sections):
        raise ForceCurveError(
            f"{header.path}: this is a force curve or force volume without an image; remove it from the scans."
        )
    if header.version < FIRST_KNOWN_VERSION:
        raise old_version(header, "its header lists no image")
    raise ChannelError(f"{header.path}: its header lists no image in a known version of the format; export it again.")


def is_image_list(section_name: str) -> bool:
    """Return whether a section is of an image, and not of a force curve."""
    return section_name.casefold().endswith("image list") and "force" not in section_name.casefold()


def choose_images(header: Header, options: ReadOptions) -> Iterator[Image]:
    """Yield the images of the requested channels in admitted directions, the preferred first.

    Parameters
    ----------
    header : Header
        The header of the file.
    options : ReadOptions
        Channels, by either of their names, and direction.

    Yields
    ------
    Image

    Raises
    ------
    ChannelError
        If there is none; the message says whether there is one of an interleave pass.
    """
    images, directions, found = list_images(header), options.admitted_directions(), False
    for name in options.channels:
        of_name = [image for image in images if image.is_named(name) and image.direction in directions]
        found = found or bool(of_name)
        yield from sorted(of_name, key=lambda image: (PASSES.index(image.scan_line), directions.index(image.direction)))
    if found:
        return
    requested = " or ".join(f"'{name}'" for name in options.channels)
    of_direction = "" if options.direction == "any" else f" in direction '{options.direction}'"
    lifted = [image.name for image in images if image.name.endswith(INTERLEAVE)]
    lift = next((name for name in lifted if name.removesuffix(INTERLEAVE) in options.channels), "")
    note = f", but an interleave (lift) pass, which does not show the film, as '{lift}'" if lift else ""
    raise ChannelError(
        f"{header.path}: no channel {requested}{of_direction}{note} (available: {available(header)}); "
        "set scans.channels and scans.direction."
    )


def available(header: Header) -> str:
    """Return names and directions of the images of a file, for messages."""
    names = [f"'{image.name}' {image.direction}".rstrip() for image in list_images(header)]
    more = [f"{len(names) - MAX_LISTED} more"] if len(names) > MAX_LISTED else []
    return ", ".join(names[:MAX_LISTED] + more)


def old_version(header: Header, reason: str) -> OldVersionError:
    """Return the error for a file of an old version whose rules are not known here."""
    version = header.version_name or "before 4"
    return OldVersionError(
        f"{header.path}: a NanoScope file of the old version {version}, and {reason}; "
        "open it in NanoScope Analysis or Gwyddion and save it again."
    )


def _images(section_name: str, values: Section) -> Iterator[Image]:
    """Yield the image of an image section, nothing where it names no channel."""
    scan_line = _scan_line(section_name, values)
    for key, value in values.items():
        match = IMAGE_DATA.match(value) if re.fullmatch(r"@\d+:image data", key) else None
        if match:
            yield Image(values, key[1 : key.index(":")], match["internal"] or "", match["title"], scan_line)
    if old := values.get("image data", "").strip(' "')[:MAX_TITLE]:
        yield Image(values, "", "", old, scan_line)


def _scan_line(section_name: str, values: Section) -> str:
    """Return the pass of the scan that a section states, in any spelling: Main, Interleave, Interleaved, Lift."""
    stated = [value for key, value in values.items() if re.fullmatch(r"(@\d*:?)?scan line", key)]
    text = " ".join([section_name, *stated]).casefold()
    if "interleave" in text or re.search(r"\blift", text):
        return "interleave"
    return "main" if "main" in text else ""
