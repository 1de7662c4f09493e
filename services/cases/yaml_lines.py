"""Reads a YAML file into plain data, and remembers on which line each part stands."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

FILE_BYTES_MAX = 256 * 1024
PARTS_MAX = 5_000

Path_ = tuple[str | int, ...]


class NotYaml(Exception):
    """The file cannot be read at all."""

    def __init__(self, line: int, message: str) -> None:
        super().__init__(message)
        self.line, self.message = line, message


@dataclass(frozen=True)
class Document:
    """`data` is dicts, lists, strings, integers, booleans and None; nothing is ever built from a tag."""

    data: Any
    lines: Mapping[Path_, int]

    def line_of(self, path: Path_) -> int:
        """The line of the part at `path`, or of the nearest part around it that is there. From 1."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 1)


def read_document(file: Path) -> Document:
    """Raises `NotYaml`."""
    try:
        if file.stat().st_size > FILE_BYTES_MAX:
            raise NotYaml(1, f"is larger than {FILE_BYTES_MAX // 1024} kB")
        root = YAML(typ="safe", pure=True).compose(file.read_text("utf-8"))
    except UnicodeDecodeError as error:
        raise NotYaml(1, "is not UTF-8 text") from error
    except OSError as error:
        raise NotYaml(1, f"cannot be read: {error.strerror}") from error
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise NotYaml(mark.line + 1 if mark else 1, f"is not YAML: {error.problem or error.context}") from error
    except YAMLError as error:
        raise NotYaml(1, "is not YAML") from error
    if root is None:
        raise NotYaml(1, "is empty")
    lines: dict[Path_, int] = {}
    return Document(_plain(root, (), lines), lines)


def _plain(node: Node, path: Path_, lines: dict[Path_, int]) -> Any:
    # An alias is the same node again: counting the parts bounds what a few lines of aliases can unfold to.
    if len(lines) >= PARTS_MAX:
        raise NotYaml(node.start_mark.line + 1, f"has more than {PARTS_MAX} parts")
    lines.setdefault(path, node.start_mark.line + 1)
    match node:
        case MappingNode():
            return _mapping(node, path, lines)
        case SequenceNode():
            return [_plain(item, (*path, place), lines) for place, item in enumerate(node.value)]
        case ScalarNode():
            return _scalar(node)
        case _:
            raise NotYaml(node.start_mark.line + 1, "has a part we do not know")


def _mapping(node: MappingNode, path: Path_, lines: dict[Path_, int]) -> dict[str, Any]:
    data: dict[str, Any] = {}
    for key, value in node.value:
        line = key.start_mark.line + 1
        if not isinstance(key, ScalarNode):
            raise NotYaml(line, "has a field whose name is not a word")
        if key.value in data:
            raise NotYaml(line, f"says `{key.value}` twice")
        lines[(*path, key.value)] = line
        data[key.value] = _plain(value, (*path, key.value), lines)
    return data


def _scalar(node: ScalarNode) -> Any:
    kind = str(node.tag).rsplit(":", 1)[-1]
    if kind == "null":
        return None
    if kind == "bool":
        return node.value.lower() == "true"
    if kind == "int" and node.value.replace("_", "").isdecimal():
        return int(node.value.replace("_", ""))
    return node.value
