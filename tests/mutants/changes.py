"""Finds the changes of one token that result-bearing code can suffer, and draws from them by a seed."""
import random
import re

# The files whose every token may bear on results.
RESULT_BEARING = (
    "sim/base/*.c", "sim/collectives/*.c", "sim/energy/*.c", "sim/engine/*.[ch]", "sim/kv/*.c", "sim/log/*.c",
    "sim/network/*.c", "sim/network/*/*.c", "sim/placement/*.c", "sim/power/*.c", "sim/router/*.c", "sim/site/*.c", "sim/site/*/*.c", "sim/steptime/*.c",
    "sim/run/summary*.c", "workloads/draw/*.c", "workloads/stream/*.c")
# The cores of the published guarantee.
CORES = {"scheduler": ("sim/engine/scheduler*.c", "sim/engine/batching*.c", "sim/engine/waiting.c", "sim/engine/decoding.c",
                       "sim/engine/sequence.c", "sim/engine/sglang_prompts.c", "sim/engine/gaps.c"),
         "KV cache": ("sim/kv/*.c",),
         "log core": ("sim/log/*.c",)}

# What a token may become. The formatter puts a space on both sides of binary operators, and on no others.
OPERATORS = {
    "+": ["-"], "-": ["+"], "*": ["/"], "/": ["*"], "%": ["*"], "<": ["<=", ">"], "<=": ["<"], ">": [">=", "<"],
    ">=": [">"], "==": ["!="], "!=": ["=="], "&&": ["||"], "||": ["&&"], "+=": ["-="], "-=": ["+="], "*=": ["/="]}
WORDS = {"MIN": ["MAX"], "MAX": ["MIN"], "fmin": ["fmax"], "fmax": ["fmin"], "ceil": ["floor"], "floor": ["ceil"],
         "true": ["false"], "false": ["true"], "TRUE": ["FALSE"], "FALSE": ["TRUE"]}
TOKEN = re.compile(r"""
    (?P<skip> //[^\n]* | /\*.*?\*/ | "(?:\\.|[^"\\])*" | '(?:\\.|[^'\\])*' | ^[ ]*\#(?:\\\n|[^\n])* )
  | (?P<number> (?<![\w.]) (?:0x[0-9a-fA-F]+ | \d+\.?\d*(?:[eE][-+]?\d+)?) (?P<suffix>[uUlLfF]*) (?![\w.]) )
  | (?P<operator> (?<=[ ]) (?:[-+*/]=|[-+*/%]|<=|>=|==|!=|<|>|&&|\|\|) (?=[ \n]) )
  | (?P<word> \b[A-Za-z_]\w*\b )""", re.VERBOSE | re.DOTALL | re.MULTILINE)
# Statements that state what holds anyway, or that only speak. What takes and frees memory is the sanitizers' to watch.
SILENT = re.compile(r"\s*(g_assert|static_assert|_Static_assert|g_return|g_warn|g_set_error|g_print|g_string_append_printf)")
FREEING = re.compile(r"^(?:static )?void \w*(?:free|clear|destroy)\w*\(.*?^}", re.DOTALL | re.MULTILINE)
TAKING = re.compile(r"\bg_(?:new0?|malloc0?|realloc|memdup2|array_new|array_sized_new)\([^;]*?\)[;,})]")


def change_number(text, suffix):
    digits = text[:len(text) - len(suffix)] if suffix else text
    if digits.startswith("0x"):
        return [hex(int(digits, 16) + 1) + suffix]
    if re.fullmatch(r"\d+", digits):
        return [str(int(digits) + 1) + suffix] + ([str(int(digits) - 1) + suffix] if int(digits) > 0 else [])
    return [repr(float(digits) * 1.25 if float(digits) else 1.0) + suffix]


def find_changes(text):
    """Returns every change of one token: the token's start and end, and what it becomes."""
    changes = []
    memory = [match.span() for pattern in (FREEING, TAKING) for match in pattern.finditer(text)]
    for match in TOKEN.finditer(text):
        start, end = match.span()
        if any(first <= start < last for first, last in memory):
            continue
        line = text[text.rfind("\n", 0, start) + 1:text.find("\n", end)]
        if match["skip"] or SILENT.match(line):
            continue
        if match["number"]:
            new = change_number(match["number"], match["suffix"])
        elif match["operator"]:
            new = OPERATORS.get(match["operator"], [])
        else:
            new = WORDS.get(match["word"], [])
        changes += [(start, end, token) for token in new]
    return changes


def files_of(tree, patterns):
    return sorted({path.relative_to(tree) for pattern in patterns for path in tree.glob(pattern)})


def draw(tree, seed, patterns):
    """Draws one change after the other of the files of a tree: each as likely as any, and never one token twice."""
    chance = random.Random(seed)
    files = files_of(tree, patterns)
    everything = [(path, change) for path in files for change in find_changes((tree / path).read_text())]
    print(f"{len(everything)} changes of {len(files)} files; seed {seed}", flush=True)
    chance.shuffle(everything)
    seen = set()
    for path, change in everything:
        if (path, change[0]) not in seen:
            seen.add((path, change[0]))
            yield path, change
