"""The tables of the scenario's elements and attributes, read from what `tokenworks check --describe` prints."""
import dataclasses
import re
import subprocess


@dataclasses.dataclass
class Attribute:
    name: str
    kind: str  # "text", "path", "number", "whole number", "true or false", "choice", or a quantity: "time", "rate", ...
    choices: list
    default: str | None
    required: bool


@dataclasses.dataclass
class Element:
    name: str
    attributes: list
    children: list  # of (name, least, most)
    parameters: dict  # by choice: names and defaults of what its help calls parameters


COUNTS = {"once": (1, 1), "at most once": (0, 1), "once or more": (1, 3), "any number": (0, 2)}
ATTRIBUTE = re.compile(r'  (\S+) +(.*); (required|optional|default "(.*?)")(; option .*)?$')


def read_kind(text):
    """Returns the kind of an attribute, and its choices, from what stands last in its help."""
    if match := re.search(r"(?:^|; )one of ([^;]*)$", text):
        return "choice", match.group(1).split(", ")
    if match := re.search(r"(?:^|; )an? (\w+)\b[^;]*, such as [^;]*$", text):
        return match.group(1), []
    if match := re.search(r"(?:^|; )a ((?:whole )?number)\b[^;]*$", text):
        return match.group(1), []
    return re.search(r"(?:^|; )([^;]*)$", text).group(1), []


def read(program):
    """Returns the elements by name, each a list: a name that stands for two elements has the inner one last."""
    text = subprocess.run([program, "check", "--describe"], check=True, capture_output=True, text=True).stdout
    elements = {}
    for block in text.split("\n\n"):
        lines = block.strip("\n").splitlines()
        if not lines or not (head := re.match(r"<(\S+)>", lines[0])):
            continue
        element = Element(head.group(1), [], [], {})
        for line in lines[1:]:
            if match := re.match(r"  <(\S+)>  (.*)$", line):
                element.children.append((match.group(1), *COUNTS[match.group(2)]))
            elif match := ATTRIBUTE.match(line):
                kind, choices = read_kind(match.group(2))
                element.attributes.append(Attribute(match.group(1), kind, choices, match.group(4), match.group(3) == "required"))
            elif match := re.match(r"    (\S+) .*Parameters: (.*)$", line):
                element.parameters[match.group(1)] = re.findall(r"([a-z-]+) \(([\d.e+]+)\)", match.group(2))
            elif not line.startswith("    "):
                raise ValueError(f"the description has a line that is not understood: {line}")
        elements.setdefault(element.name, []).append(element)
    return elements
