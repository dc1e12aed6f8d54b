"""``spritecodec manual``."""

from __future__ import annotations

from collections.abc import Iterator

import click

import spritecodec

EPILOG = """\b
Examples:
  spritecodec manual | man -l -
  spritecodec manual > ~/.local/share/man/man1/spritecodec.1
"""


@click.command(epilog=EPILOG, short_help="Write the manual page of all commands.")
def command() -> None:
    """Write the manual page of all commands, for man."""
    from spritecodec.cli import group

    with click.Context(group, info_name="spritecodec") as context:
        click.echo("\n".join(manual(group, context)))


def manual(group: click.Group, context: click.Context) -> Iterator[str]:
    """The lines of a page for man, with the macros that all versions of it know."""
    yield f'.TH SPRITECODEC 1 "" "spritecodec {spritecodec.__version__}" "User Commands"'
    yield ".SH NAME"
    yield "spritecodec \\- video made of sprites, in very small files"
    yield ".SH SYNOPSIS"
    yield ".B spritecodec"
    yield ".I COMMAND"
    yield "[\\fIOPTIONS\\fR] ..."
    yield ".SH DESCRIPTION"
    yield from _text(group.help or "")
    for name in group.list_commands(context):
        found = group.get_command(context, name)
        assert found is not None
        with click.Context(found, info_name=name, parent=context) as own:
            yield f".SH {name.upper()}"
            yield from _command(found, own)
    yield ".SH NOTES"
    yield from _text(group.epilog or "")


def _command(command: click.Command, context: click.Context) -> Iterator[str]:
    """What one command does, its options, and its examples."""
    usage = " ".join(command.collect_usage_pieces(context))
    yield f".B {_escape(context.command_path)}"
    yield _escape(usage)
    yield ".PP"
    yield from _text(command.help or "")
    for parameter in command.get_params(context):
        record = parameter.get_help_record(context)
        if record is not None:
            yield ".TP"
            yield f".B {_escape(record[0])}"
            yield _escape(record[1])
    yield ".PP"
    yield from _text(command.epilog or "")


def _text(text: str) -> Iterator[str]:
    """Paragraphs; those that click marks with a backspace keep their lines."""
    for number, paragraph in enumerate(text.strip("\n").split("\n\n")):
        if number:
            yield ".PP"
        lines = paragraph.split("\n")
        if "\b" in lines[0]:
            yield from (".nf", *map(_escape, lines[1:]), ".fi")
        else:
            yield from (_escape(line.strip()) for line in lines if line.strip())


def _escape(line: str) -> str:
    """A line that man shows as it is."""
    line = line.replace("\\", "\\e").replace("-", "\\-")
    return f"\\&{line}" if line.startswith((".", "'")) else line
