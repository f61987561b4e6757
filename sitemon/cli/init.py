"""``sitemon init``: a folder of configuration to fill in."""

from pathlib import Path
from typing import Final

import click

from sitemon.cli.terminal import say
from sitemon.own_files import open_own, require_owner

FOLDER_MODE: Final = 0o700
_IN_PROJECT: Final = Path(__file__).parents[2] / "conf_templates"
_IN_WHEEL: Final = Path(__file__).parents[1] / "conf_templates"


@click.command("init")
@click.argument(
    "folder", type=click.Path(file_okay=False, path_type=Path), envvar="CONF_DIR", default="conf", required=False
)
def command(folder: Path) -> None:
    """Write templates of all configuration files to a folder: CONF_DIR, or ./conf. Again is no error.

    Only you can read them, since they are for passwords. A file that is there already is left as it is.
    """
    require_owner(folder)
    folder.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
    for template in _templates():
        say(f"{_written(template, folder / template.name)} {folder / template.name}")
    say(f"fill them in, and then: {f'CONF_DIR={folder} ' if folder != Path('conf') else ''}sitemon lint")


def _templates() -> list[Path]:
    """Return the files of conf_templates, and the Procfile, which in the project is beside them."""
    if not _IN_PROJECT.exists():
        return sorted(_IN_WHEEL.iterdir())
    return [*sorted(_IN_PROJECT.iterdir()), _IN_PROJECT.with_name("Procfile")]


def _written(template: Path, file: Path) -> str:
    try:
        with open(file, "xb", opener=open_own) as written:
            written.write(template.read_bytes())
    except FileExistsError:
        return "left as it is:"
    return "wrote"
