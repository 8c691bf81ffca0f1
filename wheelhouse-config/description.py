"""Makes the package page of README.md: its links lead to the repository.

setup.py asks for it. description.py WHEEL renders what a wheel holds, as the index does, and looks
at each link.
"""

import email
import re
import sys
import tomllib
import zipfile
from html.parser import HTMLParser
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LINK = re.compile(r"(!?)\[([^\]]*)\]\((?!https?:|#)([^)\s]+)\)")


def repository() -> str:
    """The address of the repository, which pyproject.toml says."""
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    address: str = tomllib.loads(text)["project"]["urls"]["Repository"]
    return address


def description(version: str) -> str:
    """README.md for the page of a version: relative links become those of the version's tag."""

    def absolute(match: re.Match[str]) -> str:
        image, text, target = match.groups()
        kind = "raw" if image else "blob"
        return f"{image}[{text}]({repository()}/{kind}/v{version}/{target})"

    return LINK.sub(absolute, (ROOT / "README.md").read_text(encoding="utf-8"))


class Links(HTMLParser):
    """Collects where a page's links and images lead."""

    def __init__(self) -> None:
        """None yet."""
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note it."""
        self.found += [value or "" for name, value in attrs if name in ("href", "src")]


def anchors(markdown: str) -> set[str]:
    """The names by which headings are linked to."""
    words = re.findall(r"^#+ (.+)$", re.sub(r"^```.*?^```", "", markdown, flags=re.M | re.S), re.M)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in words}


def faults(text: str, links: list[str], version: str) -> list[str]:
    """Say which links of a description lead nowhere."""
    found = []
    own = re.compile(
        rf"{re.escape(repository())}/(?:blob|raw)/v{re.escape(version)}/([^#]+)(?:#(.+))?"
    )
    for link in links:
        if link.startswith("#"):
            if link[1:].removeprefix("user-content-") not in anchors(text):
                found.append(f"{link}: no such heading")
        elif match := own.fullmatch(link):
            file = ROOT / match[1]
            if not file.exists():
                found.append(f"{link}: there is no {match[1]}")
            elif match[2] and match[2] not in anchors(file.read_text(encoding="utf-8")):
                found.append(f"{link}: {match[1]} has no such heading")
        elif not link.startswith("https://"):
            found.append(f"{link}: leads nowhere from another site")
    return found


def main() -> int:
    """Render the description of a wheel and judge its links."""
    if len(sys.argv) != 2 or sys.argv[1] in ("-h", "--help"):
        sys.exit(__doc__)
    from readme_renderer import markdown

    with zipfile.ZipFile(sys.argv[1]) as archive:
        (name,) = (n for n in archive.namelist() if n.endswith(".dist-info/METADATA"))
        metadata = email.message_from_bytes(archive.read(name))
    text = metadata.get_payload()
    page = markdown.render(text)
    if page is None:
        sys.exit("description: the page cannot be rendered")
    links = Links()
    links.feed(page)
    project = [line.partition(", ")[2] for line in metadata.get_all("Project-URL") or ()]
    found = faults(text, links.found, metadata["Version"])
    found += [
        f"{link}: not of the repository" for link in project if not link.startswith(repository())
    ]
    print(
        "\n".join(found)
        or f"description: {len(links.found)} links, and {len(project)} of the project"
    )
    return bool(found) or not project or not links.found


if __name__ == "__main__":
    sys.exit(main())
