"""The commands: what is typed to what is called. Each imports what it needs when it runs."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from rnnkit.cli import options as opt
from rnnkit.cli.guard import GuardedGroup
from rnnkit.cli.signature import with_options
from rnnkit.cli.task_commands import compare_app, train_app
from rnnkit.cli.tasks import Asked, Value, all_columns

__all__ = ["app", "main"]

app = typer.Typer(
    name="rnnkit",
    cls=GuardedGroup,
    help="Recurrent neural networks for people who have sequences and an ordinary CPU.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.add_typer(train_app, name="train")
app.add_typer(compare_app, name="compare")


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command line (`sys.argv` if None), and leave with its exit code.

    0: done. 1: it could not be done. 2: it was called in a way that cannot be done.
    """
    for stream in (sys.stdout, sys.stderr):
        # A character that the terminal cannot show must not end the program.
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    app(args=None if argv is None else list(argv), prog_name="rnnkit")


def _print_version(wanted: bool) -> None:
    if wanted:
        from rnnkit import __version__

        print(f"rnnkit {__version__}")
        raise typer.Exit


@app.callback()
def _common(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="The version.")
    ] = False,
) -> None:
    pass


def predict(
    model: opt.Model,
    inputs: Annotated[
        list[str] | None,
        typer.Argument(metavar="[TEXT|FILE|-]...", help="Texts, files, or - for standard input."),
    ] = None,
    proba: Annotated[bool, typer.Option("--proba", help="The probability of every class.")] = False,
    n_best: Annotated[int, typer.Option(min=1, help="Translations of each text.")] = 1,
    beam_size: opt.BeamSize = None,
    as_json: opt.Json = False,
    **columns: Value,
) -> None:
    """Say what a saved model knows of texts, of series, of images, or of each frame of videos."""
    from rnnkit.cli import predicting

    if not inputs and sys.stdin.isatty():
        raise typer.BadParameter("give a TEXT, a FILE, or - to read standard input.")
    asked = Asked(proba, n_best, beam_size)
    predicting.predict(model, inputs or ["-"], columns, asked, as_json=as_json)


def evaluate(
    model: opt.Model,
    data: Annotated[Path, typer.Argument(metavar="DATA", help="File with the right answers.")],
    beam_size: opt.BeamSize = None,
    as_json: opt.Json = False,
    **columns: Value,
) -> None:
    """Score a saved model on a file."""
    from rnnkit.cli import evaluating

    evaluating.evaluate(model, data, columns, beam_size=beam_size, as_json=as_json)


def diagnose(
    model: opt.Model,
    data: Annotated[Path, typer.Argument(metavar="DATA", help="File with examples to look at.")],
    out: Annotated[
        Path, typer.Option("--out", "-o", metavar="PAGE", help="Page to write, for a browser.")
    ] = Path("report.html"),
    examples: Annotated[int, typer.Option(min=1, help="Examples to look at.")] = 32,
    policies: Annotated[
        list[str] | None,
        typer.Option(
            "--bptt",
            metavar="POLICY",
            help="A truncation to audit, such as truncated(50, 100); may be repeated.",
        ),
    ] = None,
    as_json: opt.Json = False,
    **columns: Value,
) -> None:
    """Show where a saved model's gradients vanish, what truncation costs, what states hold."""
    from rnnkit.cli import diagnosing

    diagnosing.diagnose(
        model, data, columns, out=out, examples=examples, policies=policies, as_json=as_json
    )


app.command()(with_options(predict, all_columns("predict")))
app.command()(with_options(evaluate, all_columns("read")))
app.command()(with_options(diagnose, all_columns("read")))


@app.command()
def generate(
    model: opt.Model,
    prompt: Annotated[str, typer.Option(metavar="TEXT", help="What it goes on from.")] = "",
    max_length: Annotated[int, typer.Option(min=1, help="Tokens at most.")] = 200,
    temperature: Annotated[
        float, typer.Option(min=0.0, help="Below 1 is bolder; 0 takes the most probable.")
    ] = 1.0,
    top_k: Annotated[int | None, typer.Option(min=1, help="Of the k most probable only.")] = None,
    top_p: Annotated[
        float | None, typer.Option(min=0.0, max=1.0, help="Of the fewest with this share only.")
    ] = None,
    count: Annotated[int, typer.Option("--count", "-n", min=1, help="How many texts.")] = 1,
    seed: opt.Seed = None,
    as_json: opt.Json = False,
) -> None:
    """Write a text with a saved language model, token by token."""
    from rnnkit.cli import generating

    generating.generate(
        model,
        prompt,
        count=count,
        seed=seed,
        as_json=as_json,
        max_length=max_length,
        temperature=temperature,
        top_k=top_k,
        top_p=top_p,
    )


@app.command()
def info(model: opt.Model, as_json: opt.Json = False) -> None:
    """What is in a model file."""
    from rnnkit.cli import info as command

    command.info(model, as_json=as_json)


@app.command()
def demo(
    out: Annotated[Path, typer.Option("--out", "-o", metavar="MODEL", help="File to save to.")] = (
        Path("demo.rnn")
    ),
    epochs: opt.Epochs = None,
    seed: opt.Seed = None,
    quiet: opt.Quiet = False,
    as_json: opt.Json = False,
) -> None:
    """Train an English-Korean translator on real pairs, and try it: a few minutes."""
    from rnnkit.cli import demo as command

    command.demo(out=out, epochs=epochs, seed=seed, quiet=quiet, as_json=as_json)


@app.command()
def doctor(as_json: opt.Json = False) -> None:
    """Check the installation."""
    from rnnkit.cli import doctor as command

    command.doctor(as_json=as_json)
