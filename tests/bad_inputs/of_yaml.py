"""YAML's traps, and files that are no config."""

from __future__ import annotations

from pathlib import Path

from bad_inputs.row import CONFIG, Change, Row, edits, large, link, nothing, pipe, writes

RATE, EPOCHS, TARGET = "learning_rate: 0.01", "epochs: 3", "target: y"


def put(name: str, old: str, new: str, says: str, code: int = 2, prints: str = "") -> Row:
    """A value in the place of one of c.yaml."""
    return Row(name, edits("c.yaml", old, new), "validate c.yaml", says, code, prints)


def text(name: str, content: str | bytes, says: str, code: int = 2, prints: str = "") -> Row:
    """Another c.yaml as a whole."""
    return Row(name, writes("c.yaml", content), "validate c.yaml", says, code, prints)


def added(name: str, content: str, says: str, code: int = 2, prints: str = "") -> Row:
    """Lines at the end of c.yaml, from line 8 on."""
    return text(name, CONFIG + content, says, code, prints)


def is_a(name: str, change: Change, says: str, command: str = "validate x.yaml") -> Row:
    """A file that is something else."""
    return Row(name, change, command, says)


BILLION_LAUGHS = "a: &a [x]\n" + "".join(
    f"{new}: &{new} [{','.join(9 * [f'*{old}'])}]\n" for old, new in zip("abcdefgh", "bcdefghi", strict=True)
)

ROWS = [
    # numbers
    put("1e-3 is a number", RATE, "learning_rate: 1e-3", "", 0, "...learning_rate: 0.001..."),
    put("1e2 is a whole number", EPOCHS, "epochs: 1e2", "", 0, "...epochs: 100..."),
    put("1e400", RATE, "learning_rate: 1e400", "c.yaml:6:40  optimizer.learning_rate: 1e400 is larger than any number"),
    put(
        "1e-400 is zero",
        RATE,
        "learning_rate: 1e-400",
        "c.yaml:6:40  optimizer.learning_rate: must be greater than 0 (is 0.0)",
    ),
    put(
        ".nan",
        RATE,
        "learning_rate: .nan",
        "c.yaml:6:40  optimizer.learning_rate: must be a finite number (is not a number)",
    ),
    put(".inf", RATE, "learning_rate: .inf", "c.yaml:6:40  optimizer.learning_rate: must be a finite number (is inf)"),
    put(
        "-.inf", RATE, "learning_rate: -.inf", "c.yaml:6:40  optimizer.learning_rate: must be a finite number (is -inf)"
    ),
    put(
        "nan without a dot",
        RATE,
        "learning_rate: nan",
        "c.yaml:6:40  optimizer.learning_rate: must be a number (is 'nan')",
    ),
    put(
        "a number in quotes",
        RATE,
        "learning_rate: '0.01'",
        "c.yaml:6:40  optimizer.learning_rate: must be a number (is '0.01'); write it without quotes",
    ),
    put(
        "a decimal comma",
        RATE,
        "learning_rate: 0,01",
        (
            "c.yaml:6:40  optimizer.learning_rate: must be greater than 0 (is 0)\n"
            "c.yaml:6:42  optimizer.01: unknown key, known are name, learning_rate, beta1, beta2, epsilon"
        ),
    ),
    put("012", EPOCHS, "epochs: 012", "c.yaml:7:20  training.epochs: 012 is octal to some readers; write 12"),
    put("0x10", EPOCHS, "epochs: 0x10", "c.yaml:7:20  training.epochs: must be a whole number (is '0x10'); write 16"),
    put("0o17", EPOCHS, "epochs: 0o17", "c.yaml:7:20  training.epochs: must be a whole number (is '0o17'); write 15"),
    put(
        "12:30 is no number of minutes",
        EPOCHS,
        "epochs: 12:30",
        "c.yaml:7:20  training.epochs: must be a whole number (is '12:30')",
    ),
    put(
        "1_000",
        EPOCHS,
        "epochs: 1_000",
        "c.yaml:7:20  training.epochs: must be a whole number (is '1_000'); write 1000",
    ),
    put(
        "a number with a unit",
        EPOCHS,
        "epochs: 100 epochs",
        "c.yaml:7:20  training.epochs: must be a whole number (is '100 epochs')",
    ),
    put(
        "a number of 5,000 digits",
        EPOCHS,
        f"epochs: {'9' * 5000}",
        "c.yaml:7:20  training.epochs: a number of 5000 digits; write it shorter",
    ),
    put(
        "a number of 60 digits",
        EPOCHS,
        f"epochs: {'9' * 60}",
        (
            "c.yaml:7:20  training.epochs: must be at most 1000000000 (is "
            "999999999999999999999999999999999999999999999999999999999999)"
        ),
    ),
    put(
        "an exponent of 5,000 digits",
        RATE,
        f"learning_rate: 1e{'9' * 5000}",
        "c.yaml:6:40  optimizer.learning_rate: a number of 5002 digits; write it shorter",
    ),
    # words
    put("no is text", TARGET, "target: no", "points.csv: `data.target`: no column 'no', there are a, b, y"),
    put(
        "yes where a number is expected",
        EPOCHS,
        "epochs: yes",
        "c.yaml:7:20  training.epochs: must be a whole number (is 'yes')",
    ),
    put(
        "on where true is expected",
        TARGET,
        "target: y, split: {shuffle: on}",
        "c.yaml:1:54  data.split.shuffle: must be true or false (is 'on'); write true",
    ),
    put(
        "yes where true or a number is expected",
        EPOCHS,
        "epochs: 3, fast_dev_run: yes",
        ("c.yaml:7:37  training.fast_dev_run: must be true or false or a whole number (is 'yes'); write true"),
    ),
    put(
        "a date where a number is expected",
        EPOCHS,
        "epochs: 2024-01-01",
        "c.yaml:7:20  training.epochs: must be a whole number (is '2024-01-01')",
    ),
    added("a date is a name", "name: 2024-01-01\n", "", 0, "...name: '2024-01-01'..."),
    put(
        "null where a number is expected",
        EPOCHS,
        "epochs: ~",
        "c.yaml:7:20  training.epochs: must be a whole number (is empty)",
    ),
    put(
        "nothing where a number is expected",
        EPOCHS,
        "epochs: ",
        "c.yaml:7:19  training.epochs: must be a whole number (is empty)",
    ),
    # keys
    added(
        "a key twice",
        "seed: 1\nseed: 2\n",
        "c.yaml:9:1  seed: the key is given twice, the first is in line 8; keep one of them",
    ),
    put(
        "a key twice in a flow",
        EPOCHS,
        "epochs: 3, epochs: 4",
        ("c.yaml:7:23  training.epochs: the key is given twice, the first is in line 7; keep one of them"),
    ),
    added("a null key", "~: 1\n", "c.yaml:8:1  ~: unknown key, known are name, seed, data, ..."),
    added(
        "no key",
        ": 1\n",
        (
            "c.yaml:8:1: this is no YAML: expected <block end>, but found ':'; let the entries of a "
            "mapping or list begin in one column, that of 1:1"
        ),
    ),
    added("a number as key", "1: x\n", "c.yaml:8:1  1: unknown key, known are name, seed, data, ..."),
    added("a list as key", "[1, 2]: x\n", "c.yaml:8:1: a key must be a word"),
    added("a mapping as key", "? {a: 1}\n: x\n", "c.yaml:8:3: a key must be a word"),
    added("a merge key", "<<: {seed: 1}\n", "c.yaml:8:1: the merge key << is not allowed; write it out"),
    added(
        "control characters in a key",
        '"\\e[31mred\\a": 1\n',
        "c.yaml:8:1  \\x1b[31mred\\x07: unknown key, known are name, seed, data, ...",
    ),
    put(
        "control characters in a value",
        "tanh",
        '"\\e[2J\\u202e"',
        ("c.yaml:4:30  model.layers.0.activation: unknown name '\\x1b[2J\\u202e', known are gelu, silu, ..."),
    ),
    added("a line break in a key", '"a\\nb": 1\n', "c.yaml:8:1  a\\nb: unknown key, known are name, seed, data, ..."),
    # syntax
    text("a tab", "data:\n\tpath: points.csv\n", "c.yaml:2:1: a tab, where YAML wants spaces; replace it by spaces"),
    text(
        "an open bracket",
        "data: {path: points.csv\nmodel: 1\n",
        ("c.yaml:2:6: this is no YAML: expected ',' or '}', but got ':'; close the bracket that was opened at 1:7"),
    ),
    text(
        "an open quote",
        'data: {path: "points.csv}\n',
        ("c.yaml:2:1: this is no YAML: found unexpected end of stream; close the quotes that were opened at 1:14"),
    ),
    text(
        "a colon too many",
        "data: path: points.csv\n",
        (
            "c.yaml:1:11: this is no YAML: mapping values are not allowed here; put a value that has a "
            "colon and a blank in it in quotes"
        ),
    ),
    text(
        "no blank behind the colon",
        "data:points.csv\n",
        ("c.yaml:1:1: must be a mapping (data: ..., model: ...); write keys, each with a colon, a blank, a value"),
    ),
    text(
        "an indentation that does not fit",
        "data:\n    path: x\n  target: y\n",
        (
            "c.yaml:3:3: this is no YAML: expected <block end>, but found '<block mapping start>'; let "
            "the entries of a mapping or list begin in one column, that of 1:1"
        ),
    ),
    added("a second document", "---\nseed: 1\n", "c.yaml:8:1: a second document begins; one file holds one config"),
    added(
        "text behind the end of the document",
        "...\nseed: 1\n",
        (
            "c.yaml:9:1: this is no YAML: expected '<document start>', but found '<block mapping "
            "start>'; end the file there: it holds one config"
        ),
    ),
    added(
        "an unknown directive",
        "...\n%YAML 3.0\n---\nseed: 1\n",
        (
            "c.yaml:9:1: this is no YAML: found incompatible YAML document (version 1.* is required); "
            "leave the directive out"
        ),
    ),
    added(
        "a tag of Python",
        "seed: !!python/object/apply:os.system ['true']\n",
        ("c.yaml:8:7: the tag tag:yaml.org,2002:python/object/apply:os.system is not allowed; leave it out"),
    ),
    added("a tag of one's own", "seed: !x 1\n", "c.yaml:8:7: the tag !x is not allowed; leave it out"),
    added("an anchor", "seed: &s 1\n", "c.yaml:8:7: the anchor &s is not allowed; write it out"),
    added("an alias of nothing", "seed: *s\n", "c.yaml:8:7: the alias *s is not allowed; write it out"),
    text("an alias cycle", "data: &a [*a]\n", "c.yaml:1:7: the anchor &a is not allowed; write it out"),
    text("an alias bomb", BILLION_LAUGHS, "c.yaml:1:4: the anchor &a is not allowed; write it out"),
    text("1,000 levels", "data: " + "[" * 1000 + "]" * 1000, "c.yaml:1:38: is nested deeper than 32 levels"),
    text("100,000 levels", "data: " + "{a: " * 100_000, "c.yaml:1:131: is nested deeper than 32 levels"),
    text("100,000 levels of lists", "- " * 100_000, "c.yaml:1:65: is nested deeper than 32 levels"),
    # encodings
    text("a byte-order mark is no fault", b"\xef\xbb\xbf" + CONFIG.encode(), "", 0, "..."),
    text("UTF-16", CONFIG.encode("utf-16"), "c.yaml: is UTF-16; save it as UTF-8"),
    text(
        "UTF-16 without a byte-order mark",
        CONFIG.encode("utf-16-le"),
        "c.yaml:1:2: the character U+0000 is not allowed; save it as plain text, in UTF-8",
    ),
    text("UTF-32", CONFIG.encode("utf-32"), "c.yaml: is UTF-32; save it as UTF-8"),
    text(
        "Latin-1",
        CONFIG.replace("target: y", "target: größe").encode("latin-1"),
        "c.yaml:1:36: byte 0xf6 is not UTF-8; save it as UTF-8",
    ),
    text(
        "a NUL",
        CONFIG.replace("target: y", "target: y\0"),
        "c.yaml:1:35: the character U+0000 is not allowed; save it as plain text, in UTF-8",
    ),
    text(
        "an escape character",
        CONFIG.replace("target: y", "target: \x1b[31my"),
        "c.yaml:1:34: the character U+001B is not allowed; save it as plain text, in UTF-8",
    ),
    # files
    text("an empty file", "", "c.yaml: is empty; a config needs data and model at least"),
    text("only comments", "# nothing\n# at all\n", "c.yaml: is empty; a config needs data and model at least"),
    text("only blanks", "  \n\n", "c.yaml: is empty; a config needs data and model at least"),
    text(
        "a list at the top",
        "- data\n- model\n",
        ("c.yaml:1:1: must be a mapping (data: ..., model: ...); write keys, each with a colon, a blank, a value"),
    ),
    text(
        "a scalar at the top",
        "12\n",
        ("c.yaml:1:1: must be a mapping (data: ..., model: ...); write keys, each with a colon, a blank, a value"),
    ),
    text(
        "text at the top",
        "an essay about networks\n",
        ("c.yaml:1:1: must be a mapping (data: ..., model: ...); write keys, each with a colon, a blank, a value"),
    ),
    is_a(
        "a file of 100 MB",
        large("x.yaml", 100_000_000),
        "x.yaml: is larger than 1,048,576 bytes; is it a config at all?",
    ),
    is_a("a file of 1 TB", large("x.yaml"), "x.yaml: is larger than 1,048,576 bytes; is it a config at all?"),
    is_a("a folder", lambda: Path("x.yaml").mkdir(), "x.yaml: is a directory; name a YAML file"),
    is_a("a folder with configs", nothing, ".: is a directory; name a file in it: c.yaml", command="validate ."),
    is_a("a pipe", pipe("x.yaml"), "x.yaml: is a pipe, not a file; save it as a file: ..."),
    is_a(
        "a device without end", link("x.yaml", "/dev/zero"), "x.yaml: is a device, not a file; save it as a file: ..."
    ),
    is_a("a link to nowhere", link("x.yaml", "nowhere.yaml"), "x.yaml: no such file; did you mean c.yaml?"),
    is_a("a link to itself", link("x.yaml", "x.yaml"), "x.yaml: cannot be read: Too many levels of symbolic links"),
    is_a(
        "a name that is nearly right", nothing, "d.yaml: no such file; did you mean c.yaml?", command="validate d.yaml"
    ),
    is_a("a folder that is not there", nothing, "none/c.yaml: no such file", command="validate none/c.yaml"),
    is_a(
        "a file as a folder",
        nothing,
        "c.yaml/c.yaml: cannot be read: Not a directory",
        command="validate c.yaml/c.yaml",
    ),
    is_a(
        "a name that is too long",
        nothing,
        "....yaml: cannot be read: File name too long",
        command=f"validate {'x' * 300}.yaml",
    ),
    is_a(
        "control characters in a file's name",
        nothing,
        "\\x1b[31m.yaml: no such file; did you mean c.yaml?",
        command="validate '\x1b[31m.yaml'",
    ),
    is_a(
        "a table in place of a config",
        nothing,
        ("points.csv:1:1: must be a mapping (data: ..., model: ...); write keys, each with a colon, a blank, a value"),
        command="validate points.csv",
    ),
    is_a(
        "a picture in place of a config",
        writes("x.yaml", b"\x89PNG\r\n\x1a\n" + bytes(range(256))),
        "x.yaml:1:1: byte 0x89 is not UTF-8; save it as UTF-8",
    ),
]
