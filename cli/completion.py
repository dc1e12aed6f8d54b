"""``spritecodec completion``."""

from __future__ import annotations

import click

EPILOG = """\b
Examples:
  spritecodec completion bash > ~/.local/share/bash-completion/completions/spritecodec
  spritecodec completion zsh > "${fpath[1]}/_spritecodec"
  spritecodec completion fish > ~/.config/fish/completions/spritecodec.fish
"""


@click.command(epilog=EPILOG, short_help="Write a script that completes commands in a shell.")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def command(shell: str) -> None:
    """Write the script with which SHELL completes commands, options and files.

    A new shell reads it from where the examples put it.
    """
    from click.shell_completion import get_completion_class

    from spritecodec.cli import group

    script = get_completion_class(shell)
    assert script is not None
    click.echo(script(group, {}, "spritecodec", "_SPRITECODEC_COMPLETE").source())
