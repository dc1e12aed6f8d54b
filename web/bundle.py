"""All modules of the player as one, so that a page can hold them; needs nothing but Python.

Each module becomes a function that returns what it exports, in the order of their imports. So the
modules keep to three rules: imports are ``import { a, b } from "./x.js";``, exports stand in front
of what they export (or are ``export { a } from "./x.js";``), and comments begin their lines.
"""

from __future__ import annotations

import re
from pathlib import Path

SOURCE = Path(__file__).parent / "src"
IMPORT = re.compile(r'^(import|export) (?:\{([^}]*)\} from )?"\./([^"]+)";\n', re.MULTILINE)
EXPORT = re.compile(
    r"^export (?=(?:async )?(?:class|function|const|let|var)\*? (\w+))", re.MULTILINE
)
COMMENT = re.compile(r"^[ ]*(?:/\*\*.*?\*/|//[^\n]*)\n", re.MULTILINE | re.DOTALL)
INDENT = re.compile(r"^ +", re.MULTILINE)


def bundle(entry: Path) -> str:
    """One module that does what `entry` does.

    Parameters
    ----------
    entry : Path
        A module in any folder; what it imports lies in `SOURCE`, or beside it.

    Returns
    -------
    str
        JavaScript without imports. Comments and indentation are left out, licences are not.

    Raises
    ------
    ValueError
        A module breaks one of the rules, or modules import each other.
    """
    done: dict[Path, str] = {}

    def add(file: Path, path: tuple[Path, ...]) -> str:
        if file in path:
            raise ValueError(f"{file.name} imports itself through others")
        if file not in done:
            text = COMMENT.sub("", file.read_text(encoding="utf-8"))
            lines = []
            exported = EXPORT.findall(text)
            for kind, names, other in IMPORT.findall(text):
                name = add(_find(file, other), (*path, file))
                wanted = ", ".join(n.strip() for n in names.split(",") if n.strip())
                if wanted:
                    lines.append(f"const {{ {wanted.replace(' as ', ': ')} }} = {name};\n")
                exported += wanted.split(", ") if kind == "export" else []
            body = INDENT.sub("", EXPORT.sub("", IMPORT.sub("", text)))
            if re.search(r"^(import|export)\b", body, re.MULTILINE):
                raise ValueError(f"{file.name} has an import or export of another form")
            returned = f"return {{ {', '.join(exported)} }};\n"
            number = len(done)
            done[file] = f"const m{number} = (() => {{\n{''.join(lines)}{body}{returned}}})();\n"
            names_of[file] = f"m{number}"
            exports_of[file] = exported
        return names_of[file]

    names_of: dict[Path, str] = {}
    exports_of: dict[Path, list[str]] = {}
    name = add(entry, ())
    exported = ", ".join(exports_of[entry])
    return "".join(done.values()) + (
        f"export const {{ {exported} }} = {name};\n" if exported else ""
    )


def _find(file: Path, name: str) -> Path:
    beside = file.parent / name
    return beside if beside.is_file() else SOURCE / name
